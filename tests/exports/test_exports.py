"""What holds for every exported function: bad input is refused by name, every argument matters, units agree."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from scripts.export import EXPORTED_ROOMS, exported_modules
from tests.exports.sample import NUMBER, Sample, Unit
from titan.model.contract import parameter_ranges

REPOSITORY = Path(__file__).resolve().parents[2]
BAD = (math.nan, math.inf, -math.inf)
SCALES: tuple[Unit, ...] = ((4.0, 1.0, 1.0), (1.0, 4.0, 1.0), (1.0, 1.0, 4.0))


def modules() -> list[str]:
    """Return every exported module as room.name."""
    return sorted(
        ".".join(path.relative_to(REPOSITORY / "titan").with_suffix("").parts)
        for path in (REPOSITORY / name for name in exported_modules(REPOSITORY))
    )


def functions(module: str) -> dict[str, Callable[..., Any]]:
    """Return the public functions that a module defines."""
    exported = importlib.import_module(f"titan.{module}")
    found = {name: getattr(exported, name) for name in exported.__all__}
    return {name: value for name, value in found.items() if inspect.isfunction(value)}


def samples(module: str) -> tuple[Sample, ...]:
    """Return the samples of a module, none if it has no file."""
    name = module.replace(".", "_")
    if not (REPOSITORY / "tests" / "exports" / f"{name}.py").is_file():
        return ()
    found: tuple[Sample, ...] = importlib.import_module(f"tests.exports.{name}").SAMPLES
    return found


class Pair(NamedTuple):
    """A record for the tests of this file itself."""

    first: float
    second: float


MODULES = modules()
ALL = [(module, sample) for module in MODULES for sample in samples(module)]


def label(module: str, sample: Sample) -> str:
    return f"{module}.{sample.function.__name__}"


def plain(value: Any) -> Any:
    """Return a result as nested tuples of plain values, so that any two can be compared."""
    if isinstance(value, np.ndarray):
        return tuple(plain(one) for one in value.tolist()) if value.ndim else value.item()
    if isinstance(value, dict):
        return tuple((plain(key), plain(one)) for key, one in value.items())
    if isinstance(value, list | tuple):
        return tuple(plain(one) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return tuple(plain(getattr(value, one.name)) for one in dataclasses.fields(value))
    if isinstance(value, np.generic):
        return value.item()
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call by keyword; what a function takes as ``*factors`` is passed as such."""
    parameters = inspect.signature(function).parameters
    many = [name for name, one in parameters.items() if one.kind is inspect.Parameter.VAR_POSITIONAL]
    named = {name: value for name, value in arguments.items() if name not in many}
    return function(*(value for name in many for value in arguments[name]), **named)


def spoiled(value: Any, bad: float) -> Iterator[Any]:
    """Yield the argument with one number made bad: itself, or its last element."""
    if isinstance(value, float):
        yield bad
    elif isinstance(value, Decimal):
        yield Decimal(bad)
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size:
        worse = value.copy()
        worse.flat[value.size - 1] = bad
        yield worse
    elif isinstance(value, list | tuple) and not hasattr(value, "_fields") and value:
        for last in spoiled(value[-1], bad):
            yield type(value)((*value[:-1], last))


def changed_fields(value: Any, worse: Any) -> list[str]:
    """Return the fields in which two records differ: a message may name the field instead of the record."""
    if type(value) is not type(worse) or not hasattr(value, "_fields"):
        return []
    return [field for field in value._fields if plain(getattr(value, field)) != plain(getattr(worse, field))]


CASES_REFUSED = [
    (module, sample, name, worse)
    for module, sample in ALL
    for name, value in sample.arguments.items()
    for worse in (
        *(() if name in sample.accepts else (one for bad in BAD for one in spoiled(value, bad))),
        *sample.refused.get(name, ()),
    )
]
CASES_ACCEPTED = [
    (module, sample, name)
    for module, sample in ALL
    for name in sample.accepts
    if any(True for _ in spoiled(sample.arguments[name], math.nan))
]
CASES_CHANGED = [
    (module, sample, name) for module, sample in ALL for name in sample.changes if name not in sample.ignores
]
CASES_IGNORED = [(module, sample, name) for module, sample in ALL for name in sample.ignores]
CASES_UNITS = [(module, sample, by) for module, sample in ALL if sample.units for by in SCALES]


