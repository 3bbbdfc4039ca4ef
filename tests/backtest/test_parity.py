"""Parity: the parts are the whole, the session's orders fill as told, and a session too far off ends non-zero."""

from __future__ import annotations

import asyncio
import os
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.live.desks import open_exchange, read_settings, record_capture, trade
from tests.live.test_calibrated import BTC
from tests.sessions import make_session, rewrite_journal
from titan import cli
from titan.backtest import parity_tables
from titan.backtest.parity import STEPS, Asked, Parity, ParityError, measured_legs, parity, require
from titan.backtest.session import backtest_session
from titan.loopback.main import ExchangeOptions
from titan.model import events as e
from titan.reports.errors import ReportError
from titan.reports.findings import read_findings
from titan.simulation.latency import LatencyModel, Stamps, latency_at
from titan.store.artefacts import write_artefact

PLAIN = {
    "quoting__skew_at_full_bps": 0,
    "quoting__toxic_spread": 1,
    "quoting__toxic_size": 1,
    "quoting__markout_weight": 0,
    "quoting__volatility_spread": 0,
    "quoting__volatility_size": 0,
}
"""[quoting] that changes nothing: as in a sweep."""


def run_session(folder: Path, capture: Path) -> Path:
    summary = asyncio.run(backtest_session(read_settings(folder, **PLAIN), capture)).summary
    assert summary["fills"] > 0
    return Path(summary["journal"])


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_capture(tmp_path_factory.mktemp("captures") / "capture", seconds=12.0)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, capture: Path) -> Path:
    return run_session(tmp_path_factory.mktemp("session"), capture)


@pytest.fixture(scope="module")
def asked(session: Path) -> Asked:
    """As the exchange of a backtest is: no latency, its own queue model, ordered by receipt."""
    return Asked(session=str(session), stamps="receipt", latency_ms=0.0, queue="square", tolerance_bps=5.0)


@pytest.fixture(scope="module")
def found(asked: Asked) -> Parity:
    return parity(asked)


def test_the_parts_are_the_whole_exactly(found: Parity) -> None:
    assert list(found.parts) == list(STEPS)
    assert sum(found.parts.values(), found.simulated) == found.live
    assert found.money["queue"].fills > 10


def test_the_sessions_orders_fill_as_the_exchange_filled_them(found: Parity) -> None:
    """Count, price and size of every order, at the input that filled it: the sweep's rules are the exchange's."""
    assert found.differences == ()
    assert found.matched > 10
    assert found.apart_ms < 0.001
    assert found.parts["queue"] == 0


def test_a_model_that_is_as_it_was_has_no_part(found: Parity) -> None:
    assert {name: found.parts[name] for name in ("latency", "missed events", "funding")} == {
        "latency": 0,
        "missed events": 0,
        "funding": 0,
    }
    assert abs(found.parts["fees"]) < Decimal("1e-6")


def test_what_is_assumed_wrongly_has_one(asked: Asked, found: Parity) -> None:
    slow = parity(asked._replace(latency_ms=400.0, maker_fee_bps="0"))
    assert slow.live == found.live
    assert slow.parts["latency"] != 0
    turnover = found.money["queue"].turnover
    # The venue pays half a basis point, and nothing was assumed.
    assert slow.parts["fees"] == pytest.approx(Decimal("0.00005") * turnover, abs=Decimal("1e-6"))
    assert sum(slow.parts.values(), slow.simulated) == slow.live
    with pytest.raises(ParityError, match="most of it is"):
        require(slow, asked._replace(tolerance_bps=0.1))
    assert "BEYOND the 0.1" in parity_tables.verdict(slow, asked._replace(tolerance_bps=0.1))


def test_events_that_the_session_missed_are_a_part_of_their_own(
    asked: Asked, session: Path, capture: Path, tmp_path: Path
) -> None:
    """The feed beside the session lacks most trades: what is then filled less is no fault of another model."""
    lines = capture.read_bytes().splitlines()
    thin = tmp_path / "thin"
    kept = [line for place, line in enumerate(lines) if b"@trade" not in line or place % 10 == 0]
    thin.write_bytes(b"\n".join(kept) + b"\n")
    assert len(kept) < len(lines)
    found = parity(asked._replace(captures=str(thin)))
    assert found.parts["missed events"] != 0
    assert sum(found.parts.values(), found.simulated) == found.live
    assert found.parts["queue"] == 0


def test_an_execution_that_no_queue_explains_is_listed(asked: Asked, session: Path, tmp_path: Path) -> None:
    """One execution is told at a size that the queue cannot give."""
    changed: list[str] = []

    def shrink(event: object) -> object:
        if isinstance(event, e.Fill) and event.size > 1 and (not changed or event.trade_id in changed):
            changed.append(event.trade_id)
            return type(event)(**{**{f: getattr(event, f) for f in event.__struct_fields__}, "size": 1})
        return event

    copy = rewrite_journal(session, tmp_path, shrink)
    found = parity(asked._replace(session=str(copy)))
    (difference,) = found.differences
    assert difference.told_lots < difference.simulated_lots
    assert difference.cause == "the queue model lets it come first too soon"
    assert found.parts["queue"] != 0
    assert sum(found.parts.values(), found.simulated) == found.live


