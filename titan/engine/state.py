"""The desk's state as canonical bytes, and back: for snapshots, recovery and the state hash."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

import msgspec

from titan.engine.book import BookImage
from titan.engine.desk import Desk, Ending, Market, Phase, Request, VenueDesk
from titan.engine.exit_state import Cause, Exit
from titan.engine.health import Health
from titan.engine.orders import Counts
from titan.engine.portfolios import PortfolioHost
from titan.engine.risk_standing import packed
from titan.engine.strategies import StrategyHost
from titan.model.commands import RiskStanding
from titan.model.events import AccountSnapshot, FeeRates, MarkPrice
from titan.model.instruments import Instrument

SCHEMA = 1

_encoder = msgspec.msgpack.Encoder(order="sorted")

MARKET_PLAIN = (
    "mid_half_ticks", "heard_ns", "stopped", "closed", "obstacle",
    "fills_from_ns", "fills_read_ns", "fill_ns", "book_asked_ns", "differing_since_ns", "stated_lots",
)  # fmt: skip
DESK_PLAIN = (
    "now_ns", "epoch_ns", "first_quote_ns", "storage_failed", "paused", "halted", "kill_switch", "differences", "day",
    "questions", "looks",
)  # fmt: skip


def freeze(desk: Desk) -> bytes:
    """Everything the desk knows, with sorted keys: equal states give equal bytes."""
    return _encoder.encode(
        {
            "schema": SCHEMA,
            "session": desk.config.session,
            "ids": desk.ids.count,
            "phase": desk.phase.value,
            "day_open": str(desk.day_open),
            "pnl": None if desk.pnl is None else str(desk.pnl),
            "plain": {name: getattr(desk, name) for name in DESK_PLAIN},
            "ending": _ending(desk.ending),
            "requests": [asdict(request) for request in desk.requests],
            "exits": {str(key): each.snapshot() for key, each in desk.exits.items()},
            "orders": desk.orders.snapshot(),
            "ledger": desk.ledger.snapshot(),
            "gate": desk.gate.snapshot(),
            "risk": desk.risk.snapshot(),
            "markets": {str(key): _market(market) for key, market in desk.markets.items()},
            "venues": {name: _venue(venue) for name, venue in desk.venues.items()},
            "hosts": {_title(host): host.snapshot() for host in _hosts(desk)},
        }
    )


def _hosts(desk: Desk) -> list[StrategyHost | PortfolioHost]:
    return [*desk.hosts, *desk.portfolios]


def _title(host: StrategyHost | PortfolioHost) -> str:
    """A host's name in a snapshot: on other symbols its state is of no use."""
    return " ".join((host.config.name, *map(str, host.config.keys)))


def _ending(ending: Ending | None) -> dict[str, Any] | None:
    if ending is None:
        return None
    return asdict(ending) | {"proven": sorted(ending.proven)}


def _market(market: Market) -> dict[str, Any]:
    return {
        "book": msgspec.to_builtins(market.book.snapshot()),
        "instrument": market.instrument and msgspec.to_builtins(market.instrument),
        "fees": market.fees and msgspec.to_builtins(market.fees),
        "mark": market.mark and msgspec.to_builtins(market.mark),
        "signals": market.signals and market.signals.snapshot(),
        "plain": {name: getattr(market, name) for name in MARKET_PLAIN},
    }


def _venue(venue: VenueDesk) -> dict[str, Any]:
    return {
        "streams": venue.streams,
        "unread": sorted(venue.unread),
        "opening": venue.opening and msgspec.to_builtins(venue.opening),
        "closing": venue.closing and msgspec.to_builtins(venue.closing),
        "account": venue.account and msgspec.to_builtins(venue.account),
        "asked_ns": venue.asked_ns,
        "foreign": sorted(venue.foreign),
        "health": asdict(venue.health),
    }


def stopped_in(snapshot: bytes) -> str:
    """Why the desk of a snapshot is in STOP; empty if it is not."""
    return str(msgspec.msgpack.decode(snapshot)["plain"].get("halted", ""))


def standing_in(snapshot: bytes) -> RiskStanding | None:
    """The risk state of a snapshot as it would be told; None in one of before it was kept."""
    data = msgspec.msgpack.decode(snapshot)
    if "risk" not in data:
        return None
    earned = Decimal(data["risk"]["known"]) - Decimal(data["day_open"])
    return RiskStanding(day=data["plain"]["day"], earned_today=earned, risk=packed(data["risk"]))


