"""Pure codecs per venue: bytes to events and commands to parameters. No I/O."""
