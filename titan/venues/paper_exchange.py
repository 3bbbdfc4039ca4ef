"""A paper account on a venue's public market: the matching core, moved by what the venue tells everybody.

Orders join the queue behind what is displayed and fill as they do on a recorded market (`titan.matching.replay_book`):
by public trades and by the other side reaching their price. Nobody sees them, so nobody answers to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from titan.matching.exchange import Exchange
from titan.matching.margin import liquidation_price
from titan.matching.terms import AccountTerms, ExchangeSettings, Holding
from titan.matching.types import OrderKind, OrderRequest, PositionRecord, Refusal, RefusalReason
from titan.model import commands as c
from titan.model.events import (
    AccountSetup,
    AccountSnapshot,
    Balance,
    BookDelta,
    BookSnapshot,
    FeeRates,
    FillsQueried,
    JournalledEvent,
    KeptAlive,
    MarketEvent,
    MarkPrice,
    OpenOrders,
    OrderAbsent,
    Position,
    SymbolSetup,
    TradePrint,
)
from titan.model.instruments import Instrument, OffGridError
from titan.model.orders import Lifetime
from titan.simulation.latency import LatencyModel
from titan.venues.paper_words import Words

ACCOUNT = "paper"
_MS = 1_000_000


class CarriedPosition(NamedTuple):
    """A position of an earlier run: signed size in the venue's quantity unit, and its signed cost, settle asset."""

    symbol: str
    size: Decimal
    basis: Decimal


class CarriedAccount(NamedTuple):
    """What an earlier run of the paper account left."""

    wallets: tuple[tuple[str, Decimal], ...]
    positions: tuple[CarriedPosition, ...]


class PaperConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One paper account.

    Parameters
    ----------
    venue, protocol : str
        The [venue.NAME], and whose public frames its market is made of.
    symbols : tuple of str
        Instruments that are traded.
    wallet : Decimal
        What the account begins with in each currency that its instruments settle in.
    leverage : int
        Of every symbol.
    margin_mode : str
        What the account is told to have; margin is always that of a cross account.
    multi_assets : bool
        What the account is told to have.
    entry, response : LatencyModel
        How long a request takes to the exchange, and its answer back, ns.
    seed : int
        Of both.
    exchange : ExchangeSettings
        Fees and queue model.
    carried : CarriedAccount or None
        Goes before `wallet`.
    """

    venue: str
    protocol: str
    symbols: tuple[str, ...]
    wallet: Decimal
    leverage: int = 20
    margin_mode: Literal["cross", "isolated"] = "cross"
    multi_assets: bool = False
    entry: LatencyModel = LatencyModel((0.0,))
    response: LatencyModel = LatencyModel((0.0,))
    seed: int = 1
    exchange: ExchangeSettings = ExchangeSettings(market="replayed")
    carried: CarriedAccount | None = None


class TermsChanged(Exception):
    """The venue's terms no longer fit the account; the text says what to do."""


