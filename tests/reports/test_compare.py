"""Two sessions compared: what is paired, what can be told from chance, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reports.tape import SECOND_NS, START_NS, Tape, linear
from tests.sessions import Rehearsal, close_to_the_touch, make_session
from titan import cli
from titan.engine.configuration import KernelConfig
from titan.evaluation.pnl import add_parts
from titan.reports.compare import TOTAL, Asked, compare, read_both
from titan.reports.compare_tables import component_table, headline, session_table
from titan.reports.errors import ParameterProblem, ReportError
from titan.reports.periods import between, grid, session_parts
from titan.reports.session_tables import COMPONENTS, read_session
from titan.reports.settings_diff import settings_diff

BTC = linear("BTCUSDT", "BTC")


def half_the_size(config: KernelConfig) -> KernelConfig:
    """As the shared session, with one parameter changed."""
    config = close_to_the_touch(config)
    return msgspec.structs.replace(
        config,
        strategies=tuple(
            msgspec.structs.replace(each, parameters=(each.parameters[0] / 2, *each.parameters[1:]))
            for each in config.strategies
        ),
    )


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same market, traded with another size."""
    folder = tmp_path_factory.mktemp("other")
    return make_session(folder, seconds=30.0, funding_interval_s=20, configure=half_the_size).directory


def asked(first: Path, second: Path, **changes: Any) -> Asked:
    return Asked(str(first), str(second), period_s=1.0, mean_block=3.0, draws=500)._replace(**changes)


def test_a_session_less_itself_is_exactly_nothing_and_indistinguishable(rehearsal: Rehearsal) -> None:
    wanted = asked(rehearsal.directory, rehearsal.directory)
    found = compare(*read_both(wanted), wanted)
    assert found.periods >= 20
    assert all(not values.any() for values in found.difference.values())
    assert {tuple(interval) for interval in found.intervals.values()} == {(0.0, 0.0, 0.0)}
    assert found.indistinguishable
    assert headline(found).text.startswith("Indistinguishable: ")
    assert settings_diff(found.results[0].recording, found.results[1].recording).empty


def test_the_components_add_up_and_the_order_turns_the_sign(rehearsal: Rehearsal, other: Path) -> None:
    wanted = asked(rehearsal.directory, other)
    first, second = read_both(wanted)
    found, turned = compare(first, second, wanted), compare(second, first, wanted)
    for columns in (found.first, found.second, found.difference):
        assert columns[TOTAL] == pytest.approx(sum(columns[name] for name in COMPONENTS), abs=1e-12)
        assert columns[TOTAL].any()
    for name, interval in found.intervals.items():
        assert interval.value == pytest.approx(float(found.difference[name].sum()))
        assert interval.low <= interval.value <= interval.high
        mirrored = turned.intervals[name]
        assert (mirrored.value, mirrored.low) == pytest.approx((-interval.value, -interval.high))
    table = component_table(found)
    assert table["second less first"].to_numpy() == pytest.approx(
        (table["second"] - table["first"]).to_numpy()
    )
    assert session_table(found).loc["session", "second"] == other.name
    diff = settings_diff(first.recording, second.recording)
    assert [name.rpartition(".")[0] for name in diff.index] == ["strategy.avellaneda_stoikov.parameters"]


def test_the_periods_add_up_to_the_session_exactly(rehearsal: Rehearsal) -> None:
    result = read_session(rehearsal.directory)
    recording = result.recording

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.integers(recording.started_ns, recording.ended_ns), max_size=12))
    def hold(moments: list[int]) -> None:
        bounds = [recording.started_ns, *sorted(moments), recording.ended_ns]
        found = session_parts(recording, bounds)
        assert found[-1] == result.total.parts
        assert add_parts([found[0], *between(found)]) == result.total.parts

    hold()


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(10**4, 10**5))
def test_a_grid_holds_all_whole_periods_in_between(begin: int, length: int, period: int) -> None:
    bounds = grid(begin, begin + length, period)
    assert all(begin <= bound <= begin + length and bound % period == 0 for bound in bounds)
    assert len(bounds) >= length // period
    assert bounds == sorted(set(bounds))


def earning(folder: Path, each_second: str, number: int, seconds: int = 40, **options: Any) -> Path:
    """A session with funding alone, so much every second, on a market that stands still."""
    tape = Tape(folder, BTC, number=number, **options)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 1000, 1000, fee="0")
    for at in range(seconds):
        tape.wait(1.0)
        tape.income(BTC, str(Decimal(each_second) * (1 + at % 2)))
    return tape.end()


