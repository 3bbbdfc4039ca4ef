"""The page of the faults: complete, current, and written only where it differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import faults_page
from titan.chaos.protections import PROTECTIONS
from titan.loopback.faults import Fault, Kind


def test_every_kind_and_key_stands_on_the_page_once() -> None:
    listed = [kind for kinds in faults_page.sections().values() for kind in kinds]
    assert sorted(listed) == sorted(Kind)
    assert [row.split("`")[1] for row in faults_page.key_rows()] == list(Fault.__struct_fields__)


def test_every_kind_has_a_duty_that_answers_it() -> None:
    assert sorted({*faults_page.ANSWERED_BY, *faults_page.ANSWERED}) == sorted(Kind)
    assert not set(faults_page.ANSWERED_BY) & set(faults_page.ANSWERED)
    named = {name for names in faults_page.ANSWERED_BY.values() for name in names}
    assert named <= set(PROTECTIONS)
    assert all(faults_page.duty(kind) in faults_page.page() for kind in Kind)


def test_the_page_is_current() -> None:
    assert faults_page.PAGE.read_text(encoding="utf-8") == faults_page.page()
    assert faults_page.main(["--check"]) == 0


def test_a_page_that_is_not_current_is_told_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "faults.md"
    assert faults_page.main(["--check", "--page", str(page)]) == 1
    assert "faults.md is not current; run 'make export'" in capsys.readouterr().err
    assert not page.exists()
    assert faults_page.main(["--page", str(page)]) == 0
    assert page.read_text(encoding="utf-8") == faults_page.page()
