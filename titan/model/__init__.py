"""What everything else speaks of: instruments and their units, events, orders, commands, the strategy contract."""
