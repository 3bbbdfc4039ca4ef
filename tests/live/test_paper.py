"""Sessions in mode paper, on the public data of an exchange on real sockets."""

from __future__ import annotations

import asyncio
import signal
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.live.desks import (
    RUNNER,
    Log,
    exchange_process,
    last_object,
    log_lines,
    read_settings,
    running,
    until,
    write_settings,
)
from tests.live.watched import Watched, watched_exchange
from titan.live.errors import StartRefused
from titan.live.paper import carried_account
from titan.live.result import Result
from titan.live.runner import RunOptions, run
from titan.loopback.main import ExchangeOptions
from titan.model.events import AccountSnapshot, Fill
from titan.store.journal import SessionReader
from titan.store.replay import replay_session
from titan.strategy import avellaneda_stoikov
from titan.venues.paper import PaperAdapter

FILL = b"\xa4fill"
"""How a journal names an execution."""

FAST = ExchangeOptions(seed=7, speed=5.0)
"""Five times the trades a second: nobody has to wait long for an execution."""

CENT_MILLIONTH = Decimal("0.000001")
MAKER = {"live__mode": "paper", "paper__maker_fee_bps": -0.5, "paper__entry_ms": "1, 2, 5"}
"""A market maker's programme: at the public rate this market is too tight to be quoted."""


def settings_for(folder: Path, url: str, **changes: object) -> Any:
    return read_settings(folder, venue__rest_url=url, **{**MAKER, **changes})


async def paper(folder: Path, url: str, duration_s: float = 0.0, **changes: object) -> Result:
    settings = settings_for(folder, url, **changes)
    return await run(settings, RunOptions(venue="loopback", duration_s=duration_s, quiet=True))


async def paper_until_filled(
    folder: Path, url: str, adapters: list[PaperAdapter], count: int, **changes: object
) -> Result:
    """A session that is stopped by a signal once its account has so many executions."""
    before = len(adapters)

    def filled() -> bool:
        exchange = adapters[-1]._exchange if len(adapters) > before else None
        return exchange is not None and len(exchange._exchange.trades("paper")) >= count

    session = asyncio.create_task(paper(folder, url, **changes))
    await until(filled, 40)
    signal.raise_signal(signal.SIGTERM)
    return await session


@pytest.fixture
def adapters(monkeypatch: pytest.MonkeyPatch) -> list[PaperAdapter]:
    """Every paper adapter that is made."""
    made: list[PaperAdapter] = []
    init = PaperAdapter.__init__

    def keep(adapter: PaperAdapter, *given: Any) -> None:
        init(adapter, *given)
        made.append(adapter)

    monkeypatch.setattr(PaperAdapter, "__init__", keep)
    return made


def agrees(result: Result) -> None:
    """The accounts of a session that ended by a signal agree, and its journal replays."""
    found = result.summary
    assert (found["mode"], result.exit_code) == ("paper", 0)
    parts = sum(Decimal(part) for part in found["pnl_parts"].values())
    assert abs(parts - Decimal(found["pnl"])) <= CENT_MILLIONTH
    assert abs(Decimal(found["equity_change_at_venue"]) - Decimal(found["pnl"])) <= CENT_MILLIONTH
    assert found["open_orders_at_exit"] == found["unknown_orders_at_exit"] == 0
    assert (found["reconciliation_differences"], found["left_open"]) == (0, [])
    replay = replay_session(Path(found["journal"]))
    assert (replay.identical, replay.difference, replay.truncated) == (True, "", ())
    assert replay.events == found["events"]


def inputs(result: Result, kind: type[Any]) -> list[Any]:
    reader = SessionReader(Path(result.summary["journal"]))
    return [event for _, event in reader.inputs() if isinstance(event, kind)]


def is_untouched(market: Watched) -> bool:
    """Whether the exchange knows nothing of the account that was traded on paper."""
    exchange = market.desk.exchange
    account = exchange.accounts()[0]
    return not exchange.trades(account) and not exchange.orders(account, "BTCUSDT")


async def test_a_session_fills_on_public_data_alone_and_the_next_goes_on_from_its_journal(
    tmp_path, monkeypatch, adapters
):
    async with watched_exchange(monkeypatch, FAST) as market:
        first = await paper_until_filled(tmp_path, market.url, adapters, 3)
        agrees(first)
        assert first.summary["fills"] >= 3
        assert first.summary["orders_acked"] == first.summary["orders_sent"] > 0
        assert Decimal(first.summary["pnl_parts"]["fees"]) > 0
        fills = inputs(first, Fill)
        assert {fill.venue_id.partition("-")[0] for fill in fills} == {fills[0].venue_id.partition("-")[0]}

        second = await paper_until_filled(tmp_path, market.url, adapters, 2, paper__wallet=5)
        agrees(second)
        assert {path for _, path, _, _ in market.asked} == {
            "/fapi/v1/time", "/fapi/v1/exchangeInfo", "/fapi/v1/depth",
        }  # fmt: skip
        assert market.nothing_private()
        assert is_untouched(market)

    header = SessionReader(Path(second.summary["journal"])).header
    assert header.predecessor == first.summary["session"]
    assert header.account.startswith("loopback.main@paper on 127.0.0.1:")
    closed = [snapshot for snapshot in inputs(first, AccountSnapshot) if snapshot.purpose == "end"][-1]
    opened = [snapshot for snapshot in inputs(second, AccountSnapshot) if snapshot.purpose == "start"][-1]
    assert opened.balances == closed.balances  # and not what [paper] wallet says now
    assert [(held.symbol, held.lots, held.entry) for held in opened.positions] == [
        (held.symbol, held.lots, held.entry) for held in closed.positions
    ]
    assert {fill.trade_id for fill in fills}.isdisjoint(fill.trade_id for fill in inputs(second, Fill))


