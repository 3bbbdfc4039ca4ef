"""The paper account: its orders wait, travel, fill and end as at a venue, on what the venue tells everybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.venues.paper_desk import MS, SYMBOL, TERMS, VENUE, PaperDesk, terms_of
from titan.matching.terms import ExchangeSettings
from titan.model import commands as c
from titan.model.events import (
    AccountSetup,
    BalanceUpdate,
    CommandOutcome,
    FeeRates,
    Fill,
    Income,
    KeptAlive,
    OrderAbsent,
    OrderUpdate,
    QueryFailed,
    StreamState,
    SymbolSetup,
)
from titan.model.orders import SELL, Lifetime
from titan.simulation.latency import LatencyModel
from titan.venues import paper
from titan.venues.paper_exchange import CarriedAccount, CarriedPosition, PaperExchange

HOUR_MS = 3_600_000


@pytest.fixture
async def desk() -> AsyncIterator[Callable[..., Awaitable[PaperDesk]]]:
    """Makes desks that are ready, and closes them after the test."""
    made: list[PaperDesk] = []

    async def make(**changes: Any) -> PaperDesk:
        made.append(PaperDesk(**changes))
        return await made[-1].ready()

    yield make
    for each in made:
        await each.adapter.close()
        assert each.faults == []


async def heard(desk: PaperDesk, kind: type[Any], count: int) -> list[Any]:
    async with asyncio.timeout(5):
        while len(desk.heard(kind)) < count:
            await asyncio.sleep(0.001)
    return desk.heard(kind)


# ---- Fills


async def test_an_order_waits_behind_what_is_displayed_and_fills_by_public_trades(desk):
    one = await desk()
    placed = await one.place(size=3)
    assert isinstance(placed, OrderUpdate)
    assert (placed.state, placed.filled, placed.source) == ("open", 0, "answer")
    one.trade("60000.0", "0.005")  # all that stood before us
    assert (await one.order("one")).filled == 0
    one.trade("60000.0", "0.002")
    (fill,) = await heard(one, Fill, 1)
    assert (fill.side, fill.price, fill.size, fill.maker) == (1, 600_000, 2, True)
    assert (fill.fee, fill.fee_asset, fill.realized) == (Decimal("0.024"), "USDT", 0)
    assert (fill.client_id, fill.venue_id, fill.source) == ("one", placed.venue_id, "stream")
    one.trade("59999.9", "0.009")  # through our price
    fills = await heard(one, Fill, 2)
    assert [each.size for each in fills] == [2, 1]
    assert fills[0].trade_id != fills[1].trade_id
    assert [each.state for each in one.heard(OrderUpdate)] == ["open", "partially_filled", "filled"]
    account = await one.account()
    assert [(held.symbol, held.lots, held.entry) for held in account.positions] == [(SYMBOL, 3, 60_000)]
    assert account.balances[0].wallet == Decimal(10_000) - Decimal("0.036")
    assert one.heard(BalanceUpdate)[-1].balances == account.balances
    income, queried = await one.fills()
    assert income == []
    assert [(each.trade_id, each.fee) for each in queried.fills] == [
        (each.trade_id, each.fee) for each in fills
    ]


async def test_an_order_that_takes_pays_what_is_displayed_and_no_more_of_it(desk):
    one = await desk()
    taken = await one.place(price=600_005, size=14, lifetime=Lifetime.IOC)
    assert (taken.state, taken.filled) == ("expired", 12)
    assert [(fill.price, fill.size, fill.maker) for fill in one.heard(Fill)] == [
        (600_001, 5, False), (600_002, 7, False),
    ]  # fmt: skip
    assert one.heard(Fill)[0].fee == Decimal("0.15000025")
    again = await one.place("two", price=600_005, size=1, lifetime=Lifetime.IOC)
    assert (again.state, again.filled) == ("expired", 0)
    sold = await one.place("three", side=SELL, price=0, size=4, lifetime=Lifetime.MARKET, reduce_only=True)
    assert (sold.state, sold.filled) == ("filled", 4)


async def test_a_frame_reaches_the_session_untouched(desk):
    one = await desk()
    before = len(one.market)
    one.trade("60000.0", "0.005")
    assert one.market[before:] == [
        b'{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","t":1,"p":"60000.0","q":"0.005","m":true,'
        b'"X":"MARKET","E":1,"T":1}}'
    ]


# ---- Latency


async def test_an_order_meets_the_market_as_it_is_when_it_arrives(desk):
    one = await desk(entry_ms=40, response_ms=20)
    sent_ns = one.clock.now_ns()
    placing = asyncio.create_task(one.place(price=600_001, size=2, lifetime=Lifetime.GTC))
    await asyncio.sleep(0)
    one.depth(asks={"60000.1": "0"})  # whoever offered is gone before we are there
    placed = await placing
    assert (placed.state, placed.filled) == ("open", 0)
    assert placed.venue_ns >= sent_ns + 40 * MS
    assert placed.time_ns >= placed.venue_ns + 20 * MS


async def test_the_private_stream_takes_as_long_and_tells_before_the_answer(desk):
    one = await desk(entry_ms=5, response_ms=20)
    taken = await one.place(price=600_001, size=2, lifetime=Lifetime.IOC)
    (fill,) = one.heard(Fill)
    assert fill.time_ns >= fill.venue_ns + 20 * MS
    assert fill.time_ns <= taken.time_ns


async def test_messages_keep_their_order_whatever_is_drawn(desk):
    one = await desk(entry=LatencyModel((0.0, 20.0 * MS)), response=LatencyModel((0.0, 20.0 * MS)), seed=3)
    await asyncio.gather(*(one.place(f"n{number}", price=599_900 + number, size=1) for number in range(20)))
    stamps = [update.venue_ns for update in one.heard(OrderUpdate)]
    assert [update.client_id for update in one.heard(OrderUpdate)] == [f"n{number}" for number in range(20)]
    assert stamps == sorted(stamps)
    assert [order.client_id for order in (await one.open_orders()).orders] == [f"n{n}" for n in range(20)]


async def test_what_is_due_arrives_before_the_next_frame(desk):
    """Where the process was held up, the frame that waited must not overtake the order."""
    one = await desk(entry_ms=1)
    placing = asyncio.create_task(one.place(price=600_001, size=2, lifetime=Lifetime.IOC))
    await asyncio.sleep(0)
    held_ns = one.clock.now_ns() + 2 * MS
    while one.clock.now_ns() < held_ns:
        pass
    one.depth(asks={"60000.1": "0"})
    assert (await placing).filled == 2


# ---- What a refusal proves


async def test_refusals_are_definite_unless_the_order_may_be_elsewhere(desk):
    one = await desk()
    crossing = await one.place(price=600_001)
    assert isinstance(crossing, CommandOutcome)
    assert (crossing.outcome, crossing.code) == ("rejected", "post_only_would_cross")
    assert (crossing.action, crossing.client_id) == ("place", "one")
    small = await one.place("small", price=100, size=1)
    assert (small.outcome, small.code) == ("rejected", "min_notional")
    large = await one.place("large", size=90_000)
    assert (large.outcome, large.code) == ("rejected", "insufficient_margin")
    await one.place("two")
    twice = await one.place("two")
    assert (twice.outcome, twice.code) == ("unknown", "duplicate_client_id")
    for answer, action in (
        (await one.amend("never", 599_999, 2), "amend"),
        (await one.cancel("never"), "cancel"),
    ):
        assert (answer.outcome, answer.code, answer.action) == ("unknown", "unknown_order", action)
    absent = await one.order("never")
    assert isinstance(absent, OrderAbsent)
    assert absent.venue_ns <= one.clock.now_ns()
    assert [order.client_id for order in (await one.open_orders()).orders] == ["two"]


async def test_amend_and_cancel_one_and_all(desk):
    one = await desk()
    await one.place("a")
    await one.place("b", price=599_998)
    moved = await one.amend("a", 599_999, 5)
    assert (moved.state, moved.price, moved.size) == ("open", 599_999, 5)
    crossing = await one.amend("b", 600_001, 3)
    assert (crossing.state, crossing.reason) == ("cancelled", "post_only")
    ended = await one.cancel("a")
    assert (ended.state, ended.reason, ended.source) == ("cancelled", "", "answer")
    await one.place("c")
    assert await one.adapter.cancel_all(c.CancelAll(venue=VENUE, symbol=SYMBOL)) == []
    assert one.heard(OrderUpdate)[-1].client_id == "c"
    assert (await one.order("c")).state == "cancelled"
    assert (await one.open_orders()).orders == ()


# ---- The account


async def test_funding_is_paid_and_told(desk):
    one = await desk()
    await one.place(price=600_001, size=5, lifetime=Lifetime.IOC)
    due_ms = one.clock.now_ns() // MS + 20
    one.mark("60000", due_ms)
    async with asyncio.timeout(5):
        while one.clock.now_ns() <= due_ms * MS:
            await asyncio.sleep(0.001)
    one.mark("60000", due_ms + HOUR_MS)
    updates = await heard(one, BalanceUpdate, 2)
    assert updates[-1].cause == "FUNDING_FEE"
    income, _ = await one.fills()
    (paid,) = income
    assert isinstance(paid, Income)
    assert (paid.kind, paid.amount, paid.venue_ns) == ("funding", Decimal("-0.03"), due_ms * MS)


async def test_the_account_is_set_up_as_asked_and_its_rates_are_the_settings(desk):
    one = await desk(leverage=7, margin_mode="isolated", multi_assets=True)
    (setup,) = await one.adapter.query_setup(c.QuerySetup(venue=VENUE))
    assert isinstance(setup, AccountSetup)
    assert setup.symbols == (SymbolSetup(SYMBOL, "isolated", 7),)
    assert (setup.position_mode, setup.multi_assets, setup.withdrawals) == ("one_way", True, False)
    _, rates = await one.terms()
    assert isinstance(rates, FeeRates)
    assert (rates.maker, rates.taker) == (Decimal("0.0002"), Decimal("0.0005"))
    held = await one.place(price=600_001, size=5, lifetime=Lifetime.IOC)
    assert held.filled == 5
    (position,) = (await one.account()).positions
    assert position.liquidation is not None
    assert position.maintenance_margin == Decimal("1.200001")


async def test_the_dead_man_switch_cancels(desk):
    one = await desk()
    await one.place()
    (kept,) = await one.adapter.keep_alive(c.KeepAlive(venue=VENUE, symbol=SYMBOL, countdown_ns=20 * MS))
    assert isinstance(kept, KeptAlive)
    assert kept.countdown_ns == 20 * MS
    async with asyncio.timeout(5):
        while (await one.order("one")).state == "open":
            await asyncio.sleep(0.002)
    assert (await one.order("one")).reason == "countdown"


async def test_ids_never_come_again_in_another_run(desk):
    ids: list[set[str]] = []
    for _ in range(2):
        one = await desk()
        await one.place(price=600_001, size=1, lifetime=Lifetime.IOC)
        ids.append({one.heard(Fill)[0].trade_id, one.heard(OrderUpdate)[0].venue_id})
        await asyncio.sleep(0.002)
    assert not ids[0] & ids[1]


# ---- What was carried over


async def test_an_account_goes_on_where_it_was(desk):
    held = CarriedPosition(SYMBOL, Decimal("-0.004"), Decimal("-236"))
    one = await desk(carried=CarriedAccount((("USDT", Decimal("1234.5")),), (held,)))
    account = await one.account()
    assert account.balances[0].wallet == Decimal("1234.5")
    assert [(each.lots, each.entry) for each in account.positions] == [(-4, 59_000)]
    closed = await one.place(price=600_001, size=4, lifetime=Lifetime.IOC, reduce_only=True)
    assert closed.filled == 4
    assert one.heard(Fill)[0].realized == Decimal("-4.0004")
    assert (await one.account()).positions == ()


async def test_a_position_in_a_symbol_no_longer_traded_is_kept_and_its_terms_are_told():
    one = PaperDesk(
        symbols=(SYMBOL,),
        carried=CarriedAccount((), (CarriedPosition("ETHUSDT", Decimal(2), Decimal(5_000)),)),
    )
    await one.adapter.open()
    other = msgspec.structs.replace(TERMS, symbol="ETHUSDT", base="ETH")
    one.public.listed = {SYMBOL: TERMS, "ETHUSDT": other}
    events = await one.terms()
    assert [terms.symbol for terms in terms_of(events)] == [SYMBOL, "ETHUSDT"]
    assert [each.symbol for each in events if isinstance(each, FeeRates)] == [SYMBOL]
    assert [(each.symbol, each.lots) for each in (await one.account()).positions] == [("ETHUSDT", 2_000)]
    await one.adapter.close()


@pytest.mark.parametrize(
    ("symbol", "size", "said"),
    [
        ("GONEUSDT", "1", "holds 1 of GONEUSDT, which the venue no longer lists; begin another one"),
        (SYMBOL, "0.0015", "holds 0.0015 of BTCUSDT"),
    ],
)
async def test_what_no_longer_fits_refuses_the_start(symbol, size, said):
    one = PaperDesk(carried=CarriedAccount((), (CarriedPosition(symbol, Decimal(size), Decimal(90)),)))
    await one.adapter.open()
    (failed,) = await one.terms()
    assert isinstance(failed, QueryFailed)
    assert failed.final
    assert said in failed.reason
    assert "change account in its section" in failed.reason
    await one.adapter.close()


# ---- Terms


async def test_another_tick_ends_the_orders_and_refuses_what_was_decided_in_the_old_one(desk):
    one = await desk(entry_ms=20)
    await one.place("stood")
    late = asyncio.create_task(one.place("late", price=599_990))
    await asyncio.sleep(0)
    coarse = msgspec.structs.replace(TERMS, tick_size=Decimal("0.5"), version=2)
    one.public.listed = {SYMBOL: coarse}
    assert terms_of(await one.terms()) == [coarse]
    assert one.public.adopted == {SYMBOL: coarse}
    answer = await late
    assert (answer.outcome, answer.code) == ("rejected", "tick")
    assert (await one.order("stood")).state == "cancelled"
    one.last_id += 1
    await one.snapshot({"60000.0": "0.005"}, {"60000.5": "0.005"})
    assert (await one.place("new", price=120_000)).state == "open"
    one.trade("59999.5", "0.009")
    assert (await heard(one, Fill, 1))[0].price == 120_000


async def test_another_lot_cannot_be_followed(desk):
    one = await desk()
    one.public.listed = {SYMBOL: msgspec.structs.replace(TERMS, lot_size=Decimal("0.01"))}
    (failed,) = await one.terms()
    assert isinstance(failed, QueryFailed)
    assert failed.reason == "BTCUSDT: the lot has changed; stop the session and start it again"


async def test_a_halt_is_followed(desk):
    one = await desk()
    one.public.listed = {SYMBOL: msgspec.structs.replace(TERMS, status="BREAK")}
    await one.terms()
    assert (await one.place()).code == "not_trading"


async def test_terms_that_cannot_be_read_change_nothing(desk):
    one = await desk()
    one.public.listed = one.public.query_failed("query_instruments", "down")
    assert await one.terms() == [one.public.listed]
    assert (await one.place()).state == "open"


# ---- Faults


async def test_after_a_gap_nothing_fills_until_a_snapshot_shows_what_was_missed(desk):
    one = await desk()
    await one.place(size=3)
    one.depth(bids={"60000.0": "0.001"}, lost=1)
    one.trade("59999.0", "0.050")
    assert (await one.order("one")).filled == 0
    await one.snapshot({"59998.0": "0.005"}, {"59999.0": "0.002", "60000.0": "0.002"})
    assert (await one.order("one")).filled == 3


async def test_a_frame_that_cannot_be_read_moves_nothing(desk):
    one = await desk()
    await one.place(size=3)
    one.trade("60000.03", "0.050")  # off the grid
    one.public.sinks.market(b'{"stream":"btcusdt@trade","data":{')
    assert (await one.order("one")).filled == 0


async def test_a_book_that_nobody_mends_is_mended_by_the_adapter(desk, monkeypatch):
    """The engine's own book may have kept the thread that the exchange's has lost."""
    monkeypatch.setattr(paper, "RESYNC_NS", 20 * MS)
    one = await desk()
    await one.place(size=3)
    one.depth(lost=1)
    one.public.book = b""  # the first answer is none
    asked: list[str] = []
    depth = one.public.depth

    async def count(command: c.RequestBook) -> bytes | QueryFailed:
        asked.append(command.symbol)
        return await depth(command)

    monkeypatch.setattr(one.public, "depth", count)
    async with asyncio.timeout(5):
        while len(asked) < 2:
            one.mark("60000.05")
            await asyncio.sleep(0.002)
        await one.snapshot({"60000.0": "0.005"}, {"60000.1": "0.005"})
    before = len(asked)
    one.trade("59999.0", "0.050")
    assert (await one.order("one")).filled == 3
    assert len(asked) == before


async def test_an_absurd_event_costs_the_book_and_not_the_session(desk):
    one = await desk()
    await one.place(size=3)
    one.depth(bids={"60000.0": "0.001", "0.0": "0.001"})
    one.mark("-1")
    one.depth(bids={"60000.0": "0.001"})
    one.trade("59999.0", "0.050")
    assert (await one.order("one")).filled == 0
    await one.snapshot({"60000.0": "0.005"}, {"60000.1": "0.005"})
    one.trade("59999.0", "0.050")
    assert (await one.order("one")).filled == 3


async def test_before_the_terms_and_after_the_end_nothing_is_carried_out():
    one = PaperDesk()
    await one.adapter.open()
    (up,) = one.streams
    assert isinstance(up, StreamState)
    assert (up.stream, up.up) == ("private", True)
    one.trade("60000.0", "0.005")
    assert len(one.market) == 1
    early = await one.order("one")
    assert isinstance(early, QueryFailed)
    assert (early.query, early.reason) == ("query_order", "the paper account is not open")
    await one.terms()
    assert await one.adapter.rebuild_stream(c.RebuildStream(venue=VENUE, reason="no")) == []
    await one.adapter.close()
    assert not one.public.is_open
    assert isinstance(await one.place(), QueryFailed)


async def test_a_fault_of_ours_at_the_exchange_is_told_and_nobody_waits_for_ever(monkeypatch):
    one = await PaperDesk(response_ms=50).ready()

    def broken(*_: object) -> list[Any]:
        raise ZeroDivisionError("made up")

    waiting = asyncio.create_task(one.order("one"))
    await asyncio.sleep(0.01)
    monkeypatch.setattr(PaperExchange, "place", broken)
    placing = asyncio.create_task(one.place())
    await asyncio.wait({waiting, placing}, timeout=5)
    assert waiting.cancelled()
    assert placing.cancelled()
    assert [str(fault) for fault in one.faults] == ["made up"]
    assert isinstance(await one.order("one"), QueryFailed)
    await one.adapter.close()


async def test_the_queue_model_is_the_settings():
    filled: dict[str, int] = {}
    for model in ("risk_averse", "power"):
        settings = ExchangeSettings(market="replayed", queue_model=model, queue_exponent=1.0)
        one = await PaperDesk(exchange=settings).ready()
        await one.place(size=3)
        one.depth(bids={"60000.0": "0.010"})
        one.depth(bids={"60000.0": "0.004"})  # six have gone: before us or behind us?
        one.trade("60000.0", "0.003")
        filled[model] = (await one.order("one")).filled
        await one.adapter.close()
    assert filled["risk_averse"] < filled["power"]
