"""From a recording to a traced fill by the commands that a user types: what one step finds is what the next one uses.

Two markets of the loopback exchange: one is recorded and studied, the other is traded.
"""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import titan
from tests.backtest.test_parity import PLAIN
from tests.live.desks import (
    RUNNER,
    SYMBOL,
    TITAN,
    environment,
    exchange_process,
    last_object,
    open_exchange,
    write_settings,
)
from titan import cli
from titan.backtest.parity import Asked, parity, require
from titan.loopback.main import ExchangeOptions
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.reports.findings import Findings, read_findings
from titan.store.artefacts import Artefact, read_artefact
from titan.store.promotions import read_promotions
from titan.store.replay import replay_session

NAME = "avellaneda_stoikov"
ACCOUNT = DEFAULT_CREDENTIALS.key
CENT_MILLIONTH = Decimal("0.000001")
"""The venue tells money in eight decimals."""

DESK = {
    **PLAIN,  # as a sweep quotes
    "strategy__doubt_spread": 1,  # what seconds of market say is in doubt by right
    "strategy__doubt_size": 1,
    "paper__maker_fee_bps": -0.5,
    "paper__entry_ms": 1,
    "promotion__require_from": "shadow",
    "promotion__least_hours_a_day": 0.0001,
    "promotion__least_days_paper": 1,
    "promotion__least_fills": 1,
    "promotion__least_dsr": 0.01,
    "promotion__least_parity_days": 1,
}
"""A chain of days within seconds; every gate is asked."""

MODEL = {"queue": "square", "latency_ms": 5.0}
"""The world of these sessions, for parity."""


class Chain:
    """A desk in a folder of its own, and the commands that are given there."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self._written: dict[str, object] = dict(DESK)

    def settings(self, **changes: object) -> None:
        """Write the settings; what was changed before stays."""
        places = ("promotions", "artefacts", "data")
        folders = {f"project__{name}": self.folder / name for name in places}
        self._written |= changes
        write_settings(self.folder, **{**folders, "reports__out": self.folder / "reports", **self._written})

    def run(self, *words: object, program: str = TITAN, code: int = 0) -> subprocess.CompletedProcess[str]:
        """A command in a process of its own."""
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                program,
                *map(str, words),
                "--settings",
                str(self.folder / "settings.ini"),
            ],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )
        assert done.returncode == code, f"{words} ended {done.returncode}: {done.stdout}\n{done.stderr}"
        return done

    def told(self, *words: object, settings: bool = True) -> dict[str, Any]:
        """What a command says to a program; carried out in this process, which spares its start."""
        own = ["--settings", str(self.folder / "settings.ini")] if settings else []
        code = cli.main([*map(str, words), *own, "--json"])
        said = self._capsys.readouterr()
        assert code == 0, f"{words} ended {code}: {said.out}\n{said.err}"
        return last_object(said.out)

    async def traded(self, mode: str, seconds: float) -> dict[str, Any]:
        """The summary of a session on the exchange of this process."""
        asked = ("--mode", mode, "--duration", seconds, "--json")
        done = await asyncio.to_thread(self.run, *asked, program=RUNNER)
        return last_object(done.stdout)

    def study(self, name: str, **parameters: object) -> Findings:
        """What the notebook of a study states for a promotion."""
        given = [f"{key}={value}" for key, value in parameters.items()]
        done = self.run("report", name, *(text for pair in given for text in ("-p", pair)))
        (finding,) = read_findings(Path(done.stdout.splitlines()[0]))
        return finding

    def promoted(self, to: str, *words: str) -> dict[str, float]:
        """What the gates measured on the way to a stage, by what lies in the desk's folders."""
        told = self.told("promote", NAME, "--to", to, *words)
        assert told["done"]
        return {gate["gate"]: gate["measured"] for gate in told["gates"]}


def recorded(chain: Chain) -> tuple[Path, Artefact]:
    """A capture of the first market, and the artefact that was calibrated on it."""
    with exchange_process("--seed", 7) as port:
        chain.settings(venue__rest_url=f"http://127.0.0.1:{port}")
        done = chain.run("record", "--venue", "loopback", "--duration", 8, "--out", "captures", "--json")
    (row,) = last_object(done.stdout)["recorded"]
    capture = chain.folder / row["files"][0]
    (report,) = chain.told("data", "verify", capture, settings=False)["files"]
    assert (report["ok"], report["matched"]) == (True, report["checked"])
    assert report["events"]["trade"] > 50
    stored = chain.told(
        "data", "convert", capture, "--venue", "loopback", "--out", chain.folder / "catalogue", settings=False
    )
    # As `titan calibrate` does.
    artefact = read_artefact(titan.calibrate(capture, farthest_bps=0.2).write(chain.folder / "artefacts"))
    (source,) = artefact.data
    assert source.sha256 == hashlib.sha256(capture.read_bytes()).hexdigest()
    assert source.events == stored["written"][0]["events"]
    return capture, artefact


