"""Studies: the notebooks of research/ that papermill runs with parameters, and the checks of what they are asked."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec

import titan
from titan.model.contract import Range
from titan.reports.errors import ParameterProblem, ReportError

RESEARCH = Path(titan.__file__).resolve().parents[1] / "research"
INDEX = "index"
"""The study of a folder's reports: its page keeps one name, so that it can be found."""
OF_THE_KERNEL = {"In", "Out"}
"""Plain values that IPython itself keeps beside a notebook's own."""

PLAIN = (str, int, float, bool, list, dict, tuple, type(None))
"""Values that papermill can hand over; what a notebook imports or defines is none."""


Asked = TypeVar("Asked", bound=tuple[Any, ...])


class Text(NamedTuple):
    """The meaning of a parameter that is text, and what it may be; no choices allow anything."""

    meaning: str
    choices: tuple[str, ...] = ()


class Study(NamedTuple):
    """A notebook that can be run: its name, its file, its claim, and the defaults of its parameters."""

    name: str
    path: Path
    claim: str
    defaults: dict[str, Any]


def list_studies(folder: Path = RESEARCH) -> dict[str, Study]:
    """The studies of a folder by name: its notebooks with a cell of parameters."""
    found = (_study(path) for path in sorted(folder.glob("*.ipynb")))
    return {study.name: study for study in found if study is not None}


def _study(path: Path) -> Study | None:
    cells = msgspec.json.decode(path.read_bytes())["cells"]
    source = next(
        ("".join(c["source"]) for c in cells if "parameters" in c["metadata"].get("tags", [])), None
    )
    if source is None:
        return None
    claim = re.search(r"^> (.+)$", "".join(cells[0]["source"]), re.MULTILINE)
    assigned = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    defaults = {ast.unparse(node.targets[0]): ast.literal_eval(node.value) for node in assigned}
    return Study(path.stem, path, claim.group(1) if claim else "", defaults)


def parse_values(study: Study, given: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` as the command line has them, each as the type of the parameter's default.

    Raises
    ------
    ParameterProblem
        If one is unknown, given twice, or not of that type.
    """
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ParameterProblem(f"-p {text}: write -p name=value")
        if name not in study.defaults:
            raise ParameterProblem(_unknown(name, tuple(study.defaults)))
        if name in values:
            raise ParameterProblem(f"parameter {name} is given twice; give it once")
        values[name] = _typed(name, value, type(study.defaults[name]))
    return values


def _typed(name: str, value: str, kind: type[Any]) -> Any:
    if kind is bool:
        if value.lower() not in {"true", "false"}:
            raise ParameterProblem(f"parameter {name} = {value!r}: must be true or false")
        return value.lower() == "true"
    try:
        return kind(value)
    except ValueError:
        raise ParameterProblem(f"parameter {name} = {value!r} is no {kind.__name__}") from None


def _unknown(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}? Known" if near else "; known"
    return f"parameter {name} is unknown{hint} are {', '.join(known)}"


def read(given: Mapping[str, object], schema: type[Asked]) -> Asked:
    """Check what a study is asked for; papermill itself only warns of a misspelt name and guesses at types.

    Parameters
    ----------
    given : mapping of str to object
        A notebook's ``globals()``, of which modules, functions and private names are left aside.
    schema : type
        A NamedTuple whose fields are annotated with `Range` (numbers) or `Text`, with defaults.

    Raises
    ------
    ParameterProblem
        One line that names the parameter, its value and what is allowed.
    """
    hints = get_type_hints(schema, include_extras=True)
    plain = plain_values(given, tuple(hints))
    return schema(**{name: _checked(name, value, hints[name]) for name, value in plain.items()})


def plain_values(given: Mapping[str, object], known: Sequence[str]) -> dict[str, object]:
    """The parameters among a notebook's ``globals()``; one that is not known is refused."""
    plain: dict[str, object] = {
        name: value
        for name, value in given.items()
        if not name.startswith("_") and name not in OF_THE_KERNEL and isinstance(value, PLAIN)
    }
    for name in plain:
        if name not in known:
            raise ParameterProblem(_unknown(name, known))
    return plain


def _checked(name: str, value: object, hint: Any) -> object:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"parameter {name}: annotate it with a Range or a Text")
    kind, allowed = get_args(hint)[:2]
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise ParameterProblem(
            f"parameter {name} = {value!r} is a {type(value).__name__}; give {kind.__name__}"
        )
    if isinstance(allowed, Range) and not allowed.low <= value <= allowed.high:
        span = f"between {allowed.low:g} and {allowed.high:g} {allowed.unit}".rstrip()
        raise ParameterProblem(f"parameter {name} = {value}: must be {span}")
    if isinstance(allowed, Text) and allowed.choices and value not in allowed.choices:
        raise ParameterProblem(f"parameter {name} = {value!r}: must be one of {', '.join(allowed.choices)}")
    return kind(value)


def chosen(name: str, folder: Path = RESEARCH) -> Study:
    """The study of a name.

    Raises
    ------
    ReportError
        If there is none; the message names those that there are.
    """
    if not folder.is_dir():
        raise ReportError(f"{folder} is not there: studies are run from a checkout of Titan")
    found = list_studies(folder)
    if name not in found:
        near = get_close_matches(name, found, n=1)
        hint = f"; did you mean {near[0]}? There" if near else "; there"
        raise ReportError(f"no study is called {name}{hint} are {', '.join(found)}")
    return found[name]


def run_name(study: Study, values: Mapping[str, object]) -> str:
    """What a run is called: the study, and a digest of all its parameters, so that the same asked twice is one.

    The index is called by its day alone, where one is given.
    """
    if study.name == INDEX:
        return "-".join(str(text) for text in (INDEX, values.get("date")) if text)
    asked = msgspec.json.encode({**study.defaults, **values}, order="sorted")
    return f"{study.name}-{sha256(asked).hexdigest()[:8]}"
