"""The P&L of a recorded session by part, and the proof that its parts are the change in the venue's equity.

Parts and proof are kept by venue and asset, so that the proof needs no conversion. No part is a remainder, and
nothing here comes from the engine's ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal, NamedTuple

from titan.evaluation.pnl import (
    ZERO,
    FillRow,
    IdentityError,
    Parts,
    add_parts,
    add_up,
    check_identity,
    equity_change,
    gain,
    split_pnl,
)
from titan.model.events import AccountSnapshot
from titan.model.instruments import InstrumentKey
from titan.reports.errors import ReportError
from titan.reports.recording import MANUAL, Booking, Execution, MarketRecord, Recording, VenueRecord

CARRIED = "carried in"
"""The book of an opening position that no single strategy can be named for."""
ROUNDING = Decimal("1e-8")
"""Most that one booking of the venue is off, in its asset: it keeps 8 decimals."""


class Line(NamedTuple):
    """What one strategy made with one instrument, in one asset."""

    key: InstrumentKey
    strategy: str
    asset: str
    parts: Parts


class Proof(NamedTuple):
    """The parts of one asset at one venue beside the change in its equity there.

    `equity` is without transfers and None where the account was not read at both ends; `allowed` is what the venue's
    rounding explains.
    """

    venue: str
    asset: str
    total: Decimal
    equity: Decimal | None
    transfers: Decimal
    difference: Decimal | None
    allowed: Decimal
    verdict: Literal["equal", "differs", "not checkable"]
    reason: str


class Stake(NamedTuple):
    """What one strategy brought to one instrument: opening quantity, executions, and funding as (time ns, amount)."""

    key: InstrumentKey
    strategy: str
    opening: Decimal
    rows: list[Execution]
    funding: list[tuple[int, Decimal]]


def stakes(recording: Recording) -> list[Stake]:
    """Who brought what, by instrument and strategy; the P&L of each is its own."""
    found: list[Stake] = []
    for market in recording.markets.values():
        if market.terms is not None and recording.venues[market.key.venue].opening is not None:
            found += _market_stakes(recording, market)
    return found


def _market_stakes(recording: Recording, market: MarketRecord) -> list[Stake]:
    key = market.key
    opening = recording.venues[key.venue].held_at_opening.get(key.symbol, ZERO)
    rows = [row for row in recording.executions if row.key == key]
    funding = _funding_by_owner(recording, market, rows, opening)
    owner = _owner_of_opening(recording, key)
    owners = dict.fromkeys([*([owner] if opening else []), *(row.strategy for row in rows), *funding])
    if (opening and not market.marked) or (owners and not market.mids):
        raise ReportError(
            f"{key}: held when the account was opened, but there was no mid then: its P&L has no beginning"
        )
    return [
        Stake(
            key,
            name,
            opening if name == owner else ZERO,
            [row for row in rows if row.strategy == name],
            funding.get(name, []),
        )
        for name in owners
    ]


def pnl_lines(recording: Recording) -> list[Line]:
    """The P&L by instrument, strategy and asset."""
    lines: list[Line] = []
    for stake in stakes(recording):
        market = recording.markets[stake.key]
        terms = market.known
        parts = split_pnl(
            terms.kind,
            [fill_row(row, terms.settle) for row in stake.rows],
            market.mids,
            recording.config.timing.markout_ns,
            stake.opening,
            [amount for _, amount in stake.funding],
        )
        lines.append(Line(stake.key, stake.strategy, terms.settle, parts))
        for asset in dict.fromkeys(row.fee_asset for row in stake.rows if row.fee_asset != terms.settle):
            fees = add_up([row.fee for row in stake.rows if row.fee_asset == asset])
            lines.append(Line(stake.key, stake.strategy, asset, Parts(fees=fees)))
    return lines


def fill_row(row: Execution, settle: str) -> FillRow:
    """An execution for the mathematics; a fee in another asset than the settle currency is left aside."""
    fee = row.fee if row.fee_asset == settle else ZERO
    return FillRow(row.time_ns, row.side, row.quantity, row.price, row.mid_before, fee)


def _owner_of_opening(recording: Recording, key: InstrumentKey) -> str:
    """Who holds the opening position: the instrument's only strategy, or nobody in particular."""
    owners = {strategy.name for strategy in recording.config.strategies if key in strategy.keys}
    return owners.pop() if len(owners) == 1 else CARRIED


