"""A complete exchange on 127.0.0.1: a generated or replayed market behind a venue's own REST and websocket protocol."""
