"""A soak of some thousand events: that it measures what it says."""

from __future__ import annotations

import pytest

from proof import soak
from proof.soak import Point


@pytest.mark.timeout(300)
def test_a_small_soak_reaches_its_counts(tmp_path):
    found = soak.run(tmp_path, 0.0015)
    assert "NOT" not in found.summary, found.details
    assert "'differences': 0" in found.details[-2]
    assert "'open_orders': 0" in found.details[-2]


@pytest.mark.parametrize(("last_mb", "passed"), [(119.9, True), (121.0, False)])
def test_growth_counts_from_the_first_tenth_on(last_mb, passed):
    points = [Point(0, 0, 0, 10.0), Point(1, 10_000_000 // 9, 1, 100.0), Point(2, 10_000_000, 2, last_mb)]
    ended = {"exit_code": 0, "reason": ""}
    assert soak._judged(points, 1.0, ended).passed is passed
    assert not soak._judged(points, 1.0, ended | {"exit_code": None}).passed
