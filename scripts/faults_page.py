"""Write docs/faults.md from the faults' own descriptions, or check it with ``--check``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

from scripts.generated_page import page_command
from titan.chaos.protections import PROTECTIONS
from titan.loopback.fault_gate import BUILT_FOR_CALLS
from titan.loopback.faults import ACT_KINDS, CALL_KINDS, FRAME_KINDS, MEANINGS, Fault, Kind

PAGE = Path(__file__).resolve().parents[1] / "docs" / "faults.md"
INTRODUCTION = """# Faults

`titan exchange --faults FILE` lets the loopback exchange fail by a plan, over real sockets, for anyone's bot;
`titan-live --faults FILE` starts its own exchange with one. The trials of `titan chaos` draw theirs from the same list.
A plan is JSON: `faults`, each with its `kind` and time, and a `seed` that draws which calls and frames a `share` hits:

    {"seed": 7, "faults": [{"kind": "lose_answer", "at_s": 10, "call": "POST /fapi/v1/order"}]}

Times count in seconds of the exchange's clock from its start: at `--speed 10` a delay of 1 s takes a tenth of one. At
`--speed max` time stands still while a client works, so a plan is refused there. A plan that cannot be read is one line
on standard error and exit code 3. `make export` writes this page.

Each kind has a duty that answers it. The duties are Titan's protections: `titan chaos --sabotage NAME` takes one away,
and its trials miss it.
"""


IN_DOUBT = ("silence_unknown", "sent_once", "unknown_counts")
ANSWERED_BY: dict[Kind, tuple[str, ...]] = {
    Kind.REFUSE_CONNECTION: ("failed_query_changes_nothing", "read_after_a_drop"),
    Kind.DELAY_CALL: ("absence_proven",),
    Kind.LOSE_REQUEST: ("absence_proven",),
    Kind.LOSE_ANSWER: IN_DOUBT,
    Kind.LATE_ANSWER: IN_DOUBT,
    Kind.TRUNCATE_ANSWER: ("silence_unknown", "sent_once"),
    Kind.HALF_ANSWER: ("half_answer_unknown",),
    Kind.SERVER_ERROR: ("server_error_unknown",),
    Kind.SERVER_ERROR_AFTER: ("server_error_unknown", "sent_once"),
    Kind.UNKNOWN_RESULT: ("unlisted_code_unknown",),
    Kind.BAD_TIMESTAMP: ("clock_measured",),
    Kind.DUPLICATE_ID: ("duplicate_id_unknown",),
    Kind.RATE_LIMITED: ("bans_obeyed",),
    Kind.BANNED: ("bans_obeyed",),
    Kind.LYING_SNAPSHOT: ("book_touch",),
    Kind.DROP_STREAM: ("stopped_while_blind", "read_after_a_drop"),
    Kind.SILENCE_STREAM: ("watchdog", "deaf_stream_rebuilt"),
    Kind.DELAY_FRAME: ("fills_read_back", "deaf_stream_rebuilt"),
    Kind.DUPLICATE_FRAME: ("fills_once", "book_sequence"),
    Kind.REORDER_FRAME: ("book_sequence",),
    Kind.LOSE_FRAME: ("book_sequence", "fills_read_back"),
    Kind.MALFORM_FRAME: ("book_sequence",),
    Kind.TRUNCATE_FRAME: ("book_sequence",),
    Kind.EXPIRE_LISTEN_KEY: ("listen_key_renewed",),
    Kind.RESTART: ("stopped_while_blind", "read_after_a_drop"),
    Kind.RESTART_LOSING_ORDERS: ("ghosts_asked", "absence_proven"),
    Kind.SWEEP: ("fills_once", "limits_judged"),
    Kind.CHANGE_TICK: ("grid_of_the_decision",),
}
"""The protections of `titan.chaos.protections` whose duty meets a fault; taken away, trials miss them."""
ANSWERED: dict[Kind, str] = {
    Kind.HALT: "nothing is quoted while the venue says that the instrument does not trade; cancels go on",
    Kind.LIQUIDATE: "executions that nobody here asked for are booked like any other; the risk level follows the P&L",
    Kind.DELEVERAGE: "executions that nobody here asked for are booked like any other; the risk level follows the P&L",
}
"""Where it is met by what is always done."""


class Example(NamedTuple):
    """A plan worth trying: what it shows, and its text."""

    shows: str
    plan: str


EXAMPLES: dict[str, Example] = {
    "An order that stands although its answer never came": Example(
        "The client's time-out comes after acceptance. Whoever takes silence for a refusal places a second order.",
        '{"faults": [{"kind": "lose_answer", "at_s": 10, "call": "POST /fapi/v1/order"}]}',
    ),
    "Fills during a disconnect": Example(
        "Both streams drop, nobody can connect for 4 s, and meanwhile a large order takes what stands near the touch: "
        "no stream ever tells these executions. A bot must read its own trades before it quotes again.",
        '{"faults": [\n'
        '  {"kind": "drop_stream", "at_s": 10},\n'
        '  {"kind": "refuse_connection", "at_s": 10, "for_s": 4},\n'
        '  {"kind": "sweep", "at_s": 12}\n'
        "]}",
    ),
    "A bad minute": Example(
        "A tenth of all calls is answered with 503 although carried out, and one frame in fifty is lost.",
        '{"seed": 3, "faults": [\n'
        '  {"kind": "server_error_after", "at_s": 5, "for_s": 60, "share": 0.1},\n'
        '  {"kind": "lose_frame", "at_s": 5, "for_s": 60, "share": 0.02}\n'
        "]}",
    ),
    "A change of terms": Example(
        "The tick doubles. Prices off the new grid are refused with -4014, and trades of before keep their prices.",
        '{"faults": [{"kind": "change_tick", "at_s": 20}]}',
    ),
}


def sections() -> dict[str, list[Kind]]:
    """The kinds by what they befall, in the order of the list."""
    streams = FRAME_KINDS | {Kind.SILENCE_STREAM, Kind.DROP_STREAM}
    return {
        "Calls": [kind for kind in Kind if kind in CALL_KINDS],
        "Streams": [kind for kind in Kind if kind in streams],
        "The exchange itself": [kind for kind in Kind if kind in ACT_KINDS - streams],
    }


def key_rows() -> list[str]:
    """A row for each key of a fault, from its docstring."""
    doc = Fault.__doc__ or ""
    parts = re.findall(r"^    (\w+) : (\w+)\n((?:        .+\n?)+)", doc, re.MULTILINE)
    defaults = dict(zip(Fault.__struct_fields__[1:], Fault.__struct_defaults__, strict=True))
    return [
        f"| `{name}` | {_default(defaults.get(name))} | {' '.join(text.split()).replace('``', '`')} |"
        for name, _, text in parts
    ]


def _default(value: object) -> str:
    return "required" if value is None else f"`{value}`" if value != "" else ""


def meaning(kind: Kind) -> str:
    """What a kind does, and to which calls alone."""
    only = BUILT_FOR_CALLS.get(kind, ())
    return MEANINGS[kind] + (f" ({', '.join(f'`{call}`' for call in only)} only)" if only else "")


def duty(kind: Kind) -> str:
    """What answers a fault."""
    return "; ".join(PROTECTIONS[name].duty for name in ANSWERED_BY.get(kind, ())) or ANSWERED[kind]


def page() -> str:
    """Return the whole page."""
    parts = [
        INTRODUCTION,
        "## Keys\n",
        "| key | default | meaning |\n| --- | --- | --- |",
        *key_rows(),
        "",
    ]
    for title, kinds in sections().items():
        parts += [f"## {title}\n", "| kind | what happens | the duty that answers it |\n| --- | --- | --- |"]
        parts += [*(f"| `{kind}` | {meaning(kind)} | {duty(kind)} |" for kind in kinds), ""]
    parts.append("## Plans to begin with\n")
    for title, example in EXAMPLES.items():
        text = "\n".join(f"    {line}" for line in example.plan.splitlines())
        parts += [f"### {title}\n", f"{example.shows}\n", f"{text}\n"]
    return "\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Write or check the page, and return the exit code."""
    return page_command(__doc__, page, PAGE, arguments)


if __name__ == "__main__":
    sys.exit(main())
