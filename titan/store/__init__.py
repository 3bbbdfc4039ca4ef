"""What is kept on disk: the journal of a session and the captures of market data."""
