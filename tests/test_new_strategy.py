"""A strategy from `titan new strategy` to a live quote, with no hand-written file edited."""

from __future__ import annotations

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from titan.model.commands import AmendOrder, Decision, PlaceOrder
from titan.store.journal import Frame
from titan.store.session import SessionReader

NAME = "slow_spread"
LIVE = "import sys; from titan.cli import main_live; sys.exit(main_live())"
SHORT_SESSION = ("--speed", "max", "--duration", "2", "--seed", "3", "--json")


def run(folder: Path, *arguments: str, paths: tuple[Path, ...] = ()) -> str:
    """Run Python in ``folder`` on Titan's copy, and return what it printed."""
    # Coverage of a copy would name files that are gone when it is reported.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("COV", "TITAN_"))}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (*paths, folder)))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def trade(titan: Path, *arguments: str, paths: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the summary of a short session on a generated market."""
    summary: dict[str, Any] = json.loads(
        run(titan, "-c", LIVE, *SHORT_SESSION, *arguments, paths=paths).splitlines()[-1]
    )
    assert summary["open_orders_at_exit"] == summary["reconciliation_differences"] == 0
    return summary


def decisions(summary: dict[str, Any], name: str) -> list[Decision]:
    """Return what the strategy wanted, an order or an amendment each."""
    commands = [command for _, _, command in SessionReader(Path(summary["journal"])).commands()]
    placed = [c for c in commands if isinstance(c, PlaceOrder) and c.strategy == name]
    ids = {command.client_id for command in placed}
    amended = [c for c in commands if isinstance(c, AmendOrder) and c.client_id in ids]
    return [c.decision for c in (*placed, *amended) if c.decision is not None]


def half_spread_bps(summary: dict[str, Any], name: str) -> float:
    """Return the distance of the wanted quotes from the reservation price, the same for all of them."""
    found = [1e4 * abs(d.wanted - d.reservation) / d.fair_value for d in decisions(summary, name)]
    assert len(found) >= 2
    assert max(found) - min(found) < 1e-6
    return statistics.fmean(found)


def record(summary: dict[str, Any], file: Path) -> Path:
    """Write the market that a session saw as a raw capture: receipt time and message, a line each."""
    lines = []
    for _, received in SessionReader(Path(summary["journal"])).inputs():
        if isinstance(received, Frame):
            frame = msgspec.json.decode(received.payload, type=dict[str, msgspec.Raw])
            asked = received.payload.startswith(b'{"stream":"') and b"@snapshot" in received.payload[:60]
            lines.append(b"%d %b\n" % (received.time_ns, bytes(frame["data"]) if asked else received.payload))
    file.write_bytes(b"".join(lines))
    return file


def double_the_spread(notebook: Path) -> None:
    """Edit the formula in its cell, as a researcher does."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    edits = 0
    for cell in content["cells"]:
        source = "".join(cell["source"])
        edited = source.replace("return 1e-4 * half_spread_bps", "return 2e-4 * half_spread_bps")
        edits += edited != source
        cell["source"] = edited.splitlines(keepends=True)
    assert edits == 1
    notebook.write_text(
        json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )


@pytest.fixture
def clone(tmp_path: Path, repository: Path) -> Path:
    """Return a copy of the files of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    root = tmp_path / "clone"
    for name in filter(None, listed.stdout.split("\0")):
        if (repository / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, root / name)
    return root


def texts(root: Path) -> dict[Path, bytes]:
    skipped = {"__pycache__", "var"}
    return {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and not skipped & set(p.parts)}


@pytest.mark.timeout(300)
def test_from_notebook_to_live_quote_and_an_edited_formula_changes_it(clone: Path) -> None:
    before = texts(clone)
    run(clone, "-m", "titan.cli", "new", "strategy", NAME)
    run(clone, "-m", "scripts.export")
    changed = {
        path.relative_to(clone).as_posix() for path, text in texts(clone).items() if before.get(path) != text
    }
    assert changed == {
        f"nbs/strategy/{NAME}.ipynb",
        f"titan/strategy/{NAME}.py",
        f"tests/strategy/test_{NAME}.py",
        "titan/_modidx.py",
        "settings.local.ini",
    }
    own = [name for name in sorted(changed) if NAME in name]
    run(clone, "-m", "ruff", "check", "--no-cache", *own)
    run(clone, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/strategy/test_{NAME}.py")

    first = trade(clone)
    assert math.isclose(half_spread_bps(first, NAME), 0.2, rel_tol=1e-6)
    verified = json.loads(run(clone, "-m", "titan.cli", "journal", "verify", "--json", first["journal"]))
    assert verified["identical"]
    market = record(first, clone / "var" / "market.txt")
    tested = json.loads(run(clone, "-m", "titan.cli", "backtest", str(market), "--json").splitlines()[-1])
    assert math.isclose(half_spread_bps(tested, NAME), 0.2, rel_tol=1e-6)

    double_the_spread(clone / f"nbs/strategy/{NAME}.ipynb")
    run(clone, "-m", "scripts.export")
    second = trade(clone)
    assert math.isclose(half_spread_bps(second, NAME), 0.4, rel_tol=1e-6)
    # The neighbour's quotes come from a formula that nobody touched.
    assert decisions(first, "avellaneda_stoikov")[0] == decisions(second, "avellaneda_stoikov")[0]


@pytest.mark.timeout(300)
def test_a_package_of_ones_own_trades_with_nothing_of_titan_edited(clone: Path, tmp_path: Path) -> None:
    desk, before = tmp_path / "desk", texts(clone)
    run(clone, "-m", "titan.cli", "new", "strategy", "gentle", "--into", str(desk))
    run(clone, "-m", "scripts.export", "--root", str(desk))
    summary = trade(clone, "--settings", str(desk / "settings.ini"), paths=(desk,))
    assert math.isclose(half_spread_bps(summary, "gentle"), 0.2, rel_tol=1e-6)
    assert Path(summary["journal"]).is_relative_to(desk)
    assert texts(clone) == before
