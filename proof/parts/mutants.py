"""Mutants of a file: one small change each, of the kinds that a slip of the hand makes.

Everything that decides is changed, inside functions and outside. Left alone are imports, annotations, decorators,
docstrings, and prose: strings with a space in them, and those with values set in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
ORDER_IS_NOTHING = {"max", "min"}
"""Functions whose arguments may change places without any effect."""
OPPOSITES = {"max": "min", "min": "max", "any": "all", "all": "any", "ceil": "floor", "floor": "ceil"}
REMOVABLE = (
    ast.Expr,
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Delete,
    ast.Raise,
    ast.Continue,
    ast.Break,
)
LEFT_ALONE = (ast.Import, ast.ImportFrom, ast.JoinedStr)
NOT_ENTERED = {"annotation", "returns", "decorator_list"}
MOST_SHOWN = 90


class Mutant(NamedTuple):
    """One change to one file, by its number among all changes of that file."""

    path: str
    number: int
    function: str
    """Where it is, by its qualified name; empty outside every function."""
    line: int
    lines: tuple[int, int]
    """First and last line of its statement, without the body of a compound one."""
    what: str


class _Place(NamedTuple):
    """Where in a file a node stands."""

    function: str = ""
    in_function: bool = False
    lines: tuple[int, int] = (1, 1)
    parent: ast.AST | None = None


class _Change(NamedTuple):
    """Setting one field of one node."""

    node: ast.AST
    field: str
    value: Any
    place: _Place


def mutants(path: str, source: str) -> list[Mutant]:
    """Return every mutant of a file, in the order of its text."""
    return [
        Mutant(
            path,
            number,
            place.function if place.in_function else "",
            place.lines[0],
            place.lines,
            _told(change),
        )
        for number, change in enumerate(_changes(ast.parse(source)))
        for place in [change.place]
    ]


def mutated(source: str, number: int) -> ast.Module:
    """Return the file's tree with one change made."""
    tree = ast.parse(source)
    change = next(each for at, each in enumerate(_changes(tree)) if at == number)
    setattr(change.node, change.field, change.value)
    return ast.fix_missing_locations(tree)


def functions(source: str) -> list[str]:
    """Return the qualified names of a file's functions and methods."""

    def inside(node: ast.AST, name: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            qualified = _qualified(child, name)
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield qualified
            yield from inside(child, qualified)

    return list(inside(ast.parse(source), ""))


def _qualified(node: ast.AST, within: str) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return f"{within}.{node.name}".lstrip(".")
    return within


# ---- Where a change can be made ------------------------------------------------------------------------------


def _changes(tree: ast.Module) -> list[_Change]:
    """Every change, before any is made."""
    return list(_below(tree, _Place()))


def _below(node: ast.AST, place: _Place) -> Iterator[_Change]:
    for field, value in _changes_of(node):
        yield _Change(node, field, value, place)
    for child in _entered(node):
        yield from _below(child, _place_of(child, node, place))
    if place.in_function:
        yield from _removals(node, place)


def _place_of(node: ast.AST, parent: ast.AST, around: _Place) -> _Place:
    return _Place(
        _qualified(node, around.function),
        around.in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef),
        _own_lines(node) if isinstance(node, ast.stmt) else around.lines,
        parent,
    )


def _entered(node: ast.AST) -> Iterator[ast.AST]:
    for field, value in ast.iter_fields(node):
        if field in NOT_ENTERED:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, LEFT_ALONE) and not _says_nothing(child):
                yield child