def studied(chain: Chain, artefact: Artefact) -> tuple[float, dict[str, float]]:
    """The deflated ratio and every parameter of the best set around the calibrated depth, which the settings take."""
    depth = artefact.value("mean_fill_depth_bps")
    assert depth is not None
    finding = chain.study(
        "backtest_study",
        captures=chain.folder / "catalogue", venue="loopback", symbol=SYMBOL, strategy=f"titan.strategy.{NAME}",
        fixed=f"mean_fill_depth_bps: {depth.value!r}", maker_fee_bps=-0.5, queue="square",
        first="skew_at_max_inventory_bps", first_low=0.1, first_high=0.3, first_points=2,
        second="minimum_half_spread_bps", second_low=0.005, second_high=0.01, second_points=2,
        period_s=0.2, block_s=1, folds=2, embargo_s=0.2,
    )  # fmt: skip
    assert finding.identity is not None
    best = finding.identity.parameters[SYMBOL]
    assert best["mean_fill_depth_bps"] == depth.value
    chain.settings(
        strategy__calibrated="mean_fill_depth_bps",
        strategy__skew_at_max_inventory_bps=best["skew_at_max_inventory_bps"],
        strategy__minimum_half_spread_bps=best["minimum_half_spread_bps"],
    )
    return finding.measured["dsr"], best


@pytest.mark.timeout(400)
def test_the_whole_chain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chain = Chain(tmp_path, capsys)
    capture, artefact = recorded(chain)
    dsr, best = studied(chain, artefact)
    tried = chain.told("backtest", capture)

    # Nothing runs in a stage that it was not promoted to; what is promoted is what was studied.
    refused = chain.run("--mode", "shadow", program=RUNNER, code=3)
    assert f"run 'titan promote {NAME} --to shadow'" in refused.stderr
    gates = chain.promoted("shadow")
    assert (gates["dsr"], gates["fills"]) == (dsr, tried["fills"])
    (record,) = read_promotions(tmp_path / "promotions", NAME)
    assert record.identity.parameters == {SYMBOL: best}
    assert record.identity.artefacts == {SYMBOL: artefact.id}

    paper, session, trades = asyncio.run(traded(chain))
    assert session["fills"] == len(trades) > 1
    assert abs(Decimal(session["pnl"]) - Decimal(session["equity_change_at_venue"])) <= CENT_MILLIONTH
    assert replay_session(Path(session["journal"])).identical

    with ThreadPoolExecutor(2) as pool:
        reported = pool.submit(chain.run, "report", "daily", "--session", session["session"])
        compared = pool.submit(chain.study, "parity", session=paper["journal"], **MODEL)
    page = unescape(Path(reported.result().stdout.splitlines()[1]).read_text(encoding="utf-8"))
    assert f"{abs(Decimal(session['pnl'])):.4f} USDT in {len(trades)} executions" in page
    assert "parts equal the exchange's equity change" in page
    on_paper = compared.result()  # past its tolerance the command ends with 1
    asked = Asked(session=session["journal"], **MODEL)
    found = parity(asked)
    require(found, asked)
    assert sum(found.parts.values(), found.simulated) == found.live
    assert found.money["queue"].fills == len(trades)
    assert found.matched > len(found.differences)

    gates = chain.promoted("canary", "--operator", "ann", "--reason", "a chain of seconds")
    assert gates["parity_bps"] == abs(on_paper.measured["parity_bps"])
    assert gates["fills"] == paper["fills"]
    assert [record.to for record in read_promotions(tmp_path / "promotions", NAME)] == [
        "shadow",
        "paper",
        "canary",
    ]

    last = trades[-1]
    trace = chain.told("trace", last.trade_id, "--session", session["session"])
    assert trace["fill"]["client_id"] == last.client_id
    assert trace["parameters"].items() <= best.items()
    assert trace["artefact"] == artefact.id
    assert trace["study"]["study"] == artefact.study
    assert trace["study"]["data"][0]["file"] == capture.name


async def traded(chain: Chain) -> tuple[dict[str, Any], dict[str, Any], tuple[Any, ...]]:
    """Sessions in shadow, on paper and on the exchange itself; the last two, and what the exchange executed."""
    async with open_exchange(ExchangeOptions(seed=8)) as (desk, url):
        chain.settings(venue__rest_url=url)
        shadow = await chain.traded("shadow", 1.0)
        assert shadow["orders_sent"] > 0
        assert (shadow["fills"], desk.exchange.trades(ACCOUNT)) == (0, ())
        assert chain.promoted("paper")["differences"] == 0
        paper = await chain.traded("paper", 4.0)
        assert desk.exchange.trades(ACCOUNT) == ()
        session = await chain.traded("loopback", 4.0)
        return paper, session, desk.exchange.trades(ACCOUNT, SYMBOL)
