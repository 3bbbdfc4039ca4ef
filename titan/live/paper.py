"""The paper account: what the settings say of it, and what its last session left.

The account lives in the runner's process and has no file of its own: the session's journal tells everything that
happened to it. So what a killed runner had not made durable has never happened, to the account as little as to the
ledger, and the two cannot disagree at the next start. It is read from the events, not from the kernel's state, because
the account outlives a change of the strategy after which the predecessor no longer replays.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from titan.live.errors import StartRefused
from titan.matching.account import Position, settle_value
from titan.matching.terms import ExchangeSettings, Fees
from titan.model.events import AccountSnapshot, Fill, FillsQueried, Income, InstrumentUpdate
from titan.model.events import Position as StatedPosition
from titan.model.instruments import Instrument
from titan.settings import Settings
from titan.simulation.latency import LatencyModel
from titan.store.framing import JournalError
from titan.store.journal import SessionReader
from titan.store.session import latest_session
from titan.venues.paper_exchange import CarriedAccount, CarriedPosition, PaperConfig

ANY_LEVERAGE = 20
"""Leverage where [venue.NAME] asks for none."""

_MS = 1e6
_BPS = Decimal(10_000)


def paper_config(settings: Settings, venue: str, carried: CarriedAccount | None) -> PaperConfig:
    """The paper account of a venue, from [paper] and from how [venue.NAME] wants an account to be set up."""
    paper, stated = settings.paper, settings.venue[venue]
    fees = Fees(Decimal(str(paper.maker_fee_bps)) / _BPS, Decimal(str(paper.taker_fee_bps)) / _BPS)
    return PaperConfig(
        venue=venue,
        protocol=stated.protocol,
        symbols=stated.symbols,
        wallet=paper.wallet,
        leverage=stated.leverage or ANY_LEVERAGE,
        margin_mode="isolated" if stated.margin_mode == "isolated" else "cross",
        multi_assets=stated.multi_assets,
        entry=LatencyModel(tuple(each * _MS for each in paper.entry_ms), paper.latency_persistence),
        response=LatencyModel(tuple(each * _MS for each in paper.response_ms), paper.latency_persistence),
        seed=paper.seed,
        exchange=ExchangeSettings(
            market="replayed",
            fees=fees,
            queue_model=paper.queue_model,
            queue_exponent=paper.queue_exponent,
        ),
        carried=carried,
    )


def carried_account(journals: Path, account: str) -> CarriedAccount | None:
    """What the account's last session left; None if there was none that got as far as its account.

    Raises
    ------
    StartRefused
        If the journal that tells it cannot be read, or is gone.
    """
    try:
        info = latest_session(journals, account)
        name = info.session if info else None
        while name is not None:
            if not (journals / name).is_dir():
                text = f"the paper account stands in session {name}, which is gone from {journals}"
                raise StartRefused(f"{text}; bring it back, or change account in the venue's section")
            reader = SessionReader(journals / name)
            found = fold_account(event for _, event in reader.inputs())
            if found is not None:
                return found
            name = reader.header.predecessor
    except JournalError as error:
        raise StartRefused(f"the paper account cannot be read: {error}") from None
    return None


def fold_account(events: Iterable[Any]) -> CarriedAccount | None:
    """The account at the end of a session's inputs; None if it was never read in it."""
    fold = _Fold()
    for event in events:
        fold.take(event)
    return fold.account() if fold.opened_ns is not None else None


class _Fold:
    """An account followed through a session: its opening, then every execution and funding since, each once."""

    def __init__(self) -> None:
        self.opened_ns: int | None = None
        self._instruments: dict[str, Instrument] = {}
        self._wallets: dict[str, Decimal] = {}
        self._positions: dict[str, Position] = {}
        self._seen: set[tuple[str, ...]] = set()

    def take(self, event: Any) -> None:
        """Book what an event says of the account."""
        match event:
            case InstrumentUpdate():
                self._learn(event.instrument)
            case AccountSnapshot(purpose="start"):
                self._open(event)
            case Fill():
                self._fill(event)
            case FillsQueried():
                for fill in event.fills:
                    self._fill(fill)
            case Income():
                if self._is_new(event.venue_ns, event.kind, event.income_id):
                    self._move(event.asset, event.amount)

    def account(self) -> CarriedAccount:
        """Wallets and positions as they stand."""
        return CarriedAccount(
            tuple(sorted(self._wallets.items())),
            tuple(
                CarriedPosition(symbol, held.instrument.size(held.lots), held.basis)
                for symbol, held in sorted(self._positions.items())
                if held.lots
            ),
        )

    def _learn(self, instrument: Instrument) -> None:
        self._instruments[instrument.symbol] = instrument
        if instrument.symbol in self._positions:
            self._positions[instrument.symbol].instrument = instrument

    def _open(self, snapshot: AccountSnapshot) -> None:
        self.opened_ns = snapshot.venue_ns
        self._wallets = {balance.asset: balance.wallet for balance in snapshot.balances}
        self._positions = {stated.symbol: self._position(stated) for stated in snapshot.positions}

    def _position(self, stated: StatedPosition) -> Position:
        """The position with its cost: what it is worth at its mark, less its open profit."""
        held = Position(self._instruments[stated.symbol], stated.lots)
        sign = held.direction * (1 if stated.lots > 0 else -1)
        if stated.mark:
            held.basis = sign * held.value(stated.mark) - stated.unrealized
        else:  # a symbol that is no longer followed has no mark
            held.basis = sign * settle_value(held.instrument, stated.entry, abs(stated.lots))
        return held

    def _fill(self, fill: Fill) -> None:
        if not self._is_new(fill.venue_ns, fill.symbol, fill.trade_id, fill.venue_id):
            return
        instrument = self._instruments[fill.symbol]
        held = self._positions.setdefault(fill.symbol, Position(instrument))
        held.execute(fill.side, fill.size, fill.price_in(instrument), fill.venue_ns)
        self._move(instrument.settle, fill.realized)
        self._move(fill.fee_asset, -fill.fee)

    def _move(self, asset: str, amount: Decimal) -> None:
        self._wallets[asset] = self._wallets.get(asset, Decimal(0)) + amount

    def _is_new(self, venue_ns: int, *name: str) -> bool:
        """Whether it came after the opening and was not booked before."""
        if self.opened_ns is None or venue_ns <= self.opened_ns or name in self._seen:
            return False
        self._seen.add(name)
        return True