def _says_nothing(node: ast.AST) -> bool:
    """A docstring, a name of a type, or the list of public names."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.Assign(value=ast.Subscript(value=ast.Name())):
            return True
    return False


def _own_lines(statement: ast.stmt) -> tuple[int, int]:
    body = getattr(statement, "body", None)
    last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
    return statement.lineno, max(last, statement.lineno)


# ---- What a change is ----------------------------------------------------------------------------------------


def _changes_of(node: ast.AST) -> Iterator[tuple[str, Any]]:
    match node:
        case ast.Compare(ops=operators):
            for at, operator in enumerate(operators):
                for other in COMPARISONS[type(operator)]:
                    yield "ops", [*operators[:at], other(), *operators[at + 1 :]]
        case ast.BoolOp(op=joined):
            yield "op", ast.Or() if isinstance(joined, ast.And) else ast.And()
        case ast.UnaryOp(op=ast.Not()):
            yield "operand", _negated(node.operand)
        case ast.UnaryOp(op=ast.USub()):
            yield "op", ast.UAdd()
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in ARITHMETIC:
            yield "op", ARITHMETIC[type(operator)]()
        case ast.Constant(value=value):
            yield from (("value", other) for other in _other_constants(value))
        case ast.Name(id=name) if name in OPPOSITES:
            yield "id", OPPOSITES[name]
        case ast.Attribute(attr=name) if name in OPPOSITES:
            yield "attr", OPPOSITES[name]
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if not _is_changed_itself(test):
            yield "test", _negated(test)
        case ast.comprehension(ifs=[_, *_]):
            yield "ifs", []
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield "value", ast.Constant(None)
        case ast.Set(elts=members) if len(members) > 1:
            yield from (("elts", members[:at] + members[at + 1 :]) for at in range(len(members)))
        case ast.Call():
            yield from _other_arguments(node)


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _is_changed_itself(test: ast.expr) -> bool:
    """A comparison or a `not`: among its own changes is its opposite."""
    return isinstance(test, ast.Compare) or (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not))


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _other_constants(value: object) -> tuple[object, ...]:
    match value:
        case bool():
            return (not value,)
        case int() | float():
            return (value + 1, value - 1)
        case str() if not any(map(str.isspace, value)):
            return (f"{value}~",)
    return ()


def _other_arguments(call: ast.Call) -> Iterator[tuple[str, Any]]:
    """Two neighbours of the same kind change places; a keyword is forgotten."""
    args = [] if isinstance(call.func, ast.Name) and call.func.id in ORDER_IS_NOTHING else call.args
    for at, (one, two) in enumerate(pairwise(args)):
        if type(one) is type(two) and ast.dump(one) != ast.dump(two):
            yield "args", [*args[:at], two, one, *args[at + 2 :]]
    for at in range(len(call.keywords)):
        yield "keywords", call.keywords[:at] + call.keywords[at + 1 :]


def _removals(node: ast.AST, place: _Place) -> Iterator[_Change]:
    """Each statement below the node gives way to `pass`."""
    for field in ("body", "orelse"):
        found = getattr(node, field, None)
        body: list[ast.stmt] = found if isinstance(found, list) else []
        for at, statement in enumerate(body):
            if isinstance(statement, REMOVABLE) and not _says_nothing(statement):
                gone = ast.copy_location(ast.Pass(), statement)
                shorter = [*body[:at], gone, *body[at + 1 :]]
                yield _Change(node, field, shorter, place._replace(lines=_own_lines(statement)))


# ---- What it is called ---------------------------------------------------------------------------------------


def _told(change: _Change) -> str:
    node, old = change.node, getattr(change.node, change.field)
    if change.field in {"body", "orelse"} and isinstance(old, list):
        gone = next(before for before, after in zip(old, change.value, strict=True) if before is not after)
        return f"removed: {_cut(_text(gone))}"
    if isinstance(node, ast.If | ast.While):
        return _difference(_text(old), _text(change.value))
    shown = _shown(change)
    before = _text(shown)
    setattr(node, change.field, change.value)
    after = _text(shown)
    setattr(node, change.field, old)
    return _difference(before, after)


def _shown(change: _Change) -> ast.AST:
    """The least that makes sense to a reader: never a bare number or name, and never a whole block."""
    node, parent = change.node, change.place.parent
    bare = isinstance(node, ast.Constant | ast.Name | ast.Attribute | ast.comprehension)
    return parent if bare and parent is not None and not hasattr(parent, "body") else node


def _difference(before: str, after: str) -> str:
    """Both, from a little before the first difference on if they are long."""
    same = next((at for at, (one, two) in enumerate(zip(before, after, strict=False)) if one != two), 0)
    begin = max(same - MOST_SHOWN // 2, 0) if len(before) > MOST_SHOWN else 0
    lead = "… " if begin else ""
    return f"{lead}{_cut(before[begin:])} → {lead}{_cut(after[begin:])}"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} …"


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())
