"""A strategy that stands in a notebook's cell, as a module: what the engine hosts and a journal names.

The module's name holds a hash of the strategy's source, so that a journal says which text it was; the text itself is
kept beside the journal.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
import sys
import textwrap
from types import FunctionType, ModuleType
from typing import Any, get_type_hints

from titan.engine.strategies import StrategyError
from titan.model.contract import parameter_ranges

PACKAGE = "notebook_cell"
CLASSES = ("Parameters", "State")
FUNCTIONS = ("initial", "update", "quote")


def code_of(strategy: Any) -> str:
    """The ``package.module`` under which a strategy can be loaded in this process.

    Parameters
    ----------
    strategy : str, module or class
        A name; a module, such as an exported notebook; or a class that holds `Parameters`, `State` and the static
        functions `initial`, `update` and `quote` (titan.model.contract says what they are).

    Raises
    ------
    StrategyError
        If it does not follow the contract, or its source cannot be read.
    """
    if isinstance(strategy, str):
        return strategy
    if isinstance(strategy, ModuleType) and "." in strategy.__name__:
        return strategy.__name__
    name = name_of(strategy)
    _check(strategy, name)
    source = source_of(strategy, name)
    code = f"{PACKAGE}.{name}_{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    module = ModuleType(code, inspect.getdoc(strategy))
    vars(module).update({each: getattr(strategy, each) for each in (*CLASSES, *FUNCTIONS)})
    vars(module)["cell_source"] = source
    if hasattr(strategy, "LEGS"):
        vars(module)["LEGS"] = strategy.LEGS
    sys.modules[code] = module
    return code


def name_of(strategy: Any) -> str:
    """What a class or module is called as a strategy: ``QuietMaker`` is ``quiet_maker``."""
    name = getattr(strategy, "__name__", type(strategy).__name__).rpartition(".")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def source_text(code: str) -> str:
    """The source of a strategy of a cell; empty for any other code."""
    return str(vars(importlib.import_module(code))["cell_source"]) if in_a_cell(code) else ""


def in_a_cell(code: str) -> bool:
    """Whether a code is of a strategy that only this process knows."""
    return code.startswith(f"{PACKAGE}.")


def _check(strategy: Any, name: str) -> None:
    """Refuse what the engine could not host."""
    missing = [each for each in (*CLASSES, *FUNCTIONS) if not hasattr(strategy, each)]
    if missing:
        raise StrategyError(
            f"strategy {name}: lacks {', '.join(missing)}; see titan.model.contract for what a strategy holds"
        )
    odd = [each for each in FUNCTIONS if not isinstance(getattr(strategy, each), FunctionType)]
    if odd:
        raise StrategyError(
            f"strategy {name}: {', '.join(odd)}: must be a plain function; put @staticmethod above it, and give the "
            "class, not an object of it"
        )
    for each in CLASSES:
        kind = getattr(strategy, each)
        if not (isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")):
            raise StrategyError(f"strategy {name}: {each} must be a NamedTuple")
    parameter_ranges(strategy.Parameters)


def source_of(strategy: Any, name: str) -> str:
    """Everything that decides, as text: the ranges and defaults of the parameters, the state, and the functions.

    Raises
    ------
    StrategyError
        If a function was made without a source.
    """
    parts = []
    for each in CLASSES:
        kind = getattr(strategy, each)
        defaults = {field: f" = {value!r}" for field, value in kind._field_defaults.items()}
        fields = [
            f"    {field}: {_said(hint)}{defaults.get(field, '')}"
            for field, hint in get_type_hints(kind, include_extras=True).items()
        ]
        parts.append("\n".join([f"class {each}(NamedTuple):", *fields]))
    for each in FUNCTIONS:
        try:
            parts.append(textwrap.dedent(inspect.getsource(getattr(strategy, each))).rstrip())
        except (OSError, TypeError) as error:
            raise StrategyError(
                f"strategy {name}: the source of {each} cannot be read ({error}), so no journal could name it; "
                "define it in a cell or a file, and run that again"
            ) from None
    return "\n\n\n".join(parts) + "\n"


def _said(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else repr(hint)