class PaperExchange:
    """The exchange's end: every method is one request, carried out at `now_ns`.

    Parameters
    ----------
    config : PaperConfig
        The account.
    terms : mapping of str to Instrument
        What the venue lists, by symbol.
    now_ns : int
        Where the exchange's clock begins; it is the session's.

    Raises
    ------
    TermsChanged
        If a position was carried over that does not fit the terms.
    """

    def __init__(self, config: PaperConfig, terms: Mapping[str, Instrument], now_ns: int) -> None:
        self._config = config
        self._words = Words(config.venue, str(now_ns // _MS))
        carried = config.carried or CarriedAccount((), ())
        holdings = tuple(self._held(position, terms) for position in carried.positions)
        traded = dict.fromkeys((*config.symbols, *(holding.symbol for holding in holdings)))
        self._exchange = Exchange((terms[symbol] for symbol in traded), config.exchange, now_ns)
        begins = {terms[symbol].settle: config.wallet for symbol in traded}
        balances = tuple(sorted({**begins, **dict(carried.wallets)}.items()))
        self._exchange.open_account(
            ACCOUNT, AccountTerms(balances=balances, holdings=holdings, leverage=config.leverage)
        )
        self._exchange.drain()  # what it begins with is nobody's news

    @staticmethod
    def _held(position: CarriedPosition, terms: Mapping[str, Instrument]) -> Holding:
        instrument = terms.get(position.symbol)
        if instrument is None:
            raise TermsChanged(
                f"the paper account holds {position.size} of {position.symbol}, which the venue no longer lists; "
                "begin another one: change account in its section"
            )
        try:
            return Holding(position.symbol, instrument.lots(position.size), position.basis)
        except OffGridError as error:
            raise TermsChanged(
                f"the paper account holds {position.size} of {position.symbol}: {error}; "
                "begin another one: change account in its section"
            ) from None

    # ---- The market ------------------------------------------------------------------------------------------

    def advance(self, now_ns: int) -> None:
        """Let time pass: countdowns end, funding is settled."""
        self._exchange.advance(max(now_ns, self._exchange.now_ns))

    def take(self, event: MarketEvent) -> None:
        """Let the venue's public word move the market, and fill what it fills."""
        self.advance(event.time_ns)
        if not isinstance(event, BookSnapshot | BookDelta | TradePrint | MarkPrice):
            return
        try:
            self._exchange.apply_market(event)
        except ValueError:
            return  # absurd or behind a gap, and not applied: the book then waits for a snapshot (`synchronised`)

    def synchronised(self, symbol: str) -> bool:
        """False while a symbol's book waits for a snapshot; nothing fills in it then."""
        return symbol not in self.symbols or self._exchange.synchronised(symbol)

    def private(self) -> list[JournalledEvent]:
        """What the private stream tells since the last call."""
        return self._words.private(self._exchange.drain(), self._exchange.now_ns)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Everything that is traded or held here."""
        return tuple(self._exchange.instruments())

    def instrument(self, symbol: str) -> Instrument | None:
        """The terms that hold now; None for a symbol that is not traded here."""
        return self._exchange.instruments().get(symbol)

    def learn(self, terms: Mapping[str, Instrument]) -> list[JournalledEvent]:
        """Take up new terms. Another tick ends every order of its symbol, as nothing counted in the old one can stand.

        Returns
        -------
        list
            What the private stream tells of those ends.

        Raises
        ------
        TermsChanged
            If more than the tick is another: the account's positions are counted in the old lots.
        """
        told: list[JournalledEvent] = []
        for symbol, before in self._exchange.instruments().items():
            after = terms.get(symbol, before)
            if not before.same_grid(after):
                told += self._regrid(before, after)
            self._exchange.set_instrument(after)
        return told

    def _regrid(self, before: Instrument, after: Instrument) -> list[JournalledEvent]:
        if (before.lot_size, before.multiplier, before.kind) != (
            after.lot_size,
            after.multiplier,
            after.kind,
        ):
            raise TermsChanged(f"{before.symbol}: the lot has changed; stop the session and start it again")
        self._exchange.cancel_all(ACCOUNT, before.symbol)
        told = self.private()  # in the ticks of before
        self._exchange.regrid(before.symbol, after.tick_size)
        return told

    # ---- Orders ----------------------------------------------------------------------------------------------

    def place(self, command: c.PlaceOrder, decided: Instrument | None) -> list[JournalledEvent]:
        """Place an order that was decided in the ticks of `decided`."""
        at_market = command.lifetime is Lifetime.MARKET
        request = OrderRequest(
            symbol=command.symbol,
            side=command.side,
            size=command.size,
            price=0 if at_market else command.price,
            client_id=command.client_id,
            kind=OrderKind.MARKET if at_market else OrderKind.LIMIT,
            lifetime=Lifetime.IOC if at_market else command.lifetime,
            reduce_only=command.reduce_only,
        )
        try:
            self._require_grid(command.symbol, decided)
            record = self._exchange.place(ACCOUNT, request)
        except Refusal as refusal:
            return [self._words.refused("place", command, refusal, self._exchange.now_ns)]
        return [self._words.order(record, self._exchange.now_ns, "answer")]

    def amend(self, command: c.AmendOrder, decided: Instrument | None) -> list[JournalledEvent]:
        """Change an open order that was decided on in the ticks of `decided`."""
        try:
            self._require_grid(command.symbol, decided)
            record = self._exchange.amend(
                ACCOUNT,
                command.symbol,
                price=command.price,
                size=command.size,
                side=command.side,
                client_id=command.client_id,
            )
        except Refusal as refusal:
            return [self._words.refused("amend", command, refusal, self._exchange.now_ns)]
        return [self._words.order(record, self._exchange.now_ns, "answer")]

    def _require_grid(self, symbol: str, decided: Instrument | None) -> None:
        now = self.instrument(symbol)
        if now is not None and (decided is None or not now.same_grid(decided)):
            raise Refusal(RefusalReason.TICK, "the tick changed while the order was on its way")

    def cancel(self, command: c.CancelOrder) -> list[JournalledEvent]:
        """Cancel one order."""
        try:
            record = self._exchange.cancel(ACCOUNT, command.symbol, client_id=command.client_id)
        except Refusal as refusal:
            return [self._words.refused("cancel", command, refusal, self._exchange.now_ns)]
        return [self._words.order(record, self._exchange.now_ns, "answer")]

    def cancel_all(self, command: c.CancelAll) -> list[JournalledEvent]:
        """Cancel every order of a symbol; each end is told on the private stream."""
        self._exchange.cancel_all(ACCOUNT, command.symbol)
        return []

    def keep_alive(self, command: c.KeepAlive) -> list[JournalledEvent]:
        """Cancel the symbol's orders at the end of the countdown unless asked again."""
        self._exchange.set_countdown(ACCOUNT, command.symbol, command.countdown_ns)
        return [
            KeptAlive(
                time_ns=self._exchange.now_ns,
                venue=command.venue,
                symbol=command.symbol,
                countdown_ns=command.countdown_ns,
            )
        ]

    # ---- Questions -------------------------------------------------------------------------------------------

    def query_order(self, command: c.QueryOrder) -> list[JournalledEvent]:
        """One order by client id. One of an earlier run is not known: it went with its process."""
        now_ns = self._exchange.now_ns
        try:
            record = self._exchange.order(ACCOUNT, command.symbol, client_id=command.client_id)
        except Refusal:
            return [
                OrderAbsent(
                    time_ns=now_ns,
                    venue=command.venue,
                    symbol=command.symbol,
                    client_id=command.client_id,
                    venue_ns=now_ns,
                )
            ]
        return [self._words.order(record, now_ns, "query")]

    def query_open_orders(self, command: c.QueryOpenOrders) -> list[JournalledEvent]:
        """All open orders."""
        now_ns = self._exchange.now_ns
        records = self._exchange.open_orders(ACCOUNT)
        orders = tuple(self._words.order(record, now_ns, "query") for record in records)
        return [OpenOrders(time_ns=now_ns, venue=command.venue, orders=orders, venue_ns=now_ns)]

    def query_fills(self, command: c.QueryFills) -> list[JournalledEvent]:
        """Funding and executions of this run; those of earlier ones are in the balance that was carried over."""
        now_ns, symbol, since_ns = self._exchange.now_ns, command.symbol, command.since_ns
        income = self._exchange.income(ACCOUNT, symbol, since_ns)
        told: list[JournalledEvent] = [
            self._words.funding(record, now_ns) for record in income if record.kind == "funding_fee"
        ]
        trades = self._exchange.trades(ACCOUNT, symbol, since_ns)
        fills = tuple(self._words.fill(trade, now_ns, "query") for trade in trades)
        told.append(
            FillsQueried(time_ns=now_ns, venue=command.venue, symbol=symbol, since_ns=since_ns, fills=fills)
        )
        return told

    def query_account(self, command: c.QueryAccount) -> list[JournalledEvent]:
        """Balances and positions."""
        now_ns = self._exchange.now_ns
        balances = self._exchange.balances(ACCOUNT)
        held = [position for position in self._exchange.positions(ACCOUNT) if position.lots]
        return [
            AccountSnapshot(
                time_ns=now_ns,
                venue=command.venue,
                purpose=command.purpose,
                balances=tuple(Balance(balance.asset, balance.wallet) for balance in balances),
                positions=tuple(self._position(position) for position in held),
                venue_ns=now_ns,
                maintenance_margin=sum((balance.maintenance_margin for balance in balances), Decimal(0)),
                margin_balance=sum((balance.margin for balance in balances), Decimal(0)),
            )
        ]

    def _position(self, held: PositionRecord) -> Position:
        instrument = self._exchange.instruments()[held.symbol]
        liquidation = None
        if instrument.kind == "linear":
            margin = {balance.asset: balance for balance in self._exchange.balances(ACCOUNT)}[
                instrument.settle
            ]
            liquidation = liquidation_price(
                self._config.exchange.brackets, held, margin.margin, margin.maintenance_margin
            )
        return Position(
            symbol=held.symbol,
            lots=held.lots,
            entry=held.entry,
            mark=held.mark,
            unrealized=held.unrealized,
            liquidation=liquidation,
            maintenance_margin=held.maintenance_margin,
        )

    def query_setup(self, command: c.QuerySetup) -> list[JournalledEvent]:
        """The account is set up as the settings ask: there is nobody to set it up otherwise."""
        config = self._config
        return [
            AccountSetup(
                time_ns=self._exchange.now_ns,
                venue=command.venue,
                position_mode="one_way",
                multi_assets=config.multi_assets,
                symbols=tuple(
                    SymbolSetup(symbol, config.margin_mode, config.leverage) for symbol in config.symbols
                ),
                withdrawals=False,
            )
        ]

    def fee_rates(self, symbol: str) -> FeeRates:
        """The settings' rates: a public connection cannot know an account's."""
        maker, taker = self._exchange.fees(ACCOUNT, symbol)
        return FeeRates(
            time_ns=self._exchange.now_ns, venue=self._config.venue, symbol=symbol, maker=maker, taker=taker
        )
