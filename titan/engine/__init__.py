"""The decisions, without I/O: what is known, what is wanted, what may be sent."""