def test_a_steady_difference_is_told(tmp_path: Path) -> None:
    poor, rich = earning(tmp_path, "0.01", 1), earning(tmp_path, "0.02", 2)
    wanted = asked(poor, rich)
    found = compare(*read_both(wanted), wanted)
    assert np.count_nonzero(found.difference["funding"]) == found.periods == 40
    assert found.difference["funding"].sum() == pytest.approx(0.6)
    assert not found.indistinguishable
    assert f"{rich.name} made more: +0.6000 USDT against {poor.name}" in headline(found).text
    assert component_table(found).loc["spread", "verdict"] == "indistinguishable"
    turned = compare(*read_both(asked(rich, poor)), wanted)
    assert f"{poor.name} made less: -0.6000 USDT" in headline(turned).text


def test_fees_in_another_asset_count_at_its_closing_mid(tmp_path: Path) -> None:
    bnb = linear("BNBUSDT", "BNB")
    tape = Tape(tmp_path, BTC, bnb)
    tape.book(BTC, 999, 1001)
    tape.book(bnb, 2999, 3001)
    tape.open()
    tape.fill(BTC, 1, 999, 1000, fee="0.001", fee_asset="BNB")
    result = read_session(tape.end())
    (found,) = session_parts(result.recording, [tape.now_ns])
    assert found == result.total.parts
    assert found.fees == Decimal("0.3")


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    first = earning(tmp_path, "0.01", 1)
    later = earning(tmp_path, "0.01", 2, start_ns=START_NS + 3600 * SECOND_NS)
    with pytest.raises(
        ReportError, match=r"share no time: .* from 2024-01-01 00:00:00 to 2024-01-01 00:00:40; "
    ):
        compare(*read_both(asked(first, later)), asked(first, later))
    for changes in ({"period_s": 3.0}, {"mean_block": 9.0}):
        wanted = asked(first, first, **changes)
        with pytest.raises(ReportError, match=r"share \d+ whole periods of \d s, at least \d+ are needed"):
            compare(*read_both(wanted), wanted)
    abroad = earning(tmp_path, "0.01", 3, reporting="BTC")
    with pytest.raises(ReportError, match=r"reports in USDT, \S+ in BTC"):
        read_both(asked(first, abroad))
    unread = Tape(tmp_path, BTC, number=4)
    unread.book(BTC, 999, 1001)
    with pytest.raises(ReportError, match="the account was never read"):
        compare(*read_both(asked(first, unread.kill())), asked(first, first))
    unpriced = Tape(tmp_path, BTC, number=5)
    unpriced.book(BTC, 999, 1001)
    unpriced.open()
    unpriced.fill(BTC, 1, 999, 1000, fee="0.001", fee_asset="BNB")
    with pytest.raises(ReportError, match=r"no price in USDT for -0\.001 BNB"):
        read_both(asked(first, unpriced.end()))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "parameter second is empty"),
        ("yesterday", "parameter second = 'yesterday' is no session's name"),
        ("20240101T000000Z-abcdef", "parameter second = 20240101T000000Z-abcdef: not in"),
    ],
)
def test_a_session_that_is_not_there_is_named(rehearsal: Rehearsal, name: str, message: str) -> None:
    with pytest.raises(ParameterProblem) as caught:
        read_both(Asked(rehearsal.directory.name, name, journals=str(rehearsal.directory.parent)))
    assert message in str(caught.value)


def test_the_settings_and_the_code_that_differ_are_listed(tmp_path: Path) -> None:
    one = read_session(earning(tmp_path, "0.01", 1, strategies=("maker", "taker"))).recording
    two = read_session(earning(tmp_path, "0.01", 2)).recording
    two.header.source_hashes["titan.model"] = "changed"
    diff = settings_diff(one, two)
    assert diff.loc["strategy.taker.code"].to_list() == ["tests.none", "absent"]
    assert diff.loc["source of titan.model"].to_list() == ["hash", "changed"]
    assert not any(name.startswith("strategy.maker") for name in diff.index)


@pytest.mark.timeout(60)
def test_the_study_is_run_by_its_name(
    rehearsal: Rehearsal, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["-p", f"first={rehearsal.directory}", "-p", f"second={other}", "-p", "period_s=1"]
    assert cli.main(["report", "compare", *given, "--out", str(tmp_path)]) == 0
    page = Path(capsys.readouterr().out.splitlines()[1]).read_text(encoding="utf-8")
    assert "paired periods of 1 s" in page
    assert page.count("<img") == 1
    assert "strategy.avellaneda_stoikov.parameters" in page
