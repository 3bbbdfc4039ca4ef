"""Docstrings and signatures as Sphinx should read them; docs/conf.py connects these to autodoc."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from typing import Any

MATH = re.compile(r"(?<![\\$`])\$(?!\s)([^$\n]+?)(?<![\\\s])\$(?!\$)")
BARS = re.compile(r"(`[^`]*`)|\|")
STARS = re.compile(r"(`[^`]*`)|(?<![\w*])\*(?=[\w*])|(?<=\w)_(?=[\s,.;:)]|$)")
VALUES = frozenset({"attribute", "data", "property"})
"""What Napoleon expects a type of, as autodoc calls it."""
ALIAS = re.compile(r"Alias for field number \d+")


def as_roles(line: str) -> str:
    r"""Return a docstring's line with $x$ as a formula, and with marks that reST would read as its own escaped."""
    spans = MATH.split(line)
    for at in range(0, len(spans), 2):
        bare = BARS.sub(lambda found: found[1] or r"\|", spans[at])
        spans[at] = STARS.sub(lambda found: found[1] or f"\\{found[0]}", bare)
    for at in range(1, len(spans), 2):
        spans[at] = f":math:`{spans[at]}`"
    # A role must not touch a letter; an escaped blank parts them and leaves no trace.
    joined = "".join(spans)
    return re.sub(r"(:math:`[^`]*`)(?=[\w(\[])", r"\1\\ ", joined)


def undivided(what: str, lines: list[str]) -> list[str]:
    """Return the docstring of a value whole: Napoleon would take what stands before its first colon for a type."""
    return [f": {lines[0]}", *lines[1:]] if what in VALUES and lines and lines[0] else lines


def is_alias(doc: str | None) -> bool:
    """Tell whether a docstring is the one that a NamedTuple gives its fields."""
    return doc is not None and ALIAS.fullmatch(doc.strip()) is not None


def definition(thing: Any) -> ast.AST | None:
    """Return the syntax tree of a function or class, or None where there is no source."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(thing))).body
    except (
        OSError,
        TypeError,
        IndentationError,
    ):  # nothing to read, or foreign text that stands at the margin
        return None
    return body[0]


def fields(node: ast.ClassDef) -> str:
    """Return the fields of a NamedTuple, a dataclass or a struct as a signature."""
    shown = []
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            kind = ast.unparse(part.annotation)
            if kind.startswith("ClassVar") or part.target.id.startswith("_"):
                continue
            default = f" = {ast.unparse(part.value)}" if part.value is not None else ""
            shown.append(f"{part.target.id}: {kind}{default}")
    return f"({', '.join(shown)})"


def holds_fields(thing: type) -> bool:
    """Tell whether a class is called with its annotated fields."""
    return (
        hasattr(thing, "_fields")
        or hasattr(thing, "__dataclass_fields__")
        or hasattr(thing, "__struct_fields__")
    )


def signature(thing: Any) -> tuple[str, str] | None:
    """Return parameters and result of ``thing`` as they stand in the source, or None to leave them as they are."""
    thing = inspect.unwrap(thing) if callable(thing) else thing
    if isinstance(thing, type) and "__init__" in vars(thing) and not holds_fields(thing):
        thing = vars(thing)["__init__"]
    elif isinstance(thing, type) and not holds_fields(thing):
        return None
    node = definition(thing)
    if isinstance(node, ast.ClassDef):
        return (fields(node), "") if fields(node) != "()" else None
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    words = node.args
    first = [*words.posonlyargs, *words.args][:1]
    if first and first[0].arg in ("self", "cls"):
        (words.posonlyargs or words.args).pop(0)
    result = ast.unparse(node.returns) if node.returns is not None and node.name != "__init__" else ""
    return f"({ast.unparse(words)})", result


def qualified(module: str | None, name: str) -> str:
    """Return the full name of what ``name`` means in ``module``, or ``name`` itself if it means nothing there."""
    if module is None or name.startswith("titan."):
        return name
    owner = name.partition(".")[0]
    thing: Any = vars(importlib.import_module(module)).get(owner)
    if inspect.ismodule(thing):
        return f"{thing.__name__}{name[len(owner) :]}"
    if isinstance(thing, type) or inspect.isfunction(thing):
        return f"{thing.__module__}.{thing.__qualname__}{name[len(owner) :]}"
    return name if thing is None else f"{module}.{name}"
