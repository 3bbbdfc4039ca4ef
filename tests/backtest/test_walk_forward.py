"""Walking forward: nothing of the future is in a choice, and what is counted is what was made."""

from __future__ import annotations

import numpy as np
import pytest

from tests.backtest.sweeping import AVELLANEDA, MS
from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.run import sweep
from titan.backtest.sweep.synthetic import synthetic_tape
from titan.backtest.sweep.walk_forward import Periods, joined, periods_of, walk_forward

SECOND = 1_000_000_000


def periods(returns: np.ndarray, start_s: int = 0) -> Periods:
    starts = (start_s + np.arange(len(returns))) * SECOND
    return Periods(starts, starts + SECOND, returns)


def test_the_best_of_the_past_is_chosen_and_what_comes_next_is_counted() -> None:
    """Of two sets one wins in the first half, the other in the second: walking forward is late."""
    returns = np.zeros((12, 2))
    returns[:6, 0], returns[6:, 1] = 1.0, 1.0
    walk = walk_forward(periods(returns), "total", folds=3)
    assert [step.chosen for step in walk.steps] == [0, 0, 0]
    assert [step.made for step in walk.steps] == [3.0, 0.0, 0.0]
    assert [step.hindsight for step in walk.steps] == [0, 1, 1]
    assert walk.returns.sum() == 3.0
    assert walk.rows.tolist() == list(range(3, 12))


def test_what_is_not_known_yet_does_not_choose() -> None:
    """A gain in the last period before a part is not known when the choice is made."""
    returns = np.zeros((8, 2))
    returns[0, 0], returns[3, 1] = 1.0, 9.0
    (step,) = walk_forward(periods(returns), "total", folds=1).steps
    # The third row's return is known only when the fourth begins; the fourth one's at the moment of the choice.
    assert (step.train.tolist(), step.chosen) == ([0, 1, 2], 0)
    (later,) = walk_forward(periods(returns), "total", folds=1, embargo_ns=SECOND).steps
    assert later.train.tolist() == [0, 1]


def test_an_objective_that_is_none() -> None:
    with pytest.raises(ValueError, match="must be one of total, sharpe"):
        walk_forward(periods(np.ones((8, 2))), "profit")


def test_sharpe_prefers_the_steady_one() -> None:
    returns = np.column_stack([np.tile([3.0, -1.0], 6), np.tile([0.6, 0.5], 6), np.zeros(12)])
    assert [step.chosen for step in walk_forward(periods(returns), "sharpe", folds=2).steps] == [1, 1]
    assert [step.chosen for step in walk_forward(periods(returns), "total", folds=2).steps] == [0, 0]


def test_the_periods_of_a_sweep_add_up_to_its_result() -> None:
    tape = synthetic_tape(8_000, seed=3)
    sets = [
        ParameterSet(
            f"{skew}",
            AVELLANEDA,
            {
                "skew_at_max_inventory_bps": skew,
                "mean_fill_depth_bps": 0.01,
                "minimum_half_spread_bps": 0.01,
            },
            entry=2 * MS,
        )
        for skew in (0.05, 0.1)
    ]
    result = sweep(tape, sets, interval_ms=50, path_every=10)
    found = periods_of(result, {one.name: float(one.maker_fee) for one in sets}, tape.start_ns)
    assert all(len(one.fills) > 20 for one in result.sets)
    made = [float(one.pnl.total) for one in result.sets]
    assert found.returns.sum(axis=0) == pytest.approx(made, abs=1e-9)
    assert (found.end_ns > found.start_ns).all()
    assert found.returns.shape == (len(result.path_ns), 2)


def test_tapes_of_one_time_are_not_joined() -> None:
    first, second = periods(np.ones((4, 2))), periods(np.ones((4, 2)), start_s=4)
    assert len(joined([second, first]).returns) == 8
    with pytest.raises(ValueError, match="two tapes tell of the same time"):
        joined([first, periods(np.ones((4, 2)), start_s=3)])
