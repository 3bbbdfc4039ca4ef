"""The studies of the tail, of regimes and of funding: on drawn markets, and on recorded ones if there are any."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from titan.reports import funding_study, regime_study, tail_risk
from titan.reports.errors import ReportError
from titan.reports.run import run_study
from titan.reports.studies import RESEARCH, chosen, read

SMALL: dict[str, dict[str, Any]] = {
    "tail_risk": {"days": 450, "window": 200, "draws": 19},
    "regime_study": {"bars": 700, "window": 400, "refit": 200, "starts": 1},
    "funding_study": {"settlements": 150},
}
SAID = {
    "tail_risk": ("drawn (drawn, no market): the next day, if", "Du-Escanciano", "Losses against"),
    "regime_study": ("drawn candles (no market)", "taken over", "Price with the regime in force"),
    "funding_study": (
        "20 drawn perpetuals (no market)",
        "The basis is in the record",
        "Annual return in percent",
    ),
}
RECORDED: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "tail_risk": ({"draws": 49}, {"prices": "daily_portfolio/btc_daily_macro_2015_2026.csv.xz"}),
    "regime_study": ({}, {"candles": "binance_usdm_4h/BTCUSDT_4h.parquet"}),
    "funding_study": ({}, {"rates": "funding_multi_venue"}),
}
SCHEMAS = {
    "tail_risk": tail_risk.Asked,
    "regime_study": regime_study.Asked,
    "funding_study": funding_study.Asked,
}


def page_of(name: str, values: dict[str, Any], out: Path) -> str:
    made = run_study(chosen(name), values, out)
    assert made.failure == ""
    assert made.notebook.is_file()
    return made.page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SMALL)
def test_the_notebooks_defaults_are_the_schemas(name: str) -> None:
    defaults = chosen(name, RESEARCH).defaults
    assert defaults == SCHEMAS[name]()._asdict()
    assert read(defaults, SCHEMAS[name]) == SCHEMAS[name]()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SMALL)
def test_a_study_of_a_drawn_market(name: str, tmp_path: Path) -> None:
    page = page_of(name, SMALL[name], tmp_path)
    for text in SAID[name]:
        assert text in page
    assert "<script" not in page
    assert "Traceback" not in page


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("TITAN_SLOW") != "1", reason="takes minutes: set TITAN_SLOW=1")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", RECORDED)
def test_a_study_of_a_recorded_market(name: str, titan_data: Path, tmp_path: Path) -> None:
    values, files = RECORDED[name]
    page = page_of(name, values | {key: str(titan_data / path) for key, path in files.items()}, tmp_path)
    assert "(no market)" not in page
    assert SAID[name][2] in page


@pytest.mark.timeout(120)
def test_a_wrong_parameter_is_refused_and_the_page_says_why(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"parameter tail = 0\.5: must be between 0\.001 and 0\.2"):
        run_study(chosen("tail_risk"), {"tail": 0.5}, tmp_path)
    (page,) = tmp_path.glob("*.html")
    assert "must be between 0.001 and 0.2" in page.read_text(encoding="utf-8")
