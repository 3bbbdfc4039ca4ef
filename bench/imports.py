"""What is loaded and what that costs: `import titan`, and a titan-live that trades."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import ROOT

IMPORT_TARGET_MS = 160.0
RUNS = 5
SESSION_S = 3
BANNED = ("hmmlearn", "nbdev", "pandas", "sklearn", "statsmodels", "vectorbt")
_SESSION = """
import json, sys
from titan.cli import main_live
code = main_live(sys.argv[1:])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
sys.exit(code)
"""


def cpu_ms(statement: str, runs: int = RUNS) -> float:
    """Median processor time of a fresh interpreter that runs one statement, its start included, milliseconds."""
    code = f"import time; {statement}; print(time.process_time())"
    return statistics.median(1e3 * float(_python(code)[-1]) for _ in range(runs))


def trade(seconds: float = SESSION_S) -> tuple[dict[str, Any], list[str]]:
    """Run titan-live on the shipped settings for a while; its summary, and the packages loaded when it ended."""
    with tempfile.TemporaryDirectory(prefix="titan-bench-") as name:
        settings = Path(name) / "settings.ini"
        shutil.copy(ROOT / "settings.ini", settings)
        lines = _python(_SESSION, "--settings", str(settings), "--duration", str(seconds), "--json")
    return json.loads(lines[-2]), json.loads(lines[-1])


def _python(code: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"the measured process ended with code {done.returncode}:\n{done.stderr}")
    return done.stdout.splitlines()


def banned(loaded: Sequence[str]) -> list[str]:
    """The packages that a runner must not load, of those that it did."""
    return sorted(set(BANNED) & set(loaded))


def run() -> list[dict[str, Any]]:
    """The rows for bench/results.json."""
    import_ms, empty_ms = cpu_ms("import titan"), cpu_ms("pass")
    summary, loaded = trade()
    return [
        {
            "name": "import titan: processor time of a fresh interpreter",
            "value": import_ms,
            "unit": "ms",
            "peer": "an interpreter that imports nothing",
            "peer_value": empty_ms,
            "ratio": import_ms / empty_ms,
            "target": IMPORT_TARGET_MS,
            "met": import_ms <= IMPORT_TARGET_MS,
        },
        {
            "name": "titan-live: banned packages loaded",
            "value": len(banned(loaded)),
            "unit": "packages",
            "peer": ", ".join(banned(loaded)) or f"none of {', '.join(BANNED)}",
            "peer_value": None,
            "ratio": None,
            "target": 0,
            "met": not banned(loaded),
        },
        {
            "name": "titan-live: processor time to the first quote",
            "value": summary["cpu_to_first_quote_s"],
            "unit": "s",
            "peer": None,
            "peer_value": None,
            "ratio": None,
            "target": None,
            "met": summary["cpu_to_first_quote_s"] is not None,
        },
    ]