@pytest.mark.parametrize("stamps", ["receipt", "venue"])
def test_a_market_in_which_our_own_orders_stand(stamps: str, tmp_path: Path) -> None:
    """On a generated market the book that is told holds our orders too; the venue's stamps are whole milliseconds."""
    directory = make_session(tmp_path, seconds=12.0).directory
    found = parity(Asked(session=str(directory), stamps=stamps, latency_ms=0.0, queue="square"))
    assert found.differences == ()
    assert found.matched > 10
    assert sum(found.parts.values(), found.simulated) == found.live
    assert all(0.0 <= leg < 1.0 for leg in found.legs_ms)


def test_quotes_that_were_wider_for_parameters_in_doubt_are_named(capture: Path, tmp_path: Path) -> None:
    """A sweep knows no doubt: what that changes lies in the residual, and the page says so."""
    settings = read_settings(
        tmp_path, project__artefacts=tmp_path, strategy__calibrated="mean_fill_depth_bps", **PLAIN
    )
    write_artefact(tmp_path, msgspec.structs.replace(BTC, doubt="few orders"))
    summary = asyncio.run(backtest_session(settings, capture)).summary
    found = parity(Asked(session=summary["journal"], stamps="receipt", latency_ms=0.0, queue="square"))
    assert "1 x parameters_in_doubt" in found.known


def test_what_cannot_be_compared_is_refused(asked: Asked, tmp_path: Path) -> None:
    for changes, message in (
        ({"session": ""}, "parameter session is empty"),
        ({"captures": "absent.gz"}, "absent.gz is no file"),
        ({"maker_fee_bps": "two"}, "'two' is no number"),
    ):
        with pytest.raises(ReportError, match=message):
            parity(asked._replace(**changes))


def test_latencies_are_measured_from_the_sessions_messages() -> None:
    trips = [Stamps(1_000 * k, 1_000 * k + 300 + k, 1_000 * k + 700 + k) for k in range(5)]
    entry, response = measured_legs(trips)
    assert isinstance(entry, LatencyModel)
    assert isinstance(response, LatencyModel)
    total = [trip.received_ns - trip.sent_ns for trip in trips]
    assert latency_at(entry, 0.0) + latency_at(response, 0.0) == pytest.approx(min(total), abs=5)
    assert measured_legs(trips[:2]) == (0, 0)


@pytest.mark.timeout(180)
def test_the_page_is_rendered_and_the_command_fails_past_the_tolerance(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"session={session}", "stamps=receipt", "latency_ms=400", "tolerance_bps=0", "queue=square"]
    code = cli.main(
        ["report", "parity", *(text for pair in given for text in ("-p", pair)), "--out", str(tmp_path)]
    )
    told = capsys.readouterr()
    assert code == 1
    assert "ParityError" in told.err
    page = Path(told.out.splitlines()[-1]).read_text(encoding="utf-8")
    assert "BEYOND the 0 that are tolerated" in page
    assert "fill as the venue told: all" in page
    assert "Traceback" not in page
    # A report that fails is evidence as well: `titan promote` weighs the difference.
    (finding,) = read_findings(Path(told.out.splitlines()[0]))
    assert (finding.study, finding.strategy, finding.sessions) == (
        "parity",
        "avellaneda_stoikov",
        (session.name,),
    )
    found = parity(Asked(session=str(session), stamps="receipt", latency_ms=400.0, queue="square"))
    assert finding.measured == {"parity_bps": float(found.gap_bps)}


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("TITAN_SLOW") != "1", reason="replays the recorded market: set TITAN_SLOW=1"
)
@pytest.mark.timeout(900)
def test_on_a_recorded_market_every_order_fills_alike(titan_data: Path, tmp_path: Path) -> None:
    capture = titan_data / "binance_capture_20240808" / "usdm_btcusdt_20240808.gz"
    journal = run_session(tmp_path, capture)
    found = parity(Asked(session=str(journal), stamps="receipt", latency_ms=0.0, queue="square"))
    assert found.differences == ()
    assert found.matched > 200
    assert found.apart_ms < 0.001
    assert found.parts["queue"] == 0
    assert sum(found.parts.values(), found.simulated) == found.live


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("TITAN_SLOW") != "1", reason="trades by the clock: set TITAN_SLOW=1")
async def test_a_live_session_over_sockets(tmp_path: Path) -> None:
    """Its latencies are those of its own messages, and its orders fill as the venue told."""
    async with open_exchange(ExchangeOptions(seed=7)) as (_, url):
        journal = (await trade(tmp_path, url, duration_s=20.0, **PLAIN)).summary["journal"]
    found = parity(Asked(session=journal, queue="square"))
    assert found.matched >= 0.9 * (found.matched + len(found.differences))
    assert sum(found.legs_ms) > 0.0
    assert sum(found.parts.values(), found.simulated) == found.live
