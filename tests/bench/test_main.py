"""`python -m bench` and what it makes of rows that are met, missed or absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import ROOT
from bench import __main__ as command


def row(name: str = "speed", **changes: Any) -> dict[str, Any]:
    values = {
        "value": 2.0,
        "unit": "us",
        "peer": "limit",
        "peer_value": 4.0,
        "ratio": 0.5,
        "target": 4.0,
        "met": True,
    }
    return {"name": name, **values, **changes}


def ran(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *arguments: str, **benchmarks: list[dict[str, Any]]
) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code and the written rows of a run on benchmarks that are given."""
    monkeypatch.setattr(command, "benchmarks", lambda: tuple(benchmarks))
    monkeypatch.setattr(command, "rows_of", benchmarks.__getitem__)
    out = tmp_path / "results.json"
    code = command.main([*arguments, "--out", str(out)])
    return code, json.loads(out.read_text())


def test_every_module_with_a_run_is_a_benchmark() -> None:
    folder = ROOT / "bench"
    written = {
        path.stem for path in folder.glob("[a-z]*.py") if "\ndef run(" in path.read_text(encoding="utf-8")
    }
    assert {"decode_book", "imports", "journal"} <= written
    assert set(command.benchmarks()) == written


def test_a_benchmark_is_run_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.imports.run", lambda: [row()])
    assert command.rows_of("imports") == [row()]


def test_rows_are_written_and_printed(monkeypatch, tmp_path, capsys) -> None:
    stated = row("stated", target=None, peer=None, peer_value=None, ratio=None, value=31_800.0)
    code, rows = ran(monkeypatch, tmp_path, one=[row()], two=[stated])
    assert code == 0
    assert rows == [row(), stated]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "value", "unit", "against", "its", "value", "ratio", "target", "met"]
    assert lines[1].split() == ["speed", "2", "us", "limit", "4", "0.5", "4", "yes"]
    assert lines[2].split() == ["stated", "31,800", "us"]


def test_a_missed_target_ends_with_1(monkeypatch, tmp_path, capsys) -> None:
    code, rows = ran(monkeypatch, tmp_path, one=[row(), row("slow", met=False)])
    assert code == 1
    assert len(rows) == 2
    said = capsys.readouterr()
    assert "NO" in said.out
    assert "target missed: slow" in said.err


def test_without_data_a_benchmark_is_skipped_with_the_reason(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setenv("TITAN_DATA", str(tmp_path / "nowhere"))
    code, rows = ran(monkeypatch, tmp_path, absent=[], one=[row()])
    assert (code, rows) == (0, [row()])
    said = capsys.readouterr().err
    assert "absent: skipped, there is no recorded market data in" in said
    assert "nowhere" in said


def test_chosen_benchmarks_alone_are_run(monkeypatch, tmp_path) -> None:
    _, rows = ran(monkeypatch, tmp_path, "two", one=[row("first")], two=[row("second")])
    assert [found["name"] for found in rows] == ["second"]


def test_an_unknown_name_is_refused(monkeypatch, tmp_path, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        ran(monkeypatch, tmp_path, "three", one=[row()])
    assert ended.value.code == 2
    assert "no benchmark three; there are one" in capsys.readouterr().err


def test_a_row_of_another_shape_is_refused(monkeypatch, tmp_path) -> None:
    with pytest.raises(ValueError, match="benchmark one: a row has"):
        ran(monkeypatch, tmp_path, one=[row(extra=1)])
