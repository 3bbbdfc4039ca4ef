"""The pages for operators: complete where the code has a list, and equal to it."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from scripts.pages import orders, reconciliation
from scripts.pages.guides import OPERATING, handwritten
from titan import cli
from titan.engine.orders import TRANSITIONS, OrderManager
from titan.engine.reconciliation import OpenOrderDifferences
from titan.engine.risk_settings import LIMIT_OF
from titan.model.events import CommandOutcome, StreamState
from titan.model.orders import TERMINAL, OrderState
from titan.risk.denials import Denial

S = OrderState
PARTS = ("Means", "Titan", "Check", "Do", "Over")
EXIT_CODES = range(7)

# ---- The life of an order


def test_every_step_is_drawn_and_no_other() -> None:
    drawn = {(start, end) for start, end, _ in orders.lines(TRANSITIONS)}
    drawn |= {(end, start) for start, end, both in orders.lines(TRANSITIONS) if both}
    drawn |= {
        (start, end)
        for before, after in orders.ends(TRANSITIONS).items()
        for start in before
        for end in after
    }
    assert drawn == {(start, end) for start, after in TRANSITIONS.items() for end in after}


def test_the_diagram_follows_the_transitions() -> None:
    """Take one step away, and both diagram and table are others."""
    fewer = {**TRANSITIONS, S.OPEN: TRANSITIONS[S.OPEN] - {S.PENDING_AMEND}}
    assert (
        orders.diagram(fewer).count("marker-start") == orders.diagram(TRANSITIONS).count("marker-start") - 1
    )
    assert orders.transition_table(fewer) != orders.transition_table(TRANSITIONS)
    unrejected = {**TRANSITIONS, S.INTENT: TRANSITIONS[S.INTENT] - {S.REJECTED}}
    assert "from pending_cancel, unknown" in orders.diagram(unrejected)
    assert "from intent, pending_cancel, unknown" in orders.diagram(TRANSITIONS)


def test_every_state_is_in_the_diagram_and_in_the_tables() -> None:
    drawn = orders.diagram(TRANSITIONS)
    page = orders.orders_page()
    for state in OrderState:
        assert f">{state}</text>" in drawn
        assert page.count(f"\n| `{state}` | ") == 2  # its meaning, and its row of steps
    assert set(orders.PLACES) == set(OrderState) - TERMINAL
    marks = sum(row.count("●") for row in orders.transition_table(TRANSITIONS))
    assert marks == sum(len(after) for after in TRANSITIONS.values())


# ---- Reconciliation


def test_every_word_meets_every_state_that_it_can_and_makes_a_legal_step() -> None:
    for word in reconciliation.WORDS:
        for state in reconciliation.LIVE:
            answer = reconciliation.answer(word, state)
            assert bool(answer) == (state in word.only)
            if answer and not answer.startswith("waits"):
                after = S(answer.partition(",")[0])
                assert after is state or after in TRANSITIONS[state] or state in after_doubt(after)


def after_doubt(state: OrderState) -> set[OrderState]:
    """States that lead to this one by way of doubt: an absence doubts first."""
    return {
        start
        for start, after in TRANSITIONS.items()
        if S.UNKNOWN in after and state in TRANSITIONS[S.UNKNOWN]
    }


def test_silence_never_ends_an_order_and_no_word_is_taken_for_another() -> None:
    by_said = {word.said: word for word in reconciliation.WORDS}
    silence = by_said["the new order: silence, a server error, any other code"]
    assert reconciliation.answer(silence, S.INTENT) == "unknown, asked for"
    once, twice = (
        by_said[f'"no such order", {how}'] for how in ("once", "twice, own executions read in between")
    )
    assert reconciliation.answer(once, S.OPEN) == "unknown, asked for"
    assert reconciliation.answer(twice, S.INTENT) == "rejected"
    assert (
        reconciliation.answer(by_said["it is filled, without the executions"], S.OPEN)
        == "waits, to end as filled"
    )


def test_the_table_is_asked_of_the_order_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "\n".join(reconciliation.order_table())
    monkeypatch.setattr(OrderManager, "doubt", lambda manager, order, time_ns: None)
    assert "\n".join(reconciliation.order_table()) != told


def test_every_kind_of_difference_and_every_notice_of_it_has_a_case() -> None:
    assert OpenOrderDifferences._fields == ("ghosts", "orphans", "foreign")
    codes = {case.code for case in reconciliation.CASES} - {""}
    account = noted(Path("titan/engine/account.py"))
    opening = {"position_difference", "position_adopted", "position_elsewhere"}
    not_differences = {code for code in account if code.startswith(("place_", "amend_", "cancel_"))} | {
        "funding"
    }
    assert (account | opening) - not_differences <= codes
    assert codes <= emitted()


# ---- The runbook


def noted(path: Path) -> set[str]:
    """The codes that a module of the engine tells, those with a part that varies written out."""
    found = set()
    for call in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        told = isinstance(call, ast.Call) and ast.unparse(call.func) in {"desk.note", "self.desk.note"}
        if isinstance(call, ast.Call) and told:
            found |= set(written_out(call.args[1]))
    return found


def written_out(code: ast.expr) -> Iterator[str]:
    if isinstance(code, ast.Constant):
        yield str(code.value)
        return
    text = ast.unparse(code)
    hints, stream = get_type_hints(CommandOutcome), get_args(get_type_hints(StreamState)["stream"])
    if "outcome.action" in text:
        for action in get_args(hints["action"]):
            yield from (f"{action}_{outcome}" for outcome in get_args(hints["outcome"]))
    elif "event.stream" in text:
        yield from (f"{name}_stream_{state}" for name in stream for state in ("up", "down"))
    elif text == "f'denied_{told}'":
        yield from (f"denied_{denial}" for denial in Denial)
    else:
        raise AssertionError(f"{text}: a code whose values this test does not know; write them out here")


def logged(path: Path) -> set[str]:
    """The codes that the runner, or the schedule, logs by itself."""
    calls = [
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ]
    found = set()
    for call in calls:
        name = ast.unparse(call.func)
        logs = ".log." in f".{name}." or name == "partial"
        found |= {
            str(word.value.value)
            for word in call.keywords
            if logs and word.arg == "code" and isinstance(word.value, ast.Constant)
        }
    return found


ROOT = Path(cli.__file__).resolve().parents[1]


def emitted() -> set[str]:
    """Every code that a log may show."""
    engine = (path.relative_to(ROOT) for path in (ROOT / "titan" / "engine").glob("*.py"))
    runner = [path for room in ("live", "reports") for path in (ROOT / "titan" / room).glob("*.py")]
    return set().union(*map(noted, engine), *map(logged, runner))


def runbook() -> str:
    return (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


def entries() -> dict[str, str]:
    """The text of each entry by its codes."""
    found = {}
    for heading, text in re.findall(r"^### (.+)\n((?:(?!^#).*\n)*)", runbook(), flags=re.MULTILINE):
        for code in re.findall(r"`(\w+)`", heading):
            assert code not in found, f"{code} has two entries"
            found[code] = text
    return found


def test_every_code_that_a_log_may_show_has_an_entry_and_every_entry_a_code() -> None:
    codes = {"denied_CODE" if code.startswith("denied_") else code for code in emitted()}
    assert len(codes) > 60
    assert {
        "order_adopted",
        "market_stream_down",
        "cancel_unknown",
        "unwritten",
        "risk_result_unreadable",
    } <= codes
    assert codes == set(entries())


def test_every_entry_says_all_five_things_and_is_short() -> None:
    for code, text in entries().items():
        parts = re.findall(r"^- \*\*(\w+)\*\*: (.+)$", text, flags=re.MULTILINE)
        assert tuple(name for name, _ in parts) == PARTS, code
        assert len(text) < 900, code


def test_every_command_that_the_runbook_names_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    for name in ("_operate", "_journal_verify", "_report"):
        monkeypatch.setattr(cli, name, lambda options: parsed.append(options) or 0)
    written = re.findall(r"`(titan [a-z][^`]*)`", runbook()) + re.findall(
        r"^ {4}(titan [^#\n]+)", runbook(), re.MULTILINE
    )
    assert len(written) > 20
    for command in sorted({command.strip() for command in written}):
        assert cli.main(shlex.split(command)[1:]) == 0, command
    assert len(parsed) == len({command.strip() for command in written})


def test_every_reason_not_to_quote_stands_in_the_runbook() -> None:
    page = runbook()
    for module, function in (
        ("quoting", "obstacle"),
        ("protection", "obstacle"),
        ("permission", "restriction"),
        ("configuration", "in_doubt"),
    ):
        for reason in reasons(ROOT / "titan" / "engine" / f"{module}.py", function):
            assert reason in page, f"{module}.{function}: {reason}"


def reasons(path: Path, function: str) -> list[str]:
    """What a function says in words, without what varies."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    body = next(
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == function
    ).body
    texts = [node.value for part in body[1:] for node in ast.walk(part) if isinstance(node, ast.Constant)]
    return [text.strip(" ;") for text in texts if isinstance(text, str) and len(text.strip(" ,:;")) > 5]


def test_every_channel_of_risk_and_every_exit_code_has_its_row() -> None:
    page = runbook()
    for channel, key in LIMIT_OF.items():
        assert f"| `{channel}` | `{key}` |" in page
    for code in set(EXIT_CODES) - {1}:  # 1 is a command that could not prove what it was asked
        assert f"\n| {code} | " in page


def test_the_pages_for_operators_are_in_the_side_bar_and_in_the_site() -> None:
    pages = {*handwritten(ROOT / "docs"), "controls.md", "orders.md", "reconciliation.md"}
    assert {f"{name}.md" for name in OPERATING} <= pages
    listed = (ROOT / "docs" / "drills" / "index.md").read_text(encoding="utf-8").partition("{toctree}")[2]
    drills = {
        name.removeprefix("drills/").removesuffix(".md") for name in pages if name.startswith("drills/")
    }
    assert drills - {"index"} == set(listed.split()) - {":hidden:", "```"}