def _funding_by_owner(
    recording: Recording, market: MarketRecord, rows: list[Execution], opening: Decimal
) -> dict[str, list[tuple[int, Decimal]]]:
    """Funding of one instrument, shared by what each held at the settlement; the first takes the rounding."""
    shares: dict[str, list[tuple[int, Decimal]]] = {}
    asset = market.known.settle
    for booking in recording.bookings:
        if booking.key != market.key or booking.kind != "funding":
            continue
        if booking.asset != asset:
            raise ReportError(
                f"{market.key}: funding of {booking.amount} {booking.asset}, but the contract settles in {asset}: "
                "compare the venue's income records with its contract terms"
            )
        held = {_owner_of_opening(recording, market.key): opening} if opening else {}
        for row in rows:
            if (row.venue_ns or row.time_ns) <= booking.venue_ns:
                held[row.strategy] = held.get(row.strategy, ZERO) + row.side * row.quantity
        for name, amount in _shared(booking.amount, held).items():
            shares.setdefault(name, []).append((booking.time_ns, amount))
    return shares


def _shared(amount: Decimal, held: dict[str, Decimal]) -> dict[str, Decimal]:
    net = sum(held.values(), ZERO)
    holders = {name: quantity for name, quantity in held.items() if quantity}
    if not holders or not net:
        return {MANUAL: amount}
    first, *others = holders
    shares = {name: (amount * holders[name] / net).quantize(ROUNDING, ROUND_HALF_EVEN) for name in others}
    return {first: amount - sum(shares.values(), ZERO), **shares}


# ---- The proof -----------------------------------------------------------------------------------------------


def prove(recording: Recording, lines: Iterable[Line]) -> list[Proof]:
    """Compare the parts with the venues' equity, by venue and asset."""
    lines = list(lines)
    proofs: list[Proof] = []
    for venue in recording.venues.values():
        for asset in _assets(recording, venue, lines):
            own = [line.parts for line in lines if line.key.venue == venue.name and line.asset == asset]
            proofs.append(_prove_asset(recording, venue, asset, add_parts(own) if own else Parts()))
    return proofs


def _assets(recording: Recording, venue: VenueRecord, lines: list[Line]) -> list[str]:
    """Assets that anything was made or booked in, or whose wallet moved."""
    moved = {line.asset for line in lines if line.key.venue == venue.name}
    moved |= {booking.asset for booking in recording.bookings if booking.key.venue == venue.name}
    if venue.opening is not None and venue.closing is not None:
        before = {balance.asset: balance.wallet for balance in venue.opening.balances}
        after = {balance.asset: balance.wallet for balance in venue.closing.balances}
        moved |= {asset for asset in {*before, *after} if before.get(asset, ZERO) != after.get(asset, ZERO)}
    return sorted(moved)


def _prove_asset(recording: Recording, venue: VenueRecord, asset: str, parts: Parts) -> Proof:
    transfers = add_up([b.amount for b in _bookings(recording, venue, asset) if b.kind != "funding"])
    bookings = _bookings_of(recording, venue, asset)
    allowed = bookings * ROUNDING
    reason = _not_checkable(recording, venue)
    if reason or venue.opening is None or venue.closing is None:
        return Proof(venue.name, asset, parts.total, None, transfers, None, allowed, "not checkable", reason)
    before, after = (_equity(recording, venue, asset, at_end=at_end) for at_end in (False, True))
    equity = equity_change(*before, *after) - transfers
    try:
        difference = check_identity(parts, equity, bookings, ROUNDING)
    except IdentityError as error:
        return Proof(
            venue.name,
            asset,
            parts.total,
            equity,
            transfers,
            parts.total - equity,
            allowed,
            "differs",
            str(error),
        )
    return Proof(venue.name, asset, parts.total, equity, transfers, difference, allowed, "equal", "")


