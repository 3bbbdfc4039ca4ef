"""A strategy over two instruments, of a package elsewhere, on the loopback exchange as a process; then replayed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.live.desks import REPOSITORY
from titan import settings as settings_module
from titan.engine.strategies import StrategyError
from titan.live.configure import kernel_config, strategy_modules
from titan.model.commands import PlaceOrder
from titan.model.events import Fill
from titan.model.orders import Lifetime
from titan.store.journal import SessionReader
from titan.store.replay import replay_session

CODE = '''
import math
from typing import Annotated, NamedTuple

from titan.model.contract import Leg, Quotes, Range, Take

LEGS = 2


class Parameters(NamedTuple):
    size: Annotated[float, Range(0.001, 1, "coins", "size of a quote")] = 0.01
    reach: Annotated[float, Range(0, 100, "quote currency", "worst price of a hedge beyond the touch")] = 2.0


class Memory(NamedTuple):
    bid: float
    ask: float


class State(NamedTuple):
    views: int
    legs: tuple[Memory, ...]


def initial(parameters, legs):
    return State(0, (Memory(math.nan, math.nan),) * legs)


def update(parameters, state, views):
    return State(state.views + 1, tuple(Memory(view.bid, view.ask) for view in views))


def quote(parameters, state, views):
    """Quote the first at its touch, and hold as much of the second on the other side."""
    first, second = state.legs
    mid = (first.bid + first.ask) / 2
    quotes = Quotes(first.bid, parameters.size, first.ask, parameters.size, mid, mid)
    missing = -views[0].inventory - views[1].inventory
    limit = second.ask + parameters.reach if missing > 0 else second.bid - parameters.reach
    nothing = Quotes(math.nan, 0.0, math.nan, 0.0, math.nan, math.nan)
    return Leg(quotes), Leg(nothing, Take(missing, limit))
'''

SECTION = """
[strategy.hedged]
code = elsewhere.hedged
symbols = {symbols}
reach = 3.5
"""


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    """A folder with the settings of two symbols, and a package that holds the strategy."""
    package = tmp_path / "elsewhere"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "hedged.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "elsewhere", raising=False)
    monkeypatch.delitem(sys.modules, "elsewhere.hedged", raising=False)
    write(tmp_path)
    return tmp_path


def write(desk: Path, symbols: str = "BTCUSDT, ETHUSDT", more: str = "") -> None:
    text = (REPOSITORY / "settings.ini").read_text(encoding="utf-8")
    text = text.replace("symbols = BTCUSDT\naccount", "symbols = BTCUSDT, ETHUSDT\naccount")
    text = text.replace("enabled = true", "enabled = false")
    (desk / "settings.ini").write_text(text + SECTION.format(symbols=symbols) + more, encoding="utf-8")


def run(desk: Path, program: str, *arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TITAN_")}
    environment["PYTHONPATH"] = os.pathsep.join((str(desk), str(REPOSITORY)))
    code = f"import sys; from titan.cli import {program}; sys.exit({program}())"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=desk, env=environment, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout.splitlines()[-1]


def test_it_quotes_one_contract_and_hedges_with_another_on_the_loopback_exchange(desk):
    summary = json.loads(
        run(desk, "main_live", "--speed", "max", "--duration", "20", "--seed", "3", "--json")
    )
    assert summary["open_orders_at_exit"] == summary["reconciliation_differences"] == 0
    assert abs(Decimal(summary["equity_change_at_venue"]) - Decimal(summary["pnl"])) <= Decimal("0.000001")
    reader = SessionReader(Path(summary["journal"]))
    placed = [command for _, _, command in reader.commands() if isinstance(command, PlaceOrder)]
    takes = {command.client_id for command in placed if command.lifetime is Lifetime.IOC}
    fills = [found for _, found in reader.inputs() if isinstance(found, Fill)]
    hedges = [fill for fill in fills if fill.client_id in takes]
    makers = [fill for fill in fills if fill.client_id not in takes]
    assert len(makers) >= 5
    assert {(fill.symbol, fill.maker) for fill in makers} == {("BTCUSDT", True)}
    assert {(fill.symbol, fill.maker) for fill in hedges} == {("ETHUSDT", False)}
    assert all(fill.source == "stream" for fill in fills)
    # What the first leg holds the second makes up for, but for a quote that filled too late to be hedged.
    assert abs(sum(summary["position"].values())) <= 10 < sum(fill.size for fill in hedges)
    done = replay_session(Path(summary["journal"]))
    assert (done.identical, done.difference) == (True, "")
    verified = json.loads(run(desk, "main", "journal", "verify", "--json", summary["journal"]))
    assert verified["identical"]


def test_its_section_is_one_strategy_over_all_its_symbols(desk):
    config = kernel_config(settings_module.load(desk / "settings.ini", environment={}), "s", "loopback", 0)
    (hedged,) = config.strategies
    assert (hedged.symbol, hedged.legs) == ("BTCUSDT", ("BTCUSDT", "ETHUSDT"))
    assert [key.symbol for key in hedged.keys] == ["BTCUSDT", "ETHUSDT"]
    assert hedged.parameters == (0.01, 3.5)
    assert strategy_modules(config)["elsewhere.hedged"].LEGS == 2


@pytest.mark.parametrize(
    ("symbols", "more", "message"),
    [
        ("ETHUSDT", "", r"\[strategy\.hedged\] symbols = ETHUSDT: must be 2 symbols for this code, there are 1"),
        ("ETHUSDT, ETHUSDT", "", r"symbols = ETHUSDT, ETHUSDT: each symbol may stand there once"),
        ("BTCUSDT, ETHUSDT", "[strategy.hedged.ETHUSDT]\nreach = 1\n",
         r"\[strategy\.hedged\.ETHUSDT\]: the code has one set of parameters for all its symbols"),
    ],
)  # fmt: skip
def test_symbols_that_do_not_fit_its_code_are_refused_before_anything_starts(desk, symbols, more, message):
    write(desk, symbols, more)
    settings = settings_module.load(desk / "settings.ini", environment={})
    with pytest.raises(StrategyError, match=message):
        kernel_config(settings, "s", "loopback", 0)
