"""The risk estimated beside a session, as the daily report tells it: with its error and age, or as not known."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.reports.tape import Tape, linear
from titan.model import commands as c
from titan.model import events as e
from titan.reports.risk_tables import share_table, shortfall_table, stress_table
from titan.reports.session_tables import read_session

BTC = linear("BTCUSDT", "BTC")


def result(tape: Tape, shortfall: float, **changes: object) -> e.RiskResult:
    stated = {
        "source": "estimate", "currency": "USDT", "shortfall": shortfall, "computed_ns": tape.now_ns,
        "expires_ns": tape.now_ns + 10**11, "tail": 0.025, "horizon_s": 3600.0, "basis": "filtered record",
        "parts": (e.RiskPart("desk", "BTCUSDT", shortfall, 2.0),), "error": 2.0,
        "strategies": (e.StrategyPart("maker", 1.5 * shortfall, 2.5), e.StrategyPart("manual", -0.5 * shortfall)),
        "stresses": (e.StressLoss("squeeze", -3.0), e.StressLoss("crash", 9.0 * shortfall)), **changes,
    }  # fmt: skip
    return e.RiskResult(time_ns=tape.now_ns, **stated)  # type: ignore[arg-type]


def opened(tmp_path: Path, **options: object) -> Tape:
    tape = Tape(tmp_path, BTC, **options)  # type: ignore[arg-type]
    tape.book(BTC, 999, 1001)
    tape.open()
    return tape


def test_the_last_result_stands_beside_its_error_its_age_and_the_largest(tmp_path: Path) -> None:
    tape = opened(tmp_path)
    for shortfall in (10.0, 30.0, 20.0):
        tape.put(result(tape, shortfall))
        tape.wait(60)
    refused = c.Notice(level="warning", code="risk_result_refused", message="parts sum to 1")
    tape.put(result(tape, 999.0), refused)
    found = [read_session(tape.end())]
    row = shortfall_table(found).reset_index().iloc[0]
    assert (row["shortfall"], row["standard error"], row["largest"], row["results"]) == (20.0, 2.0, 30.0, 3)
    assert row["age at the end, s"] == pytest.approx(60.0)
    assert row["it rests on"] == "filtered record"
    shares = share_table(found)
    assert shares["share"].to_dict() == {
        "position desk:BTCUSDT": 1.0, "strategy maker": 1.5, "strategy manual": -0.5,
    }  # fmt: skip
    assert math.isnan(shares.loc["strategy manual", "standard error"])
    stresses = stress_table(found)
    assert list(stresses.index) == ["crash", "squeeze"]
    assert (stresses.loc["crash", "loss"], stresses.loc["crash", "most in the session"]) == (180.0, 270.0)


def test_a_session_without_a_result_says_that_nothing_is_known(tmp_path: Path) -> None:
    found = [read_session(opened(tmp_path).end()), read_session(opened(tmp_path, number=2).end())]
    table = shortfall_table(found)
    assert table["shortfall"].isna().all()
    assert set(table["it rests on"]) == {"no result was handed over: nothing is known"}
    assert share_table(found).empty
    assert stress_table(found).empty


def test_what_is_assumed_has_no_error_and_what_is_flat_no_share(tmp_path: Path) -> None:
    tape = opened(tmp_path)
    tape.put(result(tape, 0.0, error=None, basis="", strategies=()))
    found = [read_session(tape.end())]
    row = shortfall_table(found).reset_index().iloc[0]
    assert math.isnan(row["standard error"])
    assert row["it rests on"] == "estimate"
    assert share_table(found)["share"].isna().all()
