"""The rules that hold the house up and that no linter knows."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import titan
from scripts.export import EXPORTED_ROOMS, HEADER, check_names, exported_modules

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = sorted((REPOSITORY / "titan").rglob("*.py"))
WRITTEN = [path for path in SOURCES if path.name != "_modidx.py"]
MOST_LINES = 450
HEAVY = {
    *("aiohttp", "ccxt", "hmmlearn", "matplotlib", "msgspec", "nbdev", "numba", "numpy", "pandas"),
    *("prometheus_client", "pydantic", "scipy", "sklearn", "statsmodels", "structlog", "vectorbt"),
}
FUNCTIONS = {
    "calibrate": "titan.reports.calibrating",
    "follow": "titan.reports.following",
    "load_capture": "titan.reports.capture_frames",
    "load_session": "titan.reports.session_frames",
    "sweep": "titan.backtest.sweep_study",
}
BROAD = {"Exception", "BaseException"}
# A strategy is foreign code: whatever it raises quarantines it, is recorded, and leaves the others running.
# A fault of ours inside a socket's callback must reach the runner, which cancels everything and ends with it.
# And nothing may leave the command line without its exit code.
QUARANTINES = {
    "titan/chaos/run.py": 1,
    "titan/engine/quoting.py": 1,
    "titan/live/pulse.py": 1,
    "titan/cli.py": 1,
}
# Written in halves, so that this file does not find itself.
REGISTRIES = ["pypi" + ".org", "python" + "hosted.org"]


def run_python(code: str) -> str:
    """Run ``code`` in a fresh interpreter and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in WRITTEN}
    assert {str(path): length for path, length in lengths.items() if length > MOST_LINES} == {}


def test_no_module_is_called_utils() -> None:
    assert [str(path) for path in SOURCES if re.search(r"util|helper|misc|common", path.stem)] == []


def test_nothing_sleeps() -> None:
    sleeping = [
        f"{path}:{node.lineno}"
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "time.sleep"
    ]
    assert sleeping == []


def is_broad(node: ast.AST) -> bool:
    """Tell whether ``node`` catches everything, by name or by naming nothing."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    return node.type is None or bool(BROAD & set(re.findall(r"\w+", ast.unparse(node.type))))


def test_no_bare_or_broad_except() -> None:
    broad = {path.relative_to(REPOSITORY).as_posix(): sum(map(is_broad, nodes(path))) for path in SOURCES}
    assert {path: count for path, count in broad.items() if count > QUARANTINES.get(path, 0)} == {}


def test_import_titan_loads_nothing_heavy() -> None:
    loaded = run_python(
        "import sys, titan; print(*sorted(name for name in sys.modules if '.' not in name))"
    ).split()
    assert sorted(set(loaded) & set(HEAVY)) == []


@pytest.mark.parametrize("package", ["titan", "titan.strategy", "titan.model"])
def test_tab_completion_lists_the_modules(package: str) -> None:
    folder = REPOSITORY / package.replace(".", "/")
    expected = {path.stem for path in folder.glob("[a-z]*.py")}
    expected |= {path.parent.name for path in folder.glob("*/__init__.py")}
    code = (
        "import rlcompleter, titan; completer = rlcompleter.Completer({'titan': titan});"
        f"completer.complete('{package}.', 0); print(*completer.matches)"
    )
    found = {word.rpartition(".")[2].rstrip("()") for word in run_python(code).split()}
    assert expected <= found


def test_titan_names_its_rooms() -> None:
    public = {path.parent.name for path in (REPOSITORY / "titan").glob("*/__init__.py")} | {"settings"}
    assert titan.__all__ == sorted(public | set(FUNCTIONS))
    for name in public:
        assert getattr(titan, name) is importlib.import_module(f"titan.{name}")


def test_titan_shows_functions_of_its_rooms() -> None:
    for name, module in FUNCTIONS.items():
        assert getattr(titan, name) is getattr(importlib.import_module(module), name)
        assert name in dir(titan)


def test_an_unknown_room_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="package 'titan' has no module 'nonsense'"):
        titan.nonsense  # noqa: B018


def test_every_exported_module_has_its_notebook_and_the_reverse() -> None:
    assert exported_modules(REPOSITORY) == sorted(check_names(REPOSITORY).values())


def test_a_room_is_wholly_exported_or_wholly_written() -> None:
    for path in WRITTEN:
        room = path.relative_to(REPOSITORY / "titan").parts[0]
        if path.name != "__init__.py":
            assert (HEADER in path.read_text(encoding="utf-8")) == (room in EXPORTED_ROOMS), path


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Yield (path, text) of every tracked text file."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = REPOSITORY / name
        raw = path.read_bytes() if path.is_file() else b""
        if b"\0" not in raw:
            yield name, raw.decode("utf-8")


def test_no_tracked_text_names_this_machine() -> None:
    parent = REPOSITORY.parent
    if parent in (Path("/"), Path(tempfile.gettempdir())):
        pytest.skip(f"{parent} is not a folder that belongs to one machine")
    here = re.compile(rf"(?<![\w.]){re.escape(str(parent))}/")
    assert [name for name, text in tracked_texts() if here.search(text)] == []


def test_no_tracked_text_names_a_registry() -> None:
    used = urlsplit(os.environ.get("PIP_INDEX_URL", "")).hostname
    hosts = [*REGISTRIES, *([used] if used else [])]
    assert [(name, host) for name, text in tracked_texts() for host in hosts if host in text] == []
