"""The estimate beside a session on the loopback exchange: a tiny budget shuts the desk by degrees, and so on replay."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.live.desks import (
    RUNNER,
    Log,
    address_of_telemetry,
    open_exchange,
    read_settings,
    running,
    trade,
    until,
    write_settings,
)
from tests.live.test_control import ACCOUNT
from tests.live.test_risk_child import gone
from titan.live.asking import NoAnswer, ask, lines
from titan.live.control import control_path
from titan.live.risk_record import NAME
from titan.loopback.main import ExchangeOptions
from titan.matching.types import OrderKind, OrderRequest, SelfTrade
from titan.model.commands import Notice
from titan.model.events import RiskResult
from titan.model.orders import BUY, Lifetime
from titan.store.journal import SessionReader
from titan.store.replay import replay_session

SYMBOLS = ("BTCUSDT", "ETHUSDT")
BOTH = {
    "venue__symbols": ", ".join(SYMBOLS),
    "strategy__symbols": ", ".join(SYMBOLS),
    "risk__estimate_every_s": 0.1,
}
LEVELS = ["NORMAL", "CAUTION", "WARNING", "CRITICAL", "STOP"]
STEP = 500.0
"""Money bought by hand at a time: between two levels there are several."""


class Desk:
    """A session on an exchange in this process, whose operator also trades by hand."""

    def __init__(self, folder: Path, exchange: Any) -> None:
        self.exchange, self._feeds = exchange.exchange, exchange.feeds
        self._path = control_path(read_settings(folder).project.journals, "loopback.main")
        self.result: Any = None

    async def status(self) -> dict[str, Any]:
        return (await asyncio.to_thread(ask, self._path, 10.0, action="status"))["status"]

    async def shown(self) -> dict[str, Any]:
        """The status with a result that is later than the last one."""
        before = -1 if self.result is None else self.result["computed_ns"]
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(NoAnswer):
                    status = await self.status()
                    self.result = status["risk"]["result"]
                    if self.result is not None and self.result["computed_ns"] > before:
                        return status
                await asyncio.sleep(0.05)

    def buy(self, symbol: str) -> None:
        """By hand, at the market: the desk's limits are not asked."""
        terms = self.exchange.instruments()[symbol]
        mark = float(self.exchange.mark(symbol).mark)
        lots = max(round(STEP / mark / float(terms.lot_size)), 1)
        self.exchange.place(
            ACCOUNT,
            OrderRequest(
                symbol=symbol, side=BUY, size=lots, kind=OrderKind.MARKET, lifetime=Lifetime.IOC,
                self_trade=SelfTrade.EXPIRE_MAKER,
            ),
        )  # fmt: skip
        self._feeds.pump()


@contextlib.asynccontextmanager
async def trading(folder: Path, **changes: object) -> AsyncIterator[tuple[Desk, asyncio.Task[Any]]]:
    async with open_exchange(ExchangeOptions(seed=7, symbols=SYMBOLS)) as (exchange, url):
        session = asyncio.create_task(trade(folder, url, **BOTH, **changes))
        try:
            yield Desk(folder, exchange), session
        finally:
            signal.raise_signal(signal.SIGTERM)
            await session


