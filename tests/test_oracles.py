"""An oracle is recorded, and fails where the number is not reproduced."""

from __future__ import annotations

import math

import pytest

from titan import _oracles


@pytest.fixture(autouse=True)
def own_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_oracles, "recorded", [])


def test_a_reproduced_number_is_recorded() -> None:
    _oracles.oracle("pi", math.pi, 3.1416, 1e-4, "exact")
    (found,) = _oracles.recorded
    assert found.ok
    assert (found.name, found.tolerance, found.source) == ("pi", 1e-4, "exact")


@pytest.mark.parametrize("got", [3.2, math.nan, math.inf])
def test_a_missed_number_is_recorded_and_raises(got: float) -> None:
    with pytest.raises(AssertionError, match=r"pi: expected .* \(exact\), got"):
        _oracles.oracle("pi", math.pi, got, 1e-4, "exact")
    assert not _oracles.recorded[0].ok
