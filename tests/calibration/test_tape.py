"""A tape's arrivals: those of the plain form, whatever the order of sides within a stamp, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titan.calibration import tape as module
from titan.calibration.intensity import arrivals
from titan.calibration.tape import tape_arrivals

prints = st.lists(
    st.tuples(st.integers(1, 20), st.sampled_from([-1, 1]), st.integers(-50, 50)), min_size=1, max_size=40
)
quotes = st.lists(st.tuples(st.integers(0, 20), st.integers(-9, 9)), max_size=15)


@settings(deadline=None)
@given(prints, quotes, st.booleans())
def test_the_arrivals_are_those_of_the_plain_form(printed, quoted, compiled):
    rows = sorted(printed, key=lambda row: row[0])
    marks = [(0, 0), *sorted(quoted, key=lambda row: row[0])]
    times, sides, prices = (np.array(column) for column in zip(*rows, strict=True))
    quote_ns, mids = np.array([at for at, _ in marks]), np.array([mid / 8 for _, mid in marks])
    walk = module._compiled
    module._compiled = walk if compiled else module._walk  # the plain walk shows its branches to coverage
    try:
        one = tape_arrivals(times, sides, prices / 4, quote_ns, mids)
    finally:
        module._compiled = walk
    other = arrivals(times, sides, prices / 4, mids[np.searchsorted(quote_ns, times) - 1])
    for ours, theirs in zip(one, other, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.tolist() == theirs.tolist()


GOOD = {
    "time_ns": [5, 5, 7], "side": [1, 1, -1], "price": [100.2, 100.4, 99.7], "quote_time_ns": [1, 5],
    "quote_mid": [100.0, 100.1],
}  # fmt: skip


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("time_ns", [5, 4, 7], r"time_ns\[1\] = 4: must not be before the last print's"),
        ("time_ns", [], r"time_ns has shape \(0,\): must be whole numbers"),
        ("time_ns", [5.0, 5.0, 7.0], "time_ns has shape .* must be whole numbers"),
        ("side", [1, 0, -1], r"side\[1\] = 0: must be \+1 or -1"),
        ("side", [1, 1], r"side has shape \(2,\): must be whole numbers \(3,\)"),
        ("price", [100.2, math.nan, 99.7], r"price\[1\] = nan: must be finite"),
        ("price", [100.2, math.inf, 99.7], r"price\[1\] = inf: must be finite"),
        ("price", [[1.0]], r"price has shape \(1, 1\): must be \(3,\)"),
        ("quote_time_ns", [5, 6], r"quote_time_ns: must begin before time_ns\[0\] = 5"),
        ("quote_time_ns", [5, 1], "quote_time_ns: must not fall"),
        ("quote_mid", [100.0, math.nan], r"quote_mid\[1\]: must be finite"),
        ("quote_mid", [100.0], r"quote_mid has shape \(1,\): must be \(2,\)"),
    ],
)
def test_what_cannot_be_used_is_named(monkeypatch, compiled, name, value, message):
    if not compiled:
        monkeypatch.setattr(module, "_compiled", module._walk)
    with pytest.raises(ValueError, match=message):
        tape_arrivals(**{**GOOD, name: value})
