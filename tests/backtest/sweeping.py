"""Tapes written by hand, sets that trade on them, and the pass as plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from titan.backtest.sweep import market
from titan.backtest.sweep.market import ASK, BID, BUY, SELL, Chosen
from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.results import SetResult, SweepResult
from titan.backtest.sweep.run import checked_modules, run_pass
from titan.backtest.sweep.strategies import kinds
from titan.backtest.sweep.tape import Tape, as_columns
from titan.model.contract import Quotes, View

MS = 1_000_000
KINDS = {"bid": BID, "ask": ASK, "buy": BUY, "sell": SELL}
START_NS = 1_700_000_000_000 * MS

GRID = "bench.peers.fixed_grid"
GLFT = "titan.strategy.glft"
AVELLANEDA = "titan.strategy.avellaneda_stoikov"


def tape_of(*events: tuple[int, str, int, int], delay_ms: int = 0) -> Tape:
    """A tape of (ms, kind, ticks, lots), ticks of 1 and lots of 0.01."""
    times, kinds, prices, lots = zip(*events, strict=True)
    columns = as_columns(
        [START_NS + ms * MS for ms in times],
        [delay_ms * MS] * len(events),
        prices,
        lots,
        [KINDS[kind] for kind in kinds],
    )
    return Tape(columns, Decimal("1"), Decimal("0.01"))


def shortened(tape: Tape, events: int) -> Tape:
    return Tape(market.Columns(*(column[:events] for column in tape.columns)), tape.tick_size, tape.lot_size)


def plain_pass(
    monkeypatch: pytest.MonkeyPatch,
    tape: Tape,
    sets: Sequence[ParameterSet],
    interval_ms: int = 100,
    every: int = 1,
) -> SweepResult:
    """The very functions of the pass, not compiled."""

    def decide(k: int, strategy: int, view: View, chosen: Chosen) -> Quotes:
        module = sets[k].module
        tuples = []
        for kind, floats, whole in (
            (module.Parameters, chosen.parameters, chosen.whole_parameters),
            (module.State, chosen.state, chosen.whole_state),
        ):
            cells = [
                floats[k, at] if hint is float else hint(whole[k, at])
                for at, hint in enumerate(kinds(kind).values())
            ]
            tuples.append(kind(*cells))
        state = module.update(*tuples, view)
        for at, (value, hint) in enumerate(zip(state, kinds(module.State).values(), strict=True)):
            (chosen.state if hint is float else chosen.whole_state)[k, at] = value
        return module.quote(tuples[0], state, view)

    modules = checked_modules(sets, interval_ms, every)
    with monkeypatch.context() as patch:
        patch.setattr(market, "decide", decide)
        return run_pass(SimpleNamespace(simulate=market.simulate), tape, sets, modules, interval_ms, every)


def assert_same(found: SetResult, expected: SetResult) -> None:
    """Fills, counts, money and path, exactly."""
    assert found.fills.tolist() == expected.fills.tolist()
    assert found.counts == expected.counts
    assert found.pnl == expected.pnl
    assert found.last_position == expected.last_position
    assert found.position.tolist() == expected.position.tolist()
    assert found.cash.tolist() == expected.cash.tolist()


def fills_of(result: SetResult) -> list[tuple[Any, ...]]:
    """(ms since the start, side, ticks, lots) of every fill."""
    return [
        ((int(fill["time_ns"]) - START_NS) // MS, int(fill["side"]), int(fill["price"]), int(fill["lots"]))
        for fill in result.fills
    ]
