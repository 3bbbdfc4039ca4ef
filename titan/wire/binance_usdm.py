"""Binance USD-M as bytes and events: the face of its codecs."""

from __future__ import annotations

from titan.wire.binance_market import MarketCodec, wrap_snapshot

__all__ = ["MarketCodec", "wrap_snapshot"]
