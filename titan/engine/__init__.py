"""The sans-I/O engine: events in, commands out. It reads no clock, draws no random number, opens no file."""