def case_ids(cases: list[Any]) -> list[str]:
    return ["-".join([label(*case[:2]), *map(shown, case[2:])]) for case in cases]


def shown(value: Any) -> str:
    return re.sub(r"\s+", " ", str(value))[:40]


@pytest.mark.parametrize("module", MODULES)
def test_every_exported_function_has_a_sample(module: str) -> None:
    sampled = {sample.function.__name__ for sample in samples(module)}
    assert sorted(set(functions(module)) - sampled) == []


@pytest.mark.parametrize("module", MODULES)
def test_every_argument_of_a_function_is_changed_in_some_sample(module: str) -> None:
    changed: dict[str, set[str]] = {name: set() for name in functions(module)}
    for sample in samples(module):
        changed.setdefault(sample.function.__name__, set()).update(sample.changes)
    unmoved = {
        name: sorted(set(inspect.signature(function).parameters) - changed[name])
        for name, function in functions(module).items()
    }
    assert {name: missing for name, missing in unmoved.items() if missing} == {}


@pytest.mark.parametrize("module", MODULES)
def test_every_exported_function_is_documented(module: str) -> None:
    assert [name for name, function in functions(module).items() if not inspect.getdoc(function)] == []


@pytest.mark.parametrize(("module", "sample"), ALL, ids=case_ids(ALL))
def test_the_sample_is_a_valid_call(module: str, sample: Sample) -> None:
    assert functions(module)[sample.function.__name__] is sample.function
    once, again = (plain(call(sample.function, sample.arguments)) for _ in range(2))
    assert once == again


@pytest.mark.parametrize(("module", "sample", "name", "worse"), CASES_REFUSED, ids=case_ids(CASES_REFUSED))
def test_bad_input_is_refused_by_name(module: str, sample: Sample, name: str, worse: Any) -> None:
    named = "|".join((name, *changed_fields(sample.arguments[name], worse)))
    with pytest.raises(ValueError, match=rf"\b({named})\b"):
        call(sample.function, {**sample.arguments, name: worse})