async def test_the_account_outlives_a_strategy_that_was_edited(tmp_path, monkeypatch, adapters, capsys):
    log = Log(capsys)
    quote = avellaneda_stoikov.quote
    async with watched_exchange(monkeypatch, FAST) as market:
        first = await paper_until_filled(tmp_path, market.url, adapters, 2)
        monkeypatch.setattr(
            avellaneda_stoikov,
            "quote",
            lambda parameters, state, view: quote(
                parameters._replace(minimum_half_spread_bps=0.5), state, view
            ),
        )
        second = await paper(tmp_path, market.url, 0.5)
    agrees(second)
    assert log.lines("predecessor_differs")
    closed = [snapshot for snapshot in inputs(first, AccountSnapshot) if snapshot.purpose == "end"][-1]
    opened = [snapshot for snapshot in inputs(second, AccountSnapshot) if snapshot.purpose == "start"][-1]
    assert opened.balances == closed.balances
    assert [held.lots for held in opened.positions] == [held.lots for held in closed.positions]


async def test_a_journal_that_told_the_account_and_is_gone_refuses_the_start(tmp_path, monkeypatch, adapters):
    async with watched_exchange(monkeypatch, FAST) as market:
        await paper(tmp_path, market.url, 0.2)
        (first,) = (tmp_path / "journals").glob("2*-*")
        monkeypatch.setattr(PaperAdapter, "query_account", no_account)
        session = asyncio.create_task(paper(tmp_path, market.url, live__shutdown_timeout_s=1))
        await until(lambda: len(adapters) == 2 and adapters[1]._exchange is not None)
        signal.raise_signal(signal.SIGTERM)
        await session
        account = SessionReader(first).header.account
        assert carried_account(tmp_path / "journals", account) is not None  # of the session before the last
        first.rename(tmp_path / first.name)
        with pytest.raises(StartRefused, match=f"stands in session {first.name}, which is gone from"):
            await paper(tmp_path, market.url)


async def no_account(adapter: PaperAdapter, command: Any) -> list[Any]:
    return [adapter._public.query_failed("query_account", "made up")]


async def test_fees_above_what_the_venues_section_allows_are_refused(tmp_path, monkeypatch):
    async with watched_exchange(monkeypatch, FAST) as market:
        result = await paper(tmp_path, market.url, paper__taker_fee_bps=10)
    assert result.exit_code == 3
    assert "max_taker_fee_bps: expected at most 5, BTCUSDT has 10" in result.summary["stopped_because"]


async def test_a_symbol_that_the_venue_does_not_list_is_refused(tmp_path, monkeypatch):
    changes = {"venue__symbols": "NOUSDT", "strategy__symbols": "NOUSDT"}
    async with watched_exchange(monkeypatch, FAST) as market:
        result = await paper(tmp_path, market.url, **changes)
    assert result.exit_code == 3
    assert (
        "lists no tradable NOUSDT; correct symbols in [venue.loopback]" in result.summary["stopped_because"]
    )


def test_killed_and_started_again(tmp_path):
    """``titan exchange`` in one process, ``titan-live --mode paper`` in another: killed, started again, Ctrl-C."""
    with exchange_process("--seed", 7, "--speed", 5) as port:
        changes = {**MAKER, "live__mode": "loopback", "venue__rest_url": f"http://127.0.0.1:{port}"}
        given = ("--settings", write_settings(tmp_path, **changes), "--mode", "paper", "--json")
        with running(RUNNER, *given) as runner:
            killed = wait_for_fill(tmp_path, runner)
            runner.kill()
            runner.communicate(timeout=30)
        assert runner.returncode == -signal.SIGKILL
        cut = replay_session(killed)
        assert cut.identical, cut.difference
        with running(RUNNER, *given) as runner:
            wait_for_fill(tmp_path, runner, but=killed)
            runner.send_signal(signal.SIGINT)
            out, err = runner.communicate(timeout=30)
    assert runner.returncode == 0, err
    found = last_object(out)
    assert (found["mode"], found["stopped_because"]) == ("paper", "SIGINT received")
    assert found["reconciliation_differences"] == found["open_orders_at_exit"] == 0
    assert abs(Decimal(found["equity_change_at_venue"]) - Decimal(found["pnl"])) <= CENT_MILLIONTH
    again = replay_session(Path(found["journal"]))
    assert again.identical, again.difference
    assert SessionReader(Path(found["journal"])).header.predecessor == killed.name
    codes = {line["code"] for line in log_lines(err)}
    assert not codes & {"position_difference", "position_adopted", "wallet_difference", "foreign_order"}
    # Orders went with the process that was killed: they are proven absent, each of them.
    left = {order.client_id for order in cut.kernel.desk.orders.live()}
    told = {line.get("client_id") for line in log_lines(err) if line["code"] == "order_absent"}
    assert left == told


def wait_for_fill(folder: Path, runner: Any, but: Path | None = None) -> Path:
    """The journal of the session that runs, once an execution stands in it while an order is open."""
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        assert runner.poll() is None, runner.communicate()[1]
        for journal in (folder / "journals").glob("2*-*"):
            if journal != but and FILL in b"".join(path.read_bytes() for path in journal.glob("*.tj")):
                return journal
        time.sleep(0.2)
    raise AssertionError("no execution within 60 s")
