"""What numba cannot compile of a strategy's source, written in the words that it can.

Two habits of good Python have a plain equal: ``state._replace(price=p)`` is a call of the tuple's class with every
field, and a comprehension over a few literal numbers that is unpacked at once is those few expressions in a row.
Everything else is left as it stands.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from typing import Any, get_type_hints


class Rewriter(ast.NodeTransformer):
    """Rewrites one function.

    Parameters
    ----------
    names : mapping of str to object
        The globals of the module where the function stands.
    """

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self._tuples: dict[str, str] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Note which arguments are named tuples, then rewrite the body and drop what only people read."""
        for argument in node.args.args:
            if isinstance(argument.annotation, ast.Name):
                self._note(argument.arg, argument.annotation.id)
            argument.annotation = None
        node.returns = None
        if ast.get_docstring(node) is not None and len(node.body) > 1:
            node.body = node.body[1:]
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """A local annotation tells what an empty list will hold, and nothing else to numba."""
        self.generic_visit(node)
        if node.value is None:
            return node
        value = node.value
        if isinstance(value, ast.List) and not value.elts:
            value = self._empty_list(node.annotation) or value
        return ast.copy_location(ast.Assign([node.target], value), node)

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        """Note a local named tuple, and write out a comprehension that is unpacked at once."""
        target = node.targets[0]
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Name):
                self._note(target.id, called.id)
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.ListComp | ast.GeneratorExp):
            node.value = _written_out(node.value)
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """``name._replace(field=value)`` becomes a call of the class of `name`."""
        self.generic_visit(node)
        called = node.func
        if not (isinstance(called, ast.Attribute) and called.attr == "_replace"):
            return node
        if not (isinstance(called.value, ast.Name) and called.value.id in self._tuples):
            return node
        kind = self._tuples[called.value.id]
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        fields = [
            given.get(field, ast.Attribute(copy.deepcopy(called.value), field, ast.Load()))
            for field in self._names[kind]._fields
        ]
        return ast.copy_location(ast.Call(ast.Name(kind, ast.Load()), fields, []), node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        """A message keeps its words, with the names of its numbers: formatting numbers takes long to compile."""
        return ast.copy_location(ast.Constant(ast.unparse(node)[2:-1]), node)

    def _empty_list(self, annotation: ast.expr) -> ast.expr | None:
        """An empty list of named tuples whose element can be inferred: a comprehension over nothing."""
        if not (isinstance(annotation, ast.Subscript) and isinstance(annotation.slice, ast.Name)):
            return None
        kind = annotation.slice.id
        found = self._names.get(kind)
        if found is None or not hasattr(found, "_fields"):
            return None
        hints = get_type_hints(found)
        one = ", ".join("0" if hints[field] in (int, bool) else "0.0" for field in found._fields)
        return ast.parse(f"[{kind}({one}) for _ in range(0)]", mode="eval").body

    def _note(self, variable: str, kind: str) -> None:
        if hasattr(self._names.get(kind), "_fields"):
            self._tuples[variable] = kind


def _written_out(node: ast.ListComp | ast.GeneratorExp) -> ast.expr:
    """The elements of a comprehension over literals, one after another; any other as it is."""
    loop = node.generators[0]
    literal = isinstance(loop.iter, ast.Tuple) and isinstance(loop.target, ast.Name)
    if len(node.generators) > 1 or loop.ifs or not literal:
        return node
    assert isinstance(loop.iter, ast.Tuple)
    assert isinstance(loop.target, ast.Name)
    elements = [_put(copy.deepcopy(node.elt), loop.target.id, value) for value in loop.iter.elts]
    return ast.copy_location(ast.Tuple(elements, ast.Load()), node)


class _Put(ast.NodeTransformer):
    def __init__(self, name: str, value: ast.expr) -> None:
        self._name, self._value = name, value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self._value) if node.id == self._name else node


def _put(tree: ast.expr, name: str, value: ast.expr) -> ast.expr:
    """The expression with a value in the place of a name."""
    found = _Put(name, value).visit(tree)
    assert isinstance(found, ast.expr)
    return found
