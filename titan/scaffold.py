"""`titan new strategy NAME`: a notebook, a test and a settings section to start from.

In Titan's checkout the notebook becomes a module of `titan.strategy`. In a folder of its own it becomes a module of
another package, which the settings name by ``code = package.module``; nothing of Titan is edited.
"""

from __future__ import annotations

import hashlib
import json
import keyword
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import titan
from titan import _scaffold_texts as texts
from titan import settings

SETTINGS_FILE = "settings.ini"
LOCAL_FILE = "settings.local.ini"
SYMBOL = "BTCUSDT"


class ScaffoldError(ValueError):
    """A strategy that cannot be made; the message names what is in the way and what to do."""


class Home(NamedTuple):
    """The project that a strategy becomes a part of.

    Attributes
    ----------
    root
        Its folder, which holds pyproject.toml and nbs/.
    library
        Its package, the folder that notebooks are exported to.
    room
        The folder of strategies below nbs/ and the package; empty where they stand at the top.
    """

    root: Path
    library: str
    room: str

    def code(self, name: str) -> str:
        """The module as the settings name it."""
        return ".".join(part for part in (self.library, self.room, name) if part)

    def notebook(self, name: str) -> Path:
        """The notebook, which is the source."""
        return self.root / "nbs" / self.room / f"{name}.ipynb"

    def module(self, name: str) -> Path:
        """The module, which the export writes."""
        return self.root / self.library / self.room / f"{name}.py"

    def test(self, name: str) -> Path:
        """The test."""
        return self.root / "tests" / self.room / f"test_{name}.py"


def new_strategy(name: str, into: Path | None = None) -> list[Path]:
    """Write a notebook, a test and a settings section for a strategy, and return the files.

    Parameters
    ----------
    name
        A lowercase noun, words joined by underscores: the module's and the section's name.
    into
        Folder of a package of its own, made if there is none; without it, Titan's checkout.

    Raises
    ------
    ScaffoldError
        If the name cannot be used or is taken, or a file is in the way. Nothing is written then.
    SettingsError
        If the settings that the section joins are wrong.
    """
    _check_name(name)
    home = _checkout() if into is None else _home(into.resolve())
    plan = _project_files(home)
    plan[home.notebook(name)] = notebook_text(home, name)
    plan[home.test(name)] = property_test_text(home, name)
    for path in (*plan, home.module(name)):
        if path.exists():
            raise ScaffoldError(f"{path} is there already; choose another name, or remove it")
    file, text = _with_section(home, name, plan)
    plan.pop(file, None)
    plan[file] = text
    _write(plan)
    return list(plan)


def _write(plan: dict[Path, str]) -> None:
    """Write every file or none; the settings come last, so that they never name a strategy that is not there."""
    written: list[Path] = []
    try:
        for path, content in plan.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            written.append(path)
    except OSError as error:
        for path in written:
            path.unlink()
        raise ScaffoldError(f"{error.filename}: {error.strerror}; nothing was made") from error


def next_steps(name: str, into: Path | None) -> str:
    """What a researcher does with the files, in two lines."""
    if into is None:
        return "make export        # the notebook becomes the module\nmake run           # and trades on this machine"
    root = shlex.quote(str(into.resolve()))
    # make expands a dollar sign before the shell sees it.
    arguments = shlex.quote(f"--root {root}".replace("$", "$$"))
    return (
        f"make export ARGS={arguments}     # in Titan's checkout: the notebook becomes the module\n"
        f".venv/bin/python -m pip install --no-deps -e {root}   # once; then\n"
        f"titan-live --settings {shlex.quote(str(into.resolve() / SETTINGS_FILE))}"
    )


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name) or keyword.iskeyword(name):
        raise ScaffoldError(
            f"strategy name {name!r}: use a lowercase noun, such as 'spread' or 'slow_spread'"
        )


def _has_notebooks(root: Path) -> bool:
    """Tell whether `root`, in which Titan was found, is a checkout and no mere installation."""
    return (root / "nbs" / "strategy").is_dir()


def _checkout() -> Home:
    root = Path(titan.__file__).resolve().parents[1]
    if not _has_notebooks(root):
        raise ScaffoldError(
            f"Titan is installed in {root} without its notebooks; give --into DIR for a package of your own"
        )
    return Home(root, "titan", "strategy")


