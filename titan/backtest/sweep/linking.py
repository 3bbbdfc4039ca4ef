"""Exported functions, and all that they call, gathered into one module that numba compiles.

numba compiles a function only if those that it calls are compiled too, and its disk cache does not notice an edit in
an imported one. So the sources of everything reachable are written, function by function as they stand, into one file
of a folder that is named by the hash of that file and of numba itself: an edit anywhere gives another folder.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import os
import sys
import tempfile
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import numba
import numpy as np

from titan.backtest.sweep.rewriting import Rewriter

_HEAD = '''"""Written by titan.backtest.sweep.linking from the modules named below; edit those."""

import math

import numba
import numpy as np

'''

F = TypeVar("F", bound=Callable[..., Any])
Function = Callable[..., Any]
Namespace = Mapping[str, Any]

_PASS = "titan.backtest.sweep."
"""Functions of the pass get their arrays from outside and make none: without reference counts they run four times
faster."""

_OPTIONS = "cache=True, nogil=True, forceinline=True"
"""Every function is put in where it is called: a call would copy the shape and strides of each array and each field of
a tuple, which takes as long as what is done with them."""


def allocates(function: F) -> F:
    """Mark a function of the pass that makes lists or arrays, and so needs their references counted."""
    function.allocates = True  # type: ignore[attr-defined]
    return function


def decorator(counted: bool) -> str:
    """How a function of the linked module is compiled; `counted` says whether it makes arrays or lists."""
    return f"@numba.njit({_OPTIONS}, _nrt={counted})"


class LinkError(ValueError):
    """A function whose source cannot be gathered; the message names it."""


class Linker:
    """Gathers functions into the text of one module.

    Parameters
    ----------
    substitutes : mapping of function to function, optional
        What takes the place of a function wherever it is called.
    """

    def __init__(self, substitutes: Mapping[Function, Function] | None = None) -> None:
        self._substitutes = dict(substitutes or {})
        self._bodies: list[str] = []
        self._written: dict[str, str] = {}
        self._imports: dict[str, str] = {}

    def add(self, function: Function) -> str:
        """Gather a function and what it calls; its name in the module."""
        function = self._substitutes.get(function, function)
        path = f"{function.__module__}.{function.__qualname__}"
        if path in self._written:
            return self._written[path]
        name = path.replace(".", "_")
        self._written[path] = name
        tree = _definition(function, path)
        names = {**vars(sys.modules[function.__module__]), **function.__globals__}
        Rewriter(names).visit(tree)
        renamed = {found: self._name_of(names[found], found, path) for found in _globals_of(tree, names)}
        _Renamer(renamed).visit(tree)
        tree.name = name
        tree.decorator_list = []
        counted = not path.startswith(_PASS) or hasattr(function, "allocates")
        self._bodies.append(f"# {path}\n{decorator(counted)}\n{ast.unparse(ast.fix_missing_locations(tree))}")
        return name

    def claim(self, function: Function) -> str:
        """The name of a function whose body comes by `add_text`."""
        path = f"{function.__module__}.{function.__qualname__}"
        return self._written.setdefault(path, path.replace(".", "_"))

    def add_text(self, text: str) -> None:
        """Put in what was written for this module."""
        self._bodies.append(text)

    def add_class(self, kind: type[Any]) -> str:
        """Make a class of another module known; its name here."""
        if "." in kind.__qualname__:
            raise LinkError(
                f"{kind.__module__}.{kind.__qualname__} stands inside another definition: move it out of it"
            )
        return self._imported(kind.__module__, kind.__qualname__)

    @property
    def text(self) -> str:
        """The module."""
        return _HEAD + "".join(self._imports.values()) + "\n\n" + "\n\n\n".join(self._bodies) + "\n"

    def _name_of(self, value: Any, name: str, path: str) -> str:
        if isinstance(value, FunctionType):
            return self.add(value)
        if value is math_module or value is np:
            return "math" if value is math_module else "np"
        if isinstance(value, type):
            return self.add_class(value)
        if isinstance(value, bool | int | float | str | tuple | np.ndarray):
            return self._imported(path.rpartition(".")[0], name)
        raise LinkError(
            f"{path} uses {name}, a {type(value).__name__}: numba takes functions, tuples and numbers"
        )

    def _imported(self, module: str, name: str) -> str:
        alias = f"{module}_{name}".replace(".", "_")
        self._imports[alias] = f"from {module} import {name} as {alias}\n"
        return alias


math_module = sys.modules["math"]


def _definition(function: Function, path: str) -> ast.FunctionDef:
    """The syntax tree of a function as it stands in its file."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        raise LinkError(f"{path}: its source cannot be read ({error}); put it into a file") from None
    tree = ast.parse(text).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise LinkError(f"{path}: is no plain function")
    if tree.name != function.__name__:
        raise LinkError(f"{path}: its file was edited since it was imported; start again")
    return tree


def _globals_of(tree: ast.FunctionDef, names: Namespace) -> list[str]:
    """The names in a function that its module defines, in order of appearance."""
    local = {argument.arg for argument in tree.args.args}
    local |= {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    used = [
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    ]
    return [name for name in dict.fromkeys(used) if name in names and name not in local]


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(self._names.get(node.id, node.id), node.ctx), node)


def cache_root() -> Path:
    """Where compiled sweeps are kept: `$NUMBA_CACHE_DIR`, or the user's cache folder."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "titan" / "sweep"


def load(text: str, root: Path | None = None) -> ModuleType:
    """The module of this text, compiled code beside it; the same text is the same module."""
    digest = hashlib.sha256(
        f"{numba.__version__} {np.__version__} {sys.version}\n{text}".encode()
    ).hexdigest()[:24]
    name = f"titan_sweep_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    folder = (root or cache_root()) / digest
    file = folder / f"{name}.py"
    if not file.exists():
        _write_whole(file, text)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _write_whole(file: Path, text: str) -> None:
    """Write a file so that another process sees all of it or nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=file.parent, suffix=".part", delete=False, encoding="utf-8"
    ) as part:
        part.write(text)
    Path(part.name).replace(file)


def link(functions: Sequence[Function]) -> ModuleType:
    """Compile functions with all that they call; they keep their names."""
    linker = Linker()
    found = {function.__name__: linker.add(function) for function in functions}
    linker.add_text("\n".join(f"{name} = {linked}" for name, linked in found.items()))
    return load(linker.text)