def estimating(pid: int) -> list[psutil.Process]:
    """The children of a process that estimate risk; one that has just died has no name any more."""
    found = []
    for child in psutil.Process(pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [child] if "titan.live.risk_process" in child.cmdline() else []
    return found


def levels_told(journal: Path) -> list[str]:
    """Every level that was entered, in order."""
    notes = [
        x.message
        for _, _, x in SessionReader(journal).commands()
        if isinstance(x, Notice) and x.code == "risk_level"
    ]
    return [note.partition(" ")[0] for note in notes]


@pytest.mark.parametrize(
    ("channel", "budget"),
    [("shortfall", {"risk__max_shortfall": 300}), ("stress_loss", {"risk__max_stress_loss": 2_500})],
)
async def test_a_tiny_budget_takes_the_desk_through_every_level_and_replays_alone(tmp_path, channel, budget):
    async with trading(tmp_path, **budget) as (desk, session):
        status = await desk.shown()
        for step in range(60):
            if status["risk"]["level"] == "STOP":
                break
            desk.buy(SYMBOLS[step % 2])
            await desk.shown()  # it may have been asked for before the fill
            status = await desk.shown()
        assert status["risk"]["channels"][channel]["level"] == "STOP"
        assert status["halted"] == f"risk: {channel} (max_{channel} = {next(iter(budget.values()))})"
        assert not status["orders"]
        assert sum(part["shortfall"] for part in desk.result["strategies"]) == pytest.approx(
            desk.result["shortfall"]
        )
        assert {part["strategy"] for part in desk.result["strategies"]} >= {"manual"}
        text = "\n".join(lines(status))
        assert " +- unknown USDT (2.5% tail over 3600 s), 0 s old" in text
        assert "    assumed: 10% a day and no netting, for the record has " in text
        assert "    strategy manual: " in text
        assert "    stress 2020-03-12 crash: loses " in text
    result = session.result()
    journal = Path(result.summary["journal"])
    assert result.exit_code == 4
    assert levels_told(journal) == LEVELS[1:]
    assert len([x for _, x in SessionReader(journal).inputs() if isinstance(x, RiskResult)]) > 10
    assert replay_session(journal).identical


async def test_quoting_goes_on_without_the_process_and_age_tells(tmp_path, capsys):
    log = Log(capsys)
    limits = {
        "risk__max_shortfall": 1_000_000, "risk__max_estimate_age_s": 2, "risk__estimate_enough": 20,
        "risk__estimate_tail": 0.05,
    }  # fmt: skip
    async with trading(tmp_path, **limits) as (desk, session):
        await desk.shown()
        (process,) = estimating(os.getpid())
        process.suspend()
        async with asyncio.timeout(20):
            while (status := await desk.status())["risk"]["channels"]["estimate_age"]["value"] < 2:
                await asyncio.sleep(0.1)
        assert status["risk"]["level"] == "WARNING"
        assert status["risk"]["channels"]["shortfall"]["value"] is None
        assert "EXPIRED: nothing is known now" in "\n".join(lines(status))
        assert {one["not_quoting_because"] for one in status["instruments"].values()} == {""}
        url = f"{await address_of_telemetry(log)}/metrics"
        async with aiohttp.ClientSession() as http, http.get(url) as page:
            metrics = await page.text()
        assert "titan_shortfall NaN" in metrics
        process.kill()
        await until(lambda: log.lines("risk_estimate"))
        assert "ended with -9" in log.lines("risk_estimate")[0]["event"]
        async with asyncio.timeout(20):
            while (await desk.status())["risk"]["channels"]["shortfall"]["value"] is None:
                await asyncio.sleep(0.1)
        async with asyncio.timeout(20):
            while not desk.result["basis"].startswith("filtered record of "):
                await desk.shown()
        assert desk.result["error"] is not None
        async with aiohttp.ClientSession() as http, http.get(url) as page:
            metrics = await page.text()
        assert "titan_risk_process_failures 1.0" in metrics
        assert 'titan_stress_loss{scenario="squeeze"}' in metrics
    journal = Path(session.result().summary["journal"])
    assert replay_session(journal).identical
    reasons = [
        x.message
        for _, _, x in SessionReader(journal).commands()
        if isinstance(x, Notice) and x.code == "risk_level"
    ]
    assert reasons[0].startswith("WARNING (was NORMAL): estimate_age (max_estimate_age_s = 2; ")
    assert estimating(os.getpid()) == []
    assert (journal / NAME).stat().st_size > 0


def test_a_runner_that_is_killed_leaves_no_process_of_its_own(tmp_path):
    settings = write_settings(tmp_path, risk__estimate_every_s=0.2)
    with running(RUNNER, "--settings", settings, "--json") as runner:
        while not (estimators := estimating(runner.pid)):
            assert runner.poll() is None
            signal.sigtimedwait([], 0.05)
        children = psutil.Process(runner.pid).children()
        assert len(estimators) == 1
        assert len(children) >= 2, "and its exchange"
        runner.kill()
        while not all(gone(child.pid) for child in children):
            signal.sigtimedwait([], 0.05)


async def test_without_a_period_there_is_no_process(tmp_path):
    async with open_exchange() as (exchange, url):
        session = asyncio.create_task(trade(tmp_path, url, risk__estimate_every_s=0))
        await until(lambda: exchange.exchange.open_orders(ACCOUNT, "BTCUSDT"))
        assert estimating(os.getpid()) == []
        signal.raise_signal(signal.SIGTERM)
        assert (await session).exit_code == 0