def thaw(desk: Desk, snapshot: bytes) -> None:
    """Take up a snapshot into a new desk.

    A snapshot of the same session is taken up whole. One of a predecessor brings what outlives a session:
    orders, ledger, strategy states, signals, budgets, terms; the books, the streams and the account are read anew.

    Raises
    ------
    ValueError
        If the snapshot is of another schema.
    """
    data = msgspec.msgpack.decode(snapshot)
    if data["schema"] != SCHEMA:
        raise ValueError(
            f"the snapshot has schema {data['schema']}, this version reads {SCHEMA}; upgrade in steps"
        )
    desk.orders.restore(data["orders"])
    desk.ledger.restore(data["ledger"])
    desk.gate.restore(data["gate"])
    if "risk" in data:
        desk.risk.restore(data["risk"])
    for host in _hosts(desk):
        kept = data["hosts"].get(_title(host))
        if kept is not None:
            host.restore(kept)
    same_session = data["session"] == desk.config.session
    if not same_session:
        desk.orders.counts = Counts()
        for seat in desk.seats:
            seat.quarantined = ""  # whoever starts anew has looked at it
    for key, market in desk.markets.items():
        kept = data["markets"].get(str(key))
        if kept is not None:
            _thaw_market(market, kept, same_session)
    _thaw_exits(desk, data.get("exits", {}), same_session)
    if same_session:
        _thaw_session(desk, data)
    else:
        _thaw_predecessor(desk, data)


def _thaw_predecessor(desk: Desk, data: dict[str, Any]) -> None:
    """What the day has lost so far is carried over, and the latches with it: a restart is no new allowance."""
    risk = desk.risk
    pnl = _last_pnl(desk, data)
    risk.known = risk.known if pnl is None else pnl
    desk.day, desk.day_open = data["plain"]["day"], Decimal(data["day_open"]) - risk.known
    desk.halted = data["plain"].get("halted", "")
    desk.ledger.begin_session(counted=risk.begun or "risk" not in data)
    risk.begin_session()


def _last_pnl(desk: Desk, data: dict[str, Any]) -> Decimal | None:
    """The predecessor's P&L at its very last mids, which are younger than its last look at them."""
    for key, market in desk.markets.items():
        kept = data["markets"].get(str(key))
        market.mid_half_ticks = kept["plain"]["mid_half_ticks"] if kept else 0
    parts = desk.ledger.parts(desk.conversion)
    for market in desk.markets.values():
        market.mid_half_ticks = 0
    return parts.total if parts is not None else None


def _thaw_exits(desk: Desk, kept: dict[str, Any], same_session: bool) -> None:
    """What an operator wanted flat and is not goes on after a restart; every other exit ends with its session."""
    for key in desk.markets:
        if str(key) not in kept:
            continue
        found = Exit.restored(kept[str(key)])
        if same_session:
            desk.exits[key] = found
        elif found.cause is Cause.OPERATOR and (found.under_way or found.resting):
            desk.exits[key] = found.for_next_session()


def _thaw_market(market: Market, data: dict[str, Any], same_session: bool) -> None:
    if data["instrument"] is not None:
        market.instrument = msgspec.convert(data["instrument"], Instrument)
    market.fills_from_ns = data["plain"]["fills_from_ns"]
    market.closed = data["plain"].get("closed", "")
    if market.signals is not None and data.get("signals") is not None:
        market.signals.restore(data["signals"])
    if not same_session:
        return
    market.book.restore(msgspec.convert(data["book"], BookImage))
    market.fees = data["fees"] and msgspec.convert(data["fees"], FeeRates)
    market.mark = data["mark"] and msgspec.convert(data["mark"], MarkPrice)
    for name in MARKET_PLAIN:
        setattr(market, name, data["plain"].get(name, getattr(market, name)))


def _thaw_session(desk: Desk, data: dict[str, Any]) -> None:
    desk.ids.count = data["ids"]
    desk.phase = Phase(data["phase"])
    desk.day_open = Decimal(data["day_open"])
    desk.pnl = None if data["pnl"] is None else Decimal(data["pnl"])
    for name in DESK_PLAIN:
        setattr(desk, name, data["plain"].get(name, getattr(desk, name)))
    desk.requests = [Request(**kept) for kept in data.get("requests", [])]
    ending = data["ending"]
    if ending is not None:
        desk.ending = Ending(**ending | {"proven": set(ending["proven"])})
    for name, venue in desk.venues.items():
        kept = data["venues"][name]
        venue.streams = kept["streams"]
        venue.unread = set(kept["unread"])
        venue.asked_ns = kept["asked_ns"]
        venue.foreign = set(kept["foreign"])
        venue.health = Health(**kept.get("health", {}))
        venue.opening = kept["opening"] and msgspec.convert(kept["opening"], AccountSnapshot)
        venue.closing = kept["closing"] and msgspec.convert(kept["closing"], AccountSnapshot)
        account = kept.get("account")
        venue.account = account and msgspec.convert(account, AccountSnapshot)
