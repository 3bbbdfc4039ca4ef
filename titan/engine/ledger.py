"""The ledger: the only source of position and P&L.

Per strategy and instrument a book; the books of an instrument sum to the venue's net position. P&L is split
as it arises, by the functions of `titan.evaluation.running_pnl`; wallets are followed by the venue's own
bookings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec

from titan.engine import holdings
from titan.engine.between import Between
from titan.evaluation.pnl import ZERO, FillRow, Parts, add_parts, equity_change, gain
from titan.evaluation.running_pnl import (
    Running,
    close_running,
    on_fill,
    on_funding,
    on_mid,
    open_running,
    parts_now,
)
from titan.model.events import AccountSnapshot, Fill, Income
from titan.model.instruments import Instrument, InstrumentKey

Conversion = Callable[[str], Decimal | None]
"""Reporting currency per unit of an asset; None where no price is known."""

KEEP_INCOMES = 10_000


class StrategyBook(msgspec.Struct):
    """What one strategy holds of one instrument, and what it made this session."""

    venue: str
    symbol: str
    strategy: str
    lots: int = 0
    running: Running | None = None
    held: holdings.Held = ()
    """When its lots were opened, oldest first."""

    @property
    def key(self) -> InstrumentKey:
        """The instrument."""
        return InstrumentKey(self.venue, self.symbol)


class Ledger:
    """Positions, P&L and wallet bookings over all venues.

    Parameters
    ----------
    markout_ns : int
        How long after a fill the mid's move counts as adverse selection.
    """

    def __init__(self, markout_ns: int) -> None:
        self._markout_ns = markout_ns
        self._instruments: dict[InstrumentKey, Instrument] = {}
        self._books: dict[tuple[InstrumentKey, str], StrategyBook] = {}
        self._mids: dict[InstrumentKey, Decimal] = {}
        self._wallets: dict[str, dict[str, Decimal]] = {}
        self._other_fees: dict[str, Decimal] = {}
        self._transfers: dict[str, Decimal] = {}
        self._incomes: dict[str, None] = {}
        self._opening_mids: dict[InstrumentKey, Decimal] = {}
        self._closing_mids: dict[InstrumentKey, Decimal] = {}
        self._inherited: set[str] = set()
        self._opened_ns: dict[str, int] = {}
        self.between = Between()

    # ---- Positions ---------------------------------------------------------------------------------------

    def learn(self, instrument: Instrument) -> None:
        """Take up an instrument's terms; `rekey` when its lot changes."""
        self._instruments[instrument.key] = instrument

    def lots(self, key: InstrumentKey) -> int:
        """Net position of an instrument, lots."""
        return sum(book.lots for book in self._of(key))

    def strategy_lots(self, key: InstrumentKey, strategy: str) -> int:
        """One strategy's position, lots."""
        book = self._books.get((key, strategy))
        return book.lots if book else 0

    def books(self, key: InstrumentKey) -> dict[str, int]:
        """Lots by strategy."""
        return {book.strategy: book.lots for book in self._of(key)}

    def lots_older(self, key: InstrumentKey, strategy: str, before_ns: int) -> int:
        """Signed lots of a strategy that were opened before a moment; the oldest are closed first."""
        book = self._books.get((key, strategy))
        return holdings.older(book.held, before_ns) if book else 0

    def inherited(self, venue: str) -> bool:
        """True if a predecessor's ledger was taken up for this venue."""
        return venue in self._inherited

    def adopt(self, key: InstrumentKey, strategy: str, lots: int) -> None:
        """Take over what the account already holds, beyond what is booked here."""
        self._book(key, strategy).lots += lots - self.lots(key)

    def _of(self, key: InstrumentKey) -> list[StrategyBook]:
        return [book for (held, _), book in self._books.items() if held == key]

    def _book(self, key: InstrumentKey, strategy: str) -> StrategyBook:
        book = self._books.get((key, strategy))
        if book is None:
            book = self._books[key, strategy] = StrategyBook(*key, strategy)
        return book

    def _quantity(self, key: InstrumentKey, lots: int) -> Decimal:
        terms = self._instruments[key]
        return lots * terms.lot_size * terms.multiplier

    # ---- Bookings ----------------------------------------------------------------------------------------

    def note_mid(self, key: InstrumentKey, time_ns: int, mid: Decimal) -> None:
        """A new mid: positions gain or lose, markouts mature. After the closing nothing moves any more."""
        if key in self._closing_mids:
            return
        self._mids[key] = mid
        for book in self._of(key):
            if book.running is not None:
                book.running = on_mid(book.running, time_ns, mid)

    def book_fill(self, strategy: str, fill: Fill, time_ns: int) -> bool:
        """Book an execution: position, P&L against the mid just before it, and the wallet as the venue booked it.

        False if it came before the session's opening: it is part of the opening position, and of no session's P&L.
        """
        key = fill.key
        book = self._book(key, strategy)
        terms = self._instruments[key]
        opened = book.lots
        book.lots += fill.side * fill.size
        opened_ns = min(time_ns, fill.venue_ns or time_ns)  # it may have been told late, even by a session
        book.held = holdings.changed(book.held, opened_ns, fill.side * fill.size)
        self._move_wallet(fill.venue, terms.settle, fill.realized)
        self._move_wallet(fill.venue, fill.fee_asset, -fill.fee)
        if key not in self._opening_mids:
            if str(key) in self.between.mids:
                quantity = self._quantity(key, fill.side * fill.size)
                self.between.trade(key, terms.settle, terms.kind, quantity, fill.price_in(terms))
                self.between.add(fill.fee_asset, -fill.fee)
            return False
        in_settle = fill.fee_asset == terms.settle
        if not in_settle:
            self._other_fees[fill.fee_asset] = self._other_fees.get(fill.fee_asset, ZERO) + fill.fee
        mid = self._mids[key]
        if book.running is None:
            book.running = open_running(
                terms.kind, self._markout_ns, time_ns, mid, self._quantity(key, opened)
            )
        quantity = self._quantity(key, fill.size)
        row = FillRow(
            time_ns, fill.side, quantity, fill.price_in(terms), mid, fill.fee if in_settle else ZERO
        )
        book.running = on_fill(book.running, row)
        return True

    def book_income(self, income: Income) -> bool:
        """Book a wallet movement that is no execution, once; False if it was booked before."""
        name = f"{income.venue}:{income.kind}:{income.income_id}"
        if name in self._incomes:
            return False
        self._incomes[name] = None
        if len(self._incomes) > KEEP_INCOMES:
            del self._incomes[next(iter(self._incomes))]
        opened_ns = self._opened_ns.get(income.venue)
        if opened_ns is None or income.venue_ns <= opened_ns:
            if income.kind == "funding" and income.venue in self._inherited:
                self.between.add(income.asset, income.amount)
            return True  # before the session's opening: it is in the opening wallet
        self._move_wallet(income.venue, income.asset, income.amount)
        if income.kind == "funding":
            self._book_funding(income)
        else:
            self._transfers[income.asset] = self._transfers.get(income.asset, ZERO) + income.amount
        return True

    def _book_funding(self, income: Income) -> None:
        """Funding goes to the strategies in proportion to what they hold; exactly one takes the rounding."""
        books = [book for book in self._of(income.key) if book.lots and book.running is not None]
        net = sum(book.lots for book in books)
        if not books or not net:
            self._transfers[income.asset] = self._transfers.get(income.asset, ZERO) + income.amount
            return
        left = income.amount
        for book in books[1:]:
            share = (income.amount * book.lots / net).quantize(Decimal("1e-8"), ROUND_HALF_EVEN)
            left -= share
            if book.running is not None:
                book.running = on_funding(book.running, share)
        first = books[0]
        if first.running is not None:
            first.running = on_funding(first.running, left)

    def _move_wallet(self, venue: str, asset: str, amount: Decimal) -> None:
        wallet = self._wallets.setdefault(venue, {})
        wallet[asset] = wallet.get(asset, ZERO) + amount

    def wallet_changes(self, venue: str) -> Mapping[str, Decimal]:
        """What the bookings since the opening did to each asset's wallet."""
        return self._wallets.get(venue, {})

    # ---- The session's frame -----------------------------------------------------------------------------

    def open_session(
        self, venue: str, mids: Mapping[InstrumentKey, Decimal], time_ns: int, asked_ns: int
    ) -> None:
        """Begin to count P&L at these mids, with what is held now.

        Parameters
        ----------
        asked_ns : int
            When the account was asked for: a wallet movement up to then is in the opening wallet already.
        """
        self._wallets[venue] = {}
        self._opened_ns[venue] = asked_ns
        for key, mid in mids.items():
            self._opening_mids[key] = self._mids[key] = mid
            for book in self._of(key):
                book.held = holdings.completed(book.held, book.lots, time_ns)
                terms, quantity = self._instruments[key], self._quantity(key, book.lots)
                self.between.move(key, terms.settle, terms.kind, quantity, mid)
                book.running = open_running(terms.kind, self._markout_ns, time_ns, mid, quantity)

    def close_session(self, mids: Mapping[InstrumentKey, Decimal]) -> None:
        """End the markouts under way and hold the P&L at these mids."""
        for key, mid in mids.items():
            self._closing_mids[key] = mid
            for book in self._of(key):
                if book.running is not None:
                    book.running = close_running(book.running)

    def begin_session(self, *, counted: bool = True) -> None:
        """After taking up a predecessor's snapshot: positions go on, the session's accounts begin anew.

        Parameters
        ----------
        counted : bool
            False if the predecessor never opened: what was earned before it is still to be counted.
        """
        self._inherited = {book.venue for book in self._books.values()}
        if counted:
            self.between = Between({str(key): mid for key, mid in self._mids.items()}, {})
        for book in self._books.values():
            book.running = None
        for kept in (
            self._wallets,
            self._other_fees,
            self._transfers,
            self._opening_mids,
            self._closing_mids,
            self._mids,
            self._opened_ns,
        ):
            kept.clear()

    def rekey(self, key: InstrumentKey, old: Instrument, new: Instrument) -> str:
        """Express positions in new lots; returns what does not fit, empty if all does."""
        left_over = ""
        for book in self._of(key):
            size = book.lots * old.lot_size * old.multiplier
            lots, rest = divmod(size, new.lot_size * new.multiplier)
            book.lots = int(lots)
            book.held = holdings.rekeyed(book.held, book.lots)
            if rest:
                left_over = f"{book.strategy} holds {size}, the new lot is {new.lot_size}"
        self.learn(new)
        return left_over

    # ---- P&L ---------------------------------------------------------------------------------------------

    def parts(self, conversion: Conversion, strategy: str = "") -> Parts | None:
        """The session's P&L by part at the last mids, reporting currency; None if a price for it is missing.

        Parameters
        ----------
        strategy : str
            Whose books alone are counted. Fees in an asset that nothing settles in are kept for all together: each
            strategy bears them all, so that none looks better than it was.
        """
        converted: list[Parts] = []
        for book in self._books.values():
            if book.running is None or strategy not in {"", book.strategy}:
                continue
            rate = conversion(self._instruments[book.key].settle)
            if rate is None:
                return None
            converted.append(Parts(*(amount * rate for amount in parts_now(book.running))))
        for asset, fee in self._other_fees.items():
            rate = conversion(asset)
            if rate is None:
                return None
            converted.append(Parts(fees=fee * rate))
        return add_parts(converted) if converted else Parts()

    def unpriced(self, conversion: Conversion) -> tuple[str, ...]:
        """Assets that money is held or was charged in, and for which no price is known."""
        settled = {
            self._instruments[book.key].settle for book in self._books.values() if book.running is not None
        }
        return tuple(sorted(asset for asset in settled | set(self._other_fees) if conversion(asset) is None))

    def equity_change(
        self, pairs: Iterable[tuple[AccountSnapshot | None, AccountSnapshot | None]], conversion: Conversion
    ) -> Decimal | None:
        """Change in the venues' equity from opening to closing snapshots, re-marked at the ledger's own mids.

        Reporting currency, without transfers; None where a venue's account was not read at both ends, or a
        price is missing.
        """
        total = ZERO
        for opening, closing in pairs:
            if opening is None or closing is None:
                return None
            before, after = (
                self._equity(opening, self._opening_mids),
                self._equity(closing, self._closing_mids),
            )
            for asset in sorted({*before, *after}):
                wallet0, open0 = before.get(asset, (ZERO, ZERO))
                wallet1, open1 = after.get(asset, (ZERO, ZERO))
                change = equity_change(wallet0, open0, wallet1, open1)
                rate = conversion(asset)
                if rate is None and change:
                    return None
                total += change * (rate or ZERO)
        for asset, amount in self._transfers.items():
            total -= amount * (conversion(asset) or ZERO)
        return total

    def _equity(
        self, snapshot: AccountSnapshot, mids: Mapping[InstrumentKey, Decimal]
    ) -> dict[str, tuple[Decimal, Decimal]]:
        """(wallet, open profit at our mid) by asset."""
        equity = {balance.asset: (balance.wallet, ZERO) for balance in snapshot.balances}
        for position in snapshot.positions:
            key = InstrumentKey(snapshot.venue, position.symbol)
            terms, mid = self._instruments.get(key), mids.get(key)
            if terms is None or mid is None or not position.lots:
                continue  # a position that is not traded here: its equity is not the session's
            remark = gain(terms.kind, self._quantity(key, position.lots), position.mark, mid)
            wallet, profit = equity.get(terms.settle, (ZERO, ZERO))
            equity[terms.settle] = (wallet, profit + position.unrealized + remark)
        return equity

    # ---- State -------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything here as plain data."""
        amounts = {name: _plain(getattr(self, f"_{name}")) for name in _AMOUNTS}
        return amounts | {
            "books": [msgspec.to_builtins(book) for book in self._books.values()],
            "instruments": [msgspec.to_builtins(terms) for terms in self._instruments.values()],
            "incomes": list(self._incomes),
            "inherited": sorted(self._inherited),
            "opened_ns": self._opened_ns,
            "between": msgspec.to_builtins(self.between),
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take up a snapshot."""
        for terms in msgspec.convert(data["instruments"], list[Instrument]):
            self._instruments[terms.key] = terms
        for book in msgspec.convert(data["books"], list[StrategyBook]):
            self._books[book.key, book.strategy] = book
        self._incomes = dict.fromkeys(data["incomes"])
        self._inherited = set(data["inherited"])
        self._opened_ns = dict(data.get("opened_ns", {}))
        self.between = msgspec.convert(data.get("between", {}), Between)
        self._wallets = msgspec.convert(data["wallets"], dict[str, dict[str, Decimal]])
        for name in ("other_fees", "transfers"):
            setattr(self, f"_{name}", msgspec.convert(data[name], dict[str, Decimal]))
        for name in ("mids", "opening_mids", "closing_mids"):
            named = msgspec.convert(data[name], dict[str, Decimal])
            setattr(self, f"_{name}", {InstrumentKey(*key.split(":", 1)): mid for key, mid in named.items()})


_AMOUNTS = ("wallets", "other_fees", "transfers", "mids", "opening_mids", "closing_mids")


def _plain(amounts: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): msgspec.to_builtins(amount) for key, amount in amounts.items()}