def _home(root: Path) -> Home:
    """The project at `root`, as its pyproject.toml says, or a new one named like the folder."""
    own = Path(titan.__file__).resolve().parents[1]
    if root.is_relative_to(own) and _has_notebooks(own):
        _refuse_titan(root)
    file = root / "pyproject.toml"
    if not file.exists():
        library = re.sub(r"\W+", "_", root.name).lower()
        if not library.isidentifier() or keyword.iskeyword(library) or library == "titan":
            raise ScaffoldError(
                f"--into {root}: a package cannot be called {library!r}; choose another folder name"
            )
        return Home(root, library, "")
    try:
        library = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["nbdev"]["lib_path"]
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError):
        raise ScaffoldError(
            f"{file} names no [tool.nbdev] lib_path: a notebook could not be exported there; choose an empty folder"
        ) from None
    if library == "titan":
        _refuse_titan(root)
    return Home(root, library, "")


def _refuse_titan(root: Path) -> NoReturn:
    raise ScaffoldError(
        f"--into {root}: this is Titan's own checkout; leave --into out for a strategy of titan.strategy, "
        "or name a folder outside it"
    )


def _project_files(home: Home) -> dict[Path, str]:
    """The files of a package that is not there yet."""
    if (home.root / "pyproject.toml").exists():
        return {}
    values = {"library": home.library, "distribution": home.library.replace("_", "-")}
    return {
        home.root / "pyproject.toml": _filled(texts.PYPROJECT, values),
        home.root / ".gitignore": texts.IGNORED,
        home.root / home.library / "__init__.py": texts.PACKAGE,
        home.root / SETTINGS_FILE: _filled(texts.SETTINGS, {**values, "symbol": SYMBOL}),
    }


def notebook_text(home: Home, name: str) -> str:
    """The notebook as a file, without outputs."""
    values = {
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "export": f"{home.room}.{name}" if home.room else name,
    }
    parts = re.split(r"^%% (markdown|code)\n", _filled(texts.NOTEBOOK, values), flags=re.MULTILINE)[1:]
    cells = [
        _cell(kind, source.strip("\n"), f"{name}{number}")
        for number, (kind, source) in enumerate(zip(parts[::2], parts[1::2], strict=True))
    ]
    kernel = {"display_name": "python3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _cell(kind: str, source: str, seed: str) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": kind,
        "id": hashlib.sha256(seed.encode()).hexdigest()[:8],
        "metadata": {},
        "source": source.splitlines(keepends=True),
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def property_test_text(home: Home, name: str) -> str:
    """The test as a file, its imports as ruff sorts them."""
    contract = (
        "from titan.model.contract import ParameterError, Quotes, View, build_parameters, parameter_ranges"
    )
    own = f"from {home.code(name).rpartition('.')[0]} import {name} as module"
    return _filled(texts.TEST, {"name": name, "imports": "\n".join(sorted([contract, own]))})


def _with_section(home: Home, name: str, plan: dict[Path, str]) -> tuple[Path, str]:
    """The settings file that takes the section, and its new text.

    A settings.ini that is there is never written: the section goes to settings.local.ini, which is read over it.
    """
    shared, local = home.root / SETTINGS_FILE, home.root / LOCAL_FILE
    if shared in plan:
        return shared, plan[shared] + _section(home, name, SYMBOL, [])
    stated = settings.load(shared, {})
    if name in stated.strategy:
        raise ScaffoldError(f"[strategy.{name}] stands in {shared} or {local} already; choose another name")
    symbol = stated.venue[stated.live.venue].symbols[0]
    others = [other for other, found in stated.strategy.items() if found.enabled and symbol in found.symbols]
    before = local.read_text(encoding="utf-8").rstrip("\n") + "\n\n" if local.exists() else ""
    return local, before + _section(home, name, symbol, others)


def _section(home: Home, name: str, symbol: str, others: list[str]) -> str:
    values = {
        "name": name,
        "code": home.code(name),
        "symbol": symbol,
        "notebook": home.notebook(name).relative_to(home.root).as_posix(),
        "others": ", ".join(others),
    }
    beside = _filled(texts.BESIDE, values) if others else ""
    return _filled(texts.SECTION, {**values, "beside": beside})


def _filled(text: str, values: dict[str, str]) -> str:
    for word, value in values.items():
        text = text.replace(f"@{word}@", value)
    return text