@pytest.mark.parametrize(("module", "sample", "name"), CASES_ACCEPTED, ids=case_ids(CASES_ACCEPTED))
def test_what_is_said_to_be_accepted_is(module: str, sample: Sample, name: str) -> None:
    refusals = []
    worse = [one for bad in BAD for one in spoiled(sample.arguments[name], bad)]
    for value in worse:
        try:
            call(sample.function, {**sample.arguments, name: value})
        except ValueError as error:
            refusals.append(str(error))
    assert len(refusals) < len(worse), f"{name} takes none of {BAD}: leave it out of accepts"
    assert [text for text in refusals if not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize(("module", "sample", "name"), CASES_CHANGED, ids=case_ids(CASES_CHANGED))
def test_every_argument_changes_the_result(module: str, sample: Sample, name: str) -> None:
    before = plain(call(sample.function, sample.arguments))
    assert plain(call(sample.function, {**sample.arguments, name: sample.changes[name]})) != before


@pytest.mark.parametrize(("module", "sample", "name"), CASES_IGNORED, ids=case_ids(CASES_IGNORED))
def test_what_is_said_to_have_no_effect_has_none(module: str, sample: Sample, name: str) -> None:
    before = plain(call(sample.function, sample.arguments))
    assert plain(call(sample.function, {**sample.arguments, name: sample.changes[name]})) == before


def scaled(value: Any, unit: Unit | tuple[Unit, ...], by: Unit) -> Any:
    """Return a value as it reads after price, size and time are counted in units `by` times smaller."""
    if unit and isinstance(unit[0], tuple):
        parts = [scaled(one, each, by) for one, each in zip(value, unit, strict=True)]  # type: ignore[arg-type]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    factor = math.prod(base**power for base, power in zip(by, unit, strict=True))  # type: ignore[operator]
    if factor == 1.0 or value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, list | tuple):
        parts = [scaled(one, unit, by) for one in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        return np.rint(value * factor).astype(value.dtype)
    if isinstance(value, Decimal):
        return value * Decimal(factor)
    return round(value * factor) if isinstance(value, int) else value * factor


def close(got: Any, expected: Any, digits: int = 9) -> bool:
    """Tell whether two plain results agree to so many digits."""
    if isinstance(expected, tuple):
        return len(got) == len(expected) and all(
            close(*pair, digits) for pair in zip(got, expected, strict=True)
        )
    if isinstance(expected, float):
        if not isinstance(got, float | int):
            return False
        return math.isclose(got, expected, rel_tol=10.0**-digits, abs_tol=1e-3 * 10.0**-digits)
    return bool(got == expected)


@pytest.mark.parametrize(("module", "sample", "by"), CASES_UNITS, ids=case_ids(CASES_UNITS))
def test_the_unit_of_price_size_or_time_does_not_matter(module: str, sample: Sample, by: Unit) -> None:
    units = sample.units or {}
    assert set(units) == {*sample.arguments, "result"}, "units name every argument and the result"
    rescaled = {name: scaled(value, units[name], by) for name, value in sample.arguments.items()}
    expected = scaled(call(sample.function, sample.arguments), units["result"], by)
    assert close(plain(call(sample.function, rescaled)), plain(expected), sample.digits)


@pytest.mark.parametrize("module", MODULES)
def test_every_parameter_of_a_strategy_states_its_range_unit_and_meaning(module: str) -> None:
    exported = importlib.import_module(f"titan.{module}")
    if not (hasattr(exported, "Parameters") and hasattr(exported, "quote")):
        return
    for name, allowed in parameter_ranges(exported.Parameters).items():
        assert allowed.low < allowed.high, name
        assert allowed.meaning, name


def test_a_sample_file_belongs_to_an_exported_module() -> None:
    known = {module.replace(".", "_") for module in MODULES} | {"sample", "test_exports"}
    assert {path.stem for path in (REPOSITORY / "tests" / "exports").glob("*.py")} <= known


def test_rooms_are_the_exported_ones() -> None:
    assert {module.split(".")[0] for module in MODULES} <= set(EXPORTED_ROOMS)


def test_units_rescale_as_stated() -> None:
    assert scaled(2.0, (1.0, 0.0, -0.5), (4.0, 1.0, 4.0)) == 4.0
    assert scaled((2.0, 3), ((1.0, 0.0, 0.0), NUMBER), (4.0, 1.0, 1.0)) == (8.0, 3)
    assert scaled(Decimal("0.1"), (1.0, 0.0, 0.0), (4.0, 1.0, 1.0)) == Decimal("0.4")
    whole = scaled(np.array([1, 2]), (0.0, 0.0, 1.0), (1.0, 1.0, 4.0))
    assert (whole.tolist(), whole.dtype.kind) == ([4, 8], "i")


def test_results_agree_to_the_digits_asked() -> None:
    assert close((1.0, "a"), (1.0 + 1e-10, "a"))
    assert not close(1.0, 1.0 + 1e-8)
    assert close(1.0, 1.0 + 1e-8, digits=7)
    assert not close("NaN", 1.0)
    assert not close((1.0,), (1.0, 2.0))


def test_a_record_may_be_named_by_its_field() -> None:
    assert changed_fields(Pair(1.0, 2.0), Pair(1.0, math.nan)) == ["second"]
    assert changed_fields((1.0, 2.0), (1.0, 3.0)) == changed_fields(1.0, None) == []


def test_a_bad_number_is_put_last() -> None:
    assert [list(one) for one in spoiled([1.0, 2.0], math.inf)] == [[1.0, math.inf]]
    assert list(spoiled(Decimal(1), math.inf)) == [Decimal("Infinity")]
    assert list(spoiled(1, math.nan)) == list(spoiled((), math.nan)) == []
