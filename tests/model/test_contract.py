"""Parameters of a strategy: read from texts, held to their ranges, with errors that name key, value and range."""

from typing import Annotated, NamedTuple

import pytest

from titan.model.contract import ParameterError, Range, build_parameters, parameter_ranges


class Parameters(NamedTuple):
    risk_aversion: Annotated[float, Range(0.0, 10.0, "1/coin", "how much inventory is disliked")]
    layers: Annotated[int, Range(1, 5, "quotes", "quotes on each side")] = 2
    aggressive: Annotated[bool, Range(0, 1, "", "stand at the touch")] = False


def test_texts_become_numbers_of_their_kind_and_defaults_stand_in():
    built = build_parameters(Parameters, {"risk_aversion": "0.5", "aggressive": "1"}, "strategy.as")
    assert built == Parameters(0.5, 2, True)
    assert [type(value) for value in built] == [float, int, bool]
    assert build_parameters(Parameters, {"risk_aversion": "1e1", "layers": "3.0"}, "x") == Parameters(10.0, 3)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            {"gamma": "1"},
            r"\[strategy\.as\] gamma: unknown parameter; known are risk_aversion, layers, aggressive",
        ),
        ({"risk_aversion": "much"}, r"risk_aversion = much: not a number; allowed is 0\.0 to 10\.0 1/coin"),
        ({"risk_aversion": "11"}, r"risk_aversion = 11: out of range; allowed is 0\.0 to 10\.0 1/coin"),
        ({"risk_aversion": "-0.1"}, "out of range"),
        ({"risk_aversion": "nan"}, "out of range"),
        ({"risk_aversion": "inf"}, "out of range"),
        ({"risk_aversion": "1", "layers": "1.5"}, r"layers = 1\.5: must be a whole number from 1 to 5"),
        ({"layers": "2"}, r"\[strategy\.as\] risk_aversion: missing, and there is no default"),
    ],
)
def test_every_error_names_key_value_and_range(texts, message):
    with pytest.raises(ParameterError, match=message):
        build_parameters(Parameters, texts, "strategy.as")


class Bare(NamedTuple):
    width: float


class Misnamed(NamedTuple):
    width: Annotated[float, "wide"]


@pytest.mark.parametrize("parameters", [Bare, Misnamed])
def test_a_parameter_without_a_range_is_refused(parameters):
    with pytest.raises(ParameterError, match=r"parameter width of .* has no Range"):
        parameter_ranges(parameters)


def test_ranges_come_in_the_order_of_the_fields():
    assert list(parameter_ranges(Parameters)) == ["risk_aversion", "layers", "aggressive"]