def _not_checkable(recording: Recording, venue: VenueRecord) -> str:
    if venue.opening is None:
        return "the account was never read at the start, so nothing was traded"
    if venue.closing is None and recording.ended is None:
        return "the session was killed (or still runs): there is no closing account"
    if venue.closing is None:
        return "the session ended without a closing account"
    return ""


def _bookings(recording: Recording, venue: VenueRecord, asset: str) -> list[Booking]:
    return [b for b in recording.bookings if b.key.venue == venue.name and b.asset == asset]


def _bookings_of(recording: Recording, venue: VenueRecord, asset: str) -> int:
    """Amounts of this asset that the venue rounded: realised profits, fees, incomes, two marks an instrument."""
    rows = [row for row in recording.executions if row.key.venue == venue.name]
    realized = sum(recording.markets[row.key].known.settle == asset for row in rows)
    fees = sum(row.fee_asset == asset for row in rows)
    marks = 2 * sum(
        market.terms is not None and market.terms.settle == asset
        for key, market in recording.markets.items()
        if key.venue == venue.name
    )
    return realized + fees + len(_bookings(recording, venue, asset)) + marks


def _equity(recording: Recording, venue: VenueRecord, asset: str, *, at_end: bool) -> tuple[Decimal, Decimal]:
    """(wallet, open profit re-marked at our mid) of one asset at one end of the session."""
    snapshot = venue.closing if at_end else venue.opening
    held = venue.held_at_closing if at_end else venue.held_at_opening
    if snapshot is None:
        raise ReportError(f"{venue.name}: the account was not read at both ends")
    wallet = add_up([balance.wallet for balance in snapshot.balances if balance.asset == asset])
    return wallet, _open_profit(recording, snapshot, held, asset, at_end=at_end)


def _open_profit(
    recording: Recording, snapshot: AccountSnapshot, held: dict[str, Decimal], asset: str, *, at_end: bool
) -> Decimal:
    total = ZERO
    for position in snapshot.positions:
        market = recording.markets.get(InstrumentKey(snapshot.venue, position.symbol))
        if market is None or market.terms is None or market.terms.settle != asset or not position.lots:
            continue  # a position that is not traded here: its equity is not the session's
        if not market.mids:
            raise ReportError(f"{market.key}: a position is held, but there was no mid to mark it at")
        mid = market.mids[-1 if at_end else 0][1]
        total += position.unrealized + gain(market.terms.kind, held[position.symbol], position.mark, mid)
    return total


def position_differences(recording: Recording) -> list[str]:
    """Instruments whose position at the end is not the opening one plus the recorded executions."""
    found = []
    for key, market in recording.markets.items():
        venue = recording.venues[key.venue]
        stated = venue.held_at_closing.get(key.symbol, ZERO)
        if venue.closing is not None and stated != market.quantity:
            found.append(
                f"{key}: the venue states a position of {stated}, the recorded executions give {market.quantity}"
            )
    return found


# ---- In the reporting currency -------------------------------------------------------------------------------


class Total(NamedTuple):
    """The P&L in the reporting currency; `missing` lists amounts in assets that no price is known for."""

    parts: Parts
    missing: tuple[str, ...]


def reported(recording: Recording, lines: Iterable[Line]) -> Total:
    """Convert at the closing mids and add up. What cannot be converted is listed, not guessed."""
    converted = [Parts()]
    missing: dict[str, Decimal] = {}
    for line in lines:
        rate = recording.rate(line.asset)
        if rate is not None:
            converted.append(Parts(*(amount * rate for amount in line.parts)))
        elif any(line.parts):
            missing[line.asset] = missing.get(line.asset, ZERO) + line.parts.total
    return Total(
        add_parts(converted), tuple(f"{amount:f} {asset}" for asset, amount in sorted(missing.items()))
    )
