"""Every denial is explained, in the order in which the checks are asked."""

from __future__ import annotations

import pytest

from titan.risk.denials import EXPLANATIONS, Denial, denial_table, explain
from titan.risk.limits import LIMITS


def test_every_code_is_explained_in_order():
    assert list(EXPLANATIONS) == list(Denial)


@pytest.mark.parametrize("denial", list(Denial))
def test_an_explanation_says_what_happened_and_what_to_do(denial):
    line = explain(denial)
    assert line.startswith(f"{denial}: ")
    assert EXPLANATIONS[denial].meaning in line
    assert EXPLANATIONS[denial].action in line
    assert f"`{denial}`" in denial_table()


def test_the_table_maps_and_does_not_claim_to_comply():
    header, _, *rows = denial_table().splitlines()
    assert "maps to (not: complies with)" in header
    assert len(rows) == len(Denial)
    for control in ("SEC 15c3-5(c)(1)", "SEC 15c3-5(c)(2)", "RTS 6 art. 15", "FIA 2024"):
        assert any(control in row for row in rows)


def test_settings_named_in_an_action_exist():
    words = {word.strip(";,.") for entry in EXPLANATIONS.values() for word in entry.action.split()}
    named = {word for word in words if word.startswith(("max_", "collar_"))}
    assert named <= set(LIMITS)
