"""The gates between two stages: what passes, what misses, and what makes a strategy another one."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from titan.engine.promotion import (
    GATES,
    STAGES,
    Gates,
    Identity,
    Measured,
    PromotionError,
    departure,
    is_promotion,
    judge,
    needs_record,
    reaches,
    stands_at,
)

GOOD = Measured(
    days=30, fills=10_000, dsr=0.99, drawdown=10, differences=0, stops=0, parity_days=10, parity_bps=0.1
)
MORE_IS_BETTER = {"days", "fills", "dsr", "parity_days"}


def passes(stage: str, measured: Measured, gates: Gates | None = None) -> bool:
    return all(verdict.passed for verdict in judge(stage, measured, gates or Gates()))


@pytest.mark.parametrize("stage", GATES)
def test_good_evidence_passes_and_none_misses_every_gate(stage):
    assert passes(stage, GOOD)
    assert [verdict.passed for verdict in judge(stage, Measured(), Gates())] == [False] * len(GATES[stage])


@pytest.mark.parametrize(
    ("stage", "gate", "bad"),
    [
        ("research", "days", 0),
        ("research", "fills", 99),
        ("research", "dsr", 0.9499),
        ("research", "drawdown", 1_000.01),
        ("research", "stops", 1),
        ("shadow", "days", 0),
        ("shadow", "differences", 1),
        ("shadow", "stops", 1),
        *((stage, "days", 4) for stage in ("paper", "canary")),
        *((stage, "fills", 99) for stage in ("paper", "canary")),
        *((stage, "drawdown", 1_000.01) for stage in ("paper", "canary")),
        *((stage, "differences", 1) for stage in ("paper", "canary")),
        *((stage, "stops", 1) for stage in ("paper", "canary")),
        *((stage, "parity_days", 2) for stage in ("paper", "canary")),
        *((stage, "parity_bps", 1.01) for stage in ("paper", "canary")),
    ],
)
def test_one_number_beyond_its_bound_misses_its_gate_alone(stage, gate, bad):
    verdicts = judge(stage, GOOD._replace(**{gate: bad}), Gates())
    assert [verdict.gate for verdict in verdicts if not verdict.passed] == [gate]


@pytest.mark.parametrize("stage", GATES)
def test_what_is_exactly_at_its_bound_passes(stage):
    bounds = {gate.measure: float(getattr(Gates(), gate.bound)) for gate in GATES[stage]}
    assert passes(stage, Measured(**bounds))


@pytest.mark.parametrize("stage", GATES)
def test_every_gate_of_a_stage_is_told_with_its_number_and_bound(stage):
    for verdict in judge(stage, GOOD, Gates()):
        assert verdict.measured == getattr(GOOD, verdict.gate)
        assert verdict.at_least == (verdict.gate in MORE_IS_BETTER)
    days = judge(stage, GOOD, Gates())[0]
    assert (days.gate, days.bound) == ("days", getattr(Gates(), f"least_days_{stage}"))


@pytest.mark.parametrize(
    ("switch", "measures"),
    [
        ("least_days_paper", {"days"}),
        ("least_fills", {"fills"}),
        ("least_parity_days", {"parity_days", "parity_bps"}),
    ],
)
def test_a_bound_of_0_takes_its_gate_away(switch, measures):
    without = GOOD._replace(**dict.fromkeys(measures, math.nan))
    assert not passes("paper", without)
    verdicts = judge("paper", without, Gates()._replace(**{switch: 0}))
    assert {verdict.gate for verdict in verdicts if not verdict.asked} == measures
    assert all(verdict.passed for verdict in verdicts)


def test_the_losses_have_no_switch():
    strict = Gates(largest_drawdown=0, largest_differences=0, largest_stops=0, parity_tolerance_bps=0)
    verdicts = judge("paper", GOOD, strict)
    missed = {verdict.gate for verdict in verdicts if not verdict.passed}
    assert missed == {"drawdown", "parity_bps"}
    assert all(verdict.asked for verdict in verdicts)


def test_nothing_follows_the_last_stage():
    with pytest.raises(PromotionError, match="no stage follows live"):
        judge("live", GOOD, Gates())


numbers = st.floats(0, 1e6) | st.just(math.nan)
measured = st.builds(Measured, *[numbers] * len(Measured._fields))
bounds = st.builds(
    Gates,
    **{
        name: st.integers(0, 1_000) if isinstance(default, int) else st.floats(0, 1_000)
        for name, default in Gates._field_defaults.items()
    },
)


@given(stage=st.sampled_from(sorted(GATES)), before=measured, by=st.floats(0, 1e6), gates=bounds)
def test_better_evidence_never_turns_a_pass_into_a_refusal(stage, before, by, gates):
    assume(passes(stage, before, gates))
    for name, value in before._asdict().items():
        better = value + by if name in MORE_IS_BETTER else max(value - by, 0.0)
        if not math.isnan(value):
            assert passes(stage, before._replace(**{name: better}), gates), name


@given(stage=st.sampled_from(sorted(GATES)), found=measured, gates=bounds, by=st.floats(0, 1_000))
def test_a_stricter_bound_never_lets_more_through(stage, found, gates, by):
    assume(not passes(stage, found, gates))
    for verdict, gate in zip(judge(stage, found, gates), GATES[stage], strict=True):
        if verdict.asked:
            bound = verdict.bound + by if verdict.at_least else max(verdict.bound - by, 0.0)
            assert not passes(stage, found, gates._replace(**{gate.bound: bound}))


@given(stage=st.sampled_from(sorted(GATES)), found=measured, gates=bounds)
def test_what_is_asked_for_and_not_measured_never_passes(stage, found, gates):
    for verdict in judge(stage, found, gates):
        if verdict.asked and math.isnan(verdict.measured):
            assert not verdict.passed


# ---- Steps


def test_steps_up_are_one_at_a_time_and_steps_down_are_any():
    for at, stage in enumerate(STAGES):
        for to_at, to in enumerate(STAGES):
            if to_at == at:
                with pytest.raises(PromotionError, match=f"stands at {stage} already"):
                    is_promotion(stage, to)
            elif to_at > at + 1:
                with pytest.raises(
                    PromotionError, match=f"no stage is skipped.*{STAGES[at + 1]} is the next"
                ):
                    is_promotion(stage, to)
            else:
                assert is_promotion(stage, to) == (to_at > at)
    with pytest.raises(PromotionError, match="no stage is called alive; there are research, shadow"):
        is_promotion("canary", "alive")


def test_a_strategy_whose_record_does_not_count_can_be_put_back_to_research():
    assert is_promotion("research", "research", recorded="live") is False
    assert is_promotion("research", "shadow", recorded="live") is True
    with pytest.raises(PromotionError, match="stands at research already"):
        is_promotion("research", "research", recorded="research")


@pytest.mark.parametrize("require_from", ["shadow", "paper", "canary"])
def test_a_record_is_needed_from_a_mode_on_and_never_on_a_model(require_from):
    needed = [mode for mode in ("loopback", "backtest", *STAGES[1:]) if needs_record(mode, require_from)]
    assert needed == list(STAGES[STAGES.index(require_from) :])


def test_a_stage_reaches_itself_and_those_below():
    assert [reaches("paper", mode) for mode in STAGES] == [True, True, True, False, False]


# ---- Another strategy

PROMOTED = Identity(
    code="own.maker",
    sources={"own.maker": "aa", "own.touch": "bb"},
    parameters={"BTCUSDT": {"spread": 2.0, "decay": 0.5}, "ETHUSDT": {"spread": 3.0, "decay": 0.5}},
    calibrated=("decay",),
    calibration_bound=2.0,
)


def test_another_strategy_stands_at_research_whatever_was_recorded():
    assert stands_at("live", PROMOTED, PROMOTED) == ("live", "")
    other = msgspec.structs.replace(PROMOTED, code="own.taker")
    assert stands_at("live", PROMOTED, other) == ("research", "its code is own.taker, not own.maker")


def with_parameter(name: str, value: float) -> Identity:
    values = PROMOTED.parameters["BTCUSDT"] | {name: value}
    return msgspec.structs.replace(PROMOTED, parameters={**PROMOTED.parameters, "BTCUSDT": values})


def test_the_same_strategy_and_one_with_a_symbol_less_are_those_promoted():
    assert departure(PROMOTED, PROMOTED) == ""
    fewer = msgspec.structs.replace(PROMOTED, parameters={"ETHUSDT": PROMOTED.parameters["ETHUSDT"]})
    assert departure(PROMOTED, fewer) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": "own.taker"}, "its code is own.taker, not own.maker"),
        ({"sources": {"own.maker": "ab", "own.touch": "bb"}}, "the source of own.maker differs"),
        ({"sources": {"own.maker": "aa"}}, "the source of own.touch differs"),
        ({"sources": {**PROMOTED.sources, "own.new": "cc"}}, "the source of own.new differs"),
        ({"parameters": {"XRPUSDT": {}}}, "XRPUSDT is not among its symbols, BTCUSDT, ETHUSDT"),
        ({"parameters": {"BTCUSDT": {"spread": 2.0}}}, "BTCUSDT: decay is a parameter on one side alone"),
    ],
)
def test_another_code_source_or_symbol_is_another_strategy(changes, said):
    assert departure(PROMOTED, msgspec.structs.replace(PROMOTED, **changes)) == said


def test_a_parameter_may_move_only_where_it_is_calibrated_and_only_inside_its_bound():
    assert departure(PROMOTED, with_parameter("spread", 2.001)) == "BTCUSDT: spread is 2.001, not 2"
    for inside in (0.25, 0.4, 1.0):
        assert departure(PROMOTED, with_parameter("decay", inside)) == ""
    for outside in (0.2499, 1.001, -0.5):
        said = departure(PROMOTED, with_parameter("decay", outside))
        assert said == f"BTCUSDT: decay is {outside:g}, more than a factor of 2 from 0.5"


def test_a_parameter_that_is_calibrated_since_is_not_free_by_that():
    """Else a strategy would be let go by a line of the settings, after its evidence was judged."""
    freed = msgspec.structs.replace(with_parameter("spread", 2.5), calibrated=("decay", "spread"))
    assert departure(PROMOTED, freed) == "BTCUSDT: spread is 2.5, not 2"
    wider = msgspec.structs.replace(with_parameter("decay", 2.0), calibration_bound=1_000.0)
    assert departure(PROMOTED, wider).startswith("BTCUSDT: decay is 2, more than a factor of 2")
