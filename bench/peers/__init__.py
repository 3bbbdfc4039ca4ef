"""What runs beside or inside a peer: strategies that both sides compile, and the peer's own rules and process."""
