"""A strategy's state between its named tuples and plain lists: a snapshot knows only lists.

The numbers are left as they are, so that what is restored gives the same bytes again.
"""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints


def typed(hint: Any, value: Any) -> Any:
    """What a snapshot holds, as the type that `hint` names; lists inside become tuples, named where the hint says so.

    Parameters
    ----------
    hint : type
        A NamedTuple, `tuple[X, ...]`, `tuple[X, Y]`, either of these ``| None``, or anything else for a number.
    value : list, number or None
        As it was decoded.

    Raises
    ------
    ValueError
        If there are more values, or fewer, than the hint has places.
    """
    if not isinstance(value, list):
        return value
    arms = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    shape = next((arm for arm in arms if _is_tuple(arm)), tuple)
    if hasattr(shape, "_fields"):
        hints = tuple(get_type_hints(shape).values())
        return shape(*(typed(each, item) for each, item in zip(hints, value, strict=True)))
    inner = get_args(shape) or (Any, ...)
    hints = inner[:1] * len(value) if inner[-1] is ... else inner
    return tuple(typed(each, item) for each, item in zip(hints, value, strict=True))


def _is_tuple(hint: Any) -> bool:
    kind = get_origin(hint) or hint
    return isinstance(kind, type) and issubclass(kind, tuple)
