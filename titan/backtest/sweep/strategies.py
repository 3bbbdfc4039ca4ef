"""The bridge between a strategy's named tuples and the arrays of a sweep, written for the strategies at hand."""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType
from typing import Any, get_args, get_origin, get_type_hints

from titan.backtest.sweep.linking import Linker, decorator
from titan.backtest.sweep.market import decide
from titan.model.contract import Quotes, StrategyModule


def kinds(tuple_class: type[Any]) -> dict[str, type[Any]]:
    """The fields of a named tuple and what they hold: float, int or bool."""
    hints = get_type_hints(tuple_class)
    return {name: _plain(hints[name]) for name in tuple_class._fields}


def _plain(hint: Any) -> type[Any]:
    found: type[Any] = get_args(hint)[0] if get_origin(hint) is not None else hint
    return found


def write_decide(linker: Linker, modules: Sequence[StrategyModule]) -> None:
    """Put a `decide` into the linked module that asks the strategy which a set runs."""
    quotes = linker.add_class(Quotes)
    lines = [
        decorator(counted=False),
        f"def {linker.claim(decide)}(k, strategy, view, chosen):",
    ]
    for number, module in enumerate(modules):
        update, quote = (linker.add(_function(module, name)) for name in ("update", "quote"))
        parameters, state = (linker.add_class(kind) for kind in (module.Parameters, module.State))
        lines += [
            f"    if strategy == {number}:",
            f"        parameters_{number} = {parameters}({_read(module.Parameters, 'parameters')})",
            f"        before_{number} = {state}({_read(module.State, 'state')})",
            f"        state_{number} = {update}(parameters_{number}, before_{number}, view)",
            *(
                f"        chosen.{_column(kind, 'state')}[k, {place}] = state_{number}.{name}"
                for place, (name, kind) in enumerate(kinds(module.State).items())
            ),
            f"        return {quote}(parameters_{number}, state_{number}, view)",
        ]
    lines.append(f"    return {quotes}(np.nan, 0.0, np.nan, 0.0, np.nan, np.nan, 1, 0.0)")
    linker.add_text("\n".join(lines))


def _function(module: StrategyModule, name: str) -> FunctionType:
    found = getattr(module, name)
    assert isinstance(found, FunctionType)
    return found


def _column(kind: type[Any], what: str) -> str:
    return what if kind is float else f"whole_{what}"


def _read(tuple_class: type[Any], what: str) -> str:
    cells = [
        f"{'bool' if kind is bool else ''}(chosen.{_column(kind, what)}[k, {place}])"
        for place, (_, kind) in enumerate(kinds(tuple_class).items())
    ]
    return ", ".join(cells)
