"""A venue made of dicts: it answers commands at once, and can be silent, failing, refusing or deaf."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from titan.model import commands as c
from titan.model import events as e
from titan.model.instruments import Instrument
from titan.model.orders import AT_ONCE

SECOND = 1_000_000_000
MID = 500_000  # ticks of 0.10


def instrument(symbol="BTCUSDT", venue="v", **changes):
    terms = Instrument(
        venue=venue, symbol=symbol, base=symbol.removesuffix("USDT"), quote="USDT", settle="USDT", kind="linear",
        multiplier=Decimal(1), tick_size=Decimal("0.10"), lot_size=Decimal("0.001"), min_lots=1, max_lots=100_000,
        max_market_lots=10_000, min_notional=Decimal(5), band_up=Decimal("1.05"), band_down=Decimal("0.95"),
        status="trading",
    )  # fmt: skip
    return msgspec.structs.replace(terms, **changes)


class Standing(msgspec.Struct):
    """An order at the venue."""

    client_id: str
    venue_id: str
    symbol: str
    side: int
    price: int
    size: int
    filled: int = 0
    state: str = "open"
    changed_ns: int = 0
    reduce_only: bool = False


class Holding(msgspec.Struct):
    """A position at the venue: lots and what they cost, settle currency."""

    lots: int = 0
    cost: Decimal = Decimal(0)


class ScriptedVenue:
    """Answers commands at once, from dicts. `silent` commands get no answer, `failing` ones prove nothing,
    `refusing` ones are definitely refused; `lost` ones never reach the venue."""

    def __init__(self, name="v", symbols=("BTCUSDT",)):
        self.name = name
        self.terms = {symbol: instrument(symbol, name) for symbol in symbols}
        self.orders: dict[str, Standing] = {}
        self.holdings = {symbol: Holding() for symbol in symbols}
        self.wallets: dict[str, Decimal] = {"USDT": Decimal(10_000)}
        self.fills: list[e.Fill] = []
        self.incomes: list[e.Income] = []
        self.mids = dict.fromkeys(symbols, MID)
        self.silent: set[type] = set()
        self.failing: set[type] = set()
        self.refusing: set[type] = set()
        self.lost: set[type] = set()
        self.nameless_trades = False
        self.excess: list[str] = []
        """Reduce-only orders that could have done more than reduce."""
        self.position_mode, self.multi_assets = "one_way", False
        self.margin_mode, self.leverage = "cross", 20
        self.withdrawals: bool | None = False
        self.margin: tuple[Decimal, Decimal] | None = None  # maintenance margin and margin balance
        self.liquidations: dict[str, Decimal] = {}
        self._ids = 1000
        self._book_ids = dict.fromkeys(symbols, 100)
        self._levels = {symbol: ((), ()) for symbol in symbols}

    # ---- The market --------------------------------------------------------------------------------------

    def delta(self, now_ns, symbol="BTCUSDT", mid=None, half_ticks=5, size=2000, only=0):
        """Move the touch to mid +- half_ticks; `only` +1 leaves nothing but the bid, -1 nothing but the ask."""
        mid = self.mids[symbol] if mid is None else mid
        self.mids[symbol] = mid
        previous = self._book_ids[symbol]
        self._book_ids[symbol] = previous + 3
        bid, ask = mid - half_ticks, mid + half_ticks
        bids, asks = {p: 0 for p, _ in self._levels[symbol][0]}, {p: 0 for p, _ in self._levels[symbol][1]}
        standing = (((bid, size),) if only >= 0 else (), ((ask, size),) if only <= 0 else ())
        bids |= dict(standing[0])
        asks |= dict(standing[1])
        self._levels[symbol] = standing
        return e.BookDelta(
            time_ns=now_ns, venue=self.name, symbol=symbol, venue_ns=now_ns, first_id=previous + 1,
            last_id=previous + 3, previous_id=previous, bids=tuple(bids.items()), asks=tuple(asks.items()),
        )  # fmt: skip

    def depth(self, now_ns, symbol):
        bids, asks = self._levels[symbol]
        return e.BookSnapshot(
            time_ns=now_ns, venue=self.name, symbol=symbol, venue_ns=now_ns, last_id=self._book_ids[symbol],
            bids=bids, asks=asks,
        )  # fmt: skip

    # ---- Orders ------------------------------------------------------------------------------------------

    def update(self, order, now_ns, source="answer"):
        return e.OrderUpdate(
            time_ns=now_ns, venue=self.name, symbol=order.symbol, venue_ns=order.changed_ns,
            client_id=order.client_id, venue_id=order.venue_id, state=order.state, side=order.side,
            price=order.price, size=order.size, filled=order.filled, reduce_only=order.reduce_only, source=source,
        )  # fmt: skip

    def rest(self, client_id, side, price, size, now_ns, symbol="BTCUSDT"):
        """Put an order into the book, as if somebody had sent it."""
        self._ids += 1
        order = Standing(client_id, str(self._ids), symbol, side, price, size, changed_ns=now_ns)
        self.orders[client_id] = order
        return order

    def execute(self, client_id, lots, now_ns, *, fee="0.001", fee_asset="USDT", price=None, maker=True):
        """Fill an order partly or wholly: the update and the fill as the private stream tells them."""
        order = self.orders[client_id]
        terms, holding = self.terms[order.symbol], self.holdings[order.symbol]
        order.filled += lots
        order.changed_ns = now_ns
        order.state = "filled" if order.filled == order.size else "partially_filled"
        paid = terms.price(price or order.price) * terms.size(lots) * order.side
        realized = Decimal(0)
        if holding.lots * order.side >= 0:
            holding.cost += paid
        else:
            closed = min(abs(holding.lots), lots)
            portion = (holding.cost * closed / abs(holding.lots)).quantize(Decimal("1e-8"))
            proceeds = paid * closed / lots
            realized = -(portion + proceeds)
            holding.cost = holding.cost - portion + (paid - proceeds)
        holding.lots += order.side * lots
        self.wallets["USDT"] += realized
        self.wallets[fee_asset] = self.wallets.get(fee_asset, Decimal(0)) - Decimal(fee)
        self._ids += 1
        fill = e.Fill(
            time_ns=now_ns, venue=self.name, symbol=order.symbol, venue_ns=now_ns, client_id=client_id,
            venue_id=order.venue_id, trade_id=str(self._ids), side=order.side, price=price or order.price,
            size=lots, maker=maker, fee=Decimal(fee), fee_asset=fee_asset, realized=realized, source="stream",
        )  # fmt: skip
        self.fills.append(fill)
        return [self.update(order, now_ns, "stream"), fill]

    def pay_funding(self, amount, now_ns, symbol="BTCUSDT", kind="funding"):
        self._ids += 1
        income = e.Income(
            time_ns=now_ns, venue=self.name, symbol=symbol, venue_ns=now_ns, kind=kind, asset="USDT",
            amount=Decimal(amount), income_id=str(self._ids),
        )  # fmt: skip
        self.wallets["USDT"] += income.amount
        self.incomes.append(income)
        return income

    # ---- Answers -----------------------------------------------------------------------------------------

    def answer(self, command, now_ns):
        kind = type(command)
        if kind in self.lost:
            return []
        if kind in self.failing:
            return [self._failure(command, now_ns)]
        if kind in self.refusing:
            return [self._outcome(command, now_ns, "rejected", "-4000")]
        answers = getattr(self, f"_{kind.__struct_config__.tag}")(command, now_ns)
        return [] if kind in self.silent else answers

    def _failure(self, command, now_ns):
        if isinstance(command, c.PlaceOrder | c.AmendOrder | c.CancelOrder):
            return self._outcome(command, now_ns, "unknown", "")
        return e.QueryFailed(
            time_ns=now_ns, venue=self.name, query=command.__struct_config__.tag,
            symbol=getattr(command, "symbol", ""), client_id=getattr(command, "client_id", ""), reason="time-out",
        )  # fmt: skip

    def _outcome(self, command, now_ns, outcome, code):
        return e.CommandOutcome(
            time_ns=now_ns, venue=self.name, symbol=command.symbol, venue_ns=now_ns,
            action=command.__struct_config__.tag, client_id=command.client_id, outcome=outcome, code=code, message="",
        )  # fmt: skip

    def _place(self, command, now_ns):
        order = self.rest(
            command.client_id, command.side, command.price, command.size, now_ns, command.symbol
        )
        if command.reduce_only:
            self._check_reduces(order)
        if command.lifetime in AT_ONCE:
            return self._take(order, now_ns)
        return [self.update(order, now_ns)]

    def _check_reduces(self, order):
        """Take note of an order that, with all others of its side, could have turned the position."""
        order.reduce_only = True
        standing = sum(o.size - o.filled for o in self.orders.values() if self._beside(o, order))
        if order.side * self.holdings[order.symbol].lots + standing > 0:
            self.excess.append(order.client_id)

    def _beside(self, other, order):
        return (other.symbol, other.side) == (order.symbol, order.side) and self.alive(other.client_id)

    def _take(self, order, now_ns):
        """Trade at the touch what stands there, and end what is left of the order."""
        levels = self._levels[order.symbol][order.side > 0]
        price, there = levels[0] if levels else (0, 0)
        reached = not order.price or order.side * (order.price - price) >= 0
        lots = min(there, order.size) if reached else 0
        told = self.execute(order.client_id, lots, now_ns, price=price, maker=False) if lots else []
        if order.filled < order.size:
            order.state = "expired"
        return [*told, self.update(order, now_ns)]

    def alive(self, client_id):
        order = self.orders.get(client_id)
        return order if order and order.state in {"open", "partially_filled"} else None

    def _amend(self, command, now_ns):
        order = self.alive(command.client_id)
        if order is None:
            return [self._outcome(command, now_ns, "rejected", "-2013")]
        order.price, order.size, order.changed_ns = command.price, command.size, now_ns
        return [self.update(order, now_ns)]

    def _cancel(self, command, now_ns):
        order = self.alive(command.client_id)
        if order is None:
            return [self._outcome(command, now_ns, "rejected", "-2011")]
        order.state, order.changed_ns = "cancelled", now_ns
        return [self.update(order, now_ns)]

    def _query_order(self, command, now_ns):
        order = self.orders.get(command.client_id)
        if order is None:
            return [
                e.OrderAbsent(
                    time_ns=now_ns,
                    venue=self.name,
                    symbol=command.symbol,
                    venue_ns=now_ns,
                    client_id=command.client_id,
                )
            ]
        return [self.update(order, now_ns, "query")]

    def _query_open_orders(self, command, now_ns):
        alive = [self.update(o, now_ns, "query") for o in self.orders.values() if self.alive(o.client_id)]
        return [e.OpenOrders(time_ns=now_ns, venue=self.name, orders=tuple(alive), venue_ns=now_ns)]

    def _query_fills(self, command, now_ns):
        fills = [f for f in self.fills if f.symbol == command.symbol and f.venue_ns >= command.since_ns]
        if self.nameless_trades:
            fills = [msgspec.structs.replace(f, client_id="", source="query") for f in fills]
        incomes = [i for i in self.incomes if i.symbol == command.symbol and i.venue_ns >= command.since_ns]
        done = e.FillsQueried(
            time_ns=now_ns,
            venue=self.name,
            symbol=command.symbol,
            since_ns=command.since_ns,
            fills=tuple(fills),
        )
        return [*incomes, done]

    def _query_account(self, command, now_ns):
        positions = []
        for symbol, holding in self.holdings.items():
            if holding.lots:
                terms, mark = self.terms[symbol], self.terms[symbol].price(self.mids[symbol])
                worth = terms.size(holding.lots) * mark
                entry = abs(holding.cost / terms.size(holding.lots))
                positions.append(
                    e.Position(
                        symbol, holding.lots, entry, mark, worth - holding.cost, self.liquidations.get(symbol)
                    )
                )
        balances = tuple(e.Balance(asset, wallet) for asset, wallet in self.wallets.items())
        return [
            e.AccountSnapshot(
                time_ns=now_ns, venue=self.name, purpose=command.purpose, balances=balances,
                positions=tuple(positions), venue_ns=now_ns, maintenance_margin=self.margin and self.margin[0],
                margin_balance=self.margin and self.margin[1],
            )
        ]  # fmt: skip

    def _query_instruments(self, command, now_ns):
        answers = []
        for symbol, terms in self.terms.items():
            answers.append(e.InstrumentUpdate(time_ns=now_ns, instrument=terms))
            answers.append(
                e.FeeRates(
                    time_ns=now_ns, venue=self.name, symbol=symbol, maker=Decimal(0), taker=Decimal("0.0005")
                )
            )
        return answers

    def _query_setup(self, command, now_ns):
        symbols = tuple(e.SymbolSetup(symbol, self.margin_mode, self.leverage) for symbol in self.terms)
        return [
            e.AccountSetup(
                time_ns=now_ns, venue=self.name, position_mode=self.position_mode, multi_assets=self.multi_assets,
                symbols=symbols, withdrawals=self.withdrawals,
            )
        ]  # fmt: skip

    def _keep_alive(self, command, now_ns):
        return [
            e.KeptAlive(
                time_ns=now_ns, venue=self.name, symbol=command.symbol, venue_ns=now_ns,
                countdown_ns=command.countdown_ns,
            )
        ]  # fmt: skip

    def _rebuild_stream(self, command, now_ns):
        return [
            e.StreamState(time_ns=now_ns, venue=self.name, stream="private", up=up, reason="rebuilt")
            for up in (False, True)
        ]

    def _request_book(self, command, now_ns):
        return [self.depth(now_ns, command.symbol)]
