"""The first screen: the result in a sentence, the proof in a line, and what an operator asks next."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from titan.reports.breaches import breaches
from titan.reports.figures import signed
from titan.reports.history import History, history_lines
from titan.reports.order_tables import limit_table
from titan.reports.positions import left_behind, position_line, standings
from titan.reports.session_tables import SessionResult, notable, time_text, totals_by_currency
from titan.store.session import SessionInfo

MOST_EVENTS = 5
MOST_LIMITS = 3
COLUMNS = "columns:3 15em;column-gap:2em;font-size:.86em;line-height:1.4"
BLOCK = "break-inside:avoid;margin-bottom:.5em"
COLOURS = {"equal": "#2f7d5b", "differs": "#b5483a", "not checkable": "#8a6d1a"}


class Page:
    """A piece of HTML with its plain text; Jupyter shows the one it can."""

    def __init__(self, html: str, text: str) -> None:
        self.html = html
        self.text = text

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def headline(results: Sequence[SessionResult], title: str, unreadable: Sequence[SessionInfo] = ()) -> Page:
    """The result in a sentence, and beneath it whether the venue's equity says the same."""
    sentence = f"{title} {outcome(results, unreadable)}"
    lines = [line for result in results for line in check_lines(result, named=len(results) > 1)]
    html = [f'<p style="font-size:1.35em;line-height:1.35;margin:0.2em 0 0.5em">{escape(sentence)}</p>']
    for verdict, line in lines:
        html.append(
            f'<p style="color:{COLOURS[verdict]};margin:0.15em 0"><strong>{escape(line)}</strong></p>'
        )
    return Page("".join(html), "\n".join([sentence, *(line for _, line in lines)]))


def outcome(results: Sequence[SessionResult], unreadable: Sequence[SessionInfo] = ()) -> str:
    """What was made, by how many executions, and what is left."""
    if not results:
        return "holds no session that can be read."
    made = [
        f"{'lost' if parts.total < 0 else 'made'} {signed(float(parts.total)).lstrip('+-')} {currency}"
        for currency, parts in totals_by_currency(results).items()
    ]
    count = sum(len(result.recording.executions) for result in results)
    missing = [amount for result in results for amount in result.total.missing]
    left = left_behind(standings(results, unreadable))
    sentence = f"{' and '.join(made)} in {count} execution{'' if count == 1 else 's'}; {left}."
    if missing:
        sentence += f" Not counted, for want of a price: {', '.join(missing)}."
    return sentence


def check_lines(result: SessionResult, *, named: bool) -> list[tuple[str, str]]:
    """(verdict, sentence) of every proof of a session; `named` sentences say which session's."""
    name = f"{result.session}: " if named else ""
    lines: list[tuple[str, str]] = []
    for proof in result.proofs:
        where = f"{proof.venue}, {proof.asset}"
        if proof.verdict == "equal":
            text = (
                f"{name}parts equal the exchange's equity change: difference {proof.difference:.10f} "
                f"within {proof.allowed:.8f} ({where})"
            )
        elif proof.verdict == "differs":
            text = f"{name}CHECK FAILED ({where}): {proof.reason}"
        else:
            text = f"{name}not checkable: {proof.reason} ({where})"
        lines.append((proof.verdict, text))
    lines += [("differs", f"{name}CHECK FAILED: {text}") for text in result.differing]
    if not lines:
        verdict = "equal" if result.checkable else "not checkable"
        told = (
            "nothing was traded, and no wallet moved"
            if result.checkable
            else "not checkable: " + unread(result)
        )
        lines.append((verdict, f"{name}{told}"))
    return lines


def unread(result: SessionResult) -> str:
    """Which end of which account was not read."""
    recording = result.recording
    if any(venue.opening is None for venue in recording.venues.values()):
        return "the account was never read at the start, so nothing was traded"
    return (
        "the session ended without a closing account"
        if recording.ended
        else "the session was killed (or still runs)"
    )


def facts(
    results: Sequence[SessionResult],
    unreadable: Sequence[SessionInfo] = (),
    history: History | None = None,
) -> Page:
    """Position, earlier days, breaches, limits used and events of note, side by side."""
    columns = {
        "Position": _positions(results, unreadable),
        "Against earlier days": ["nothing to compare"] if history is None else history_lines(history),
        "Breaches": _breaches(results),
        "Limits, most used": _limits(results),
        "Events of note": _events(results),
    }
    cells = "".join(
        f'<div style="{BLOCK}"><strong>{escape(name)}</strong><br>{"<br>".join(escape(line) for line in lines)}</div>'
        for name, lines in columns.items()
    )
    text = "\n".join(f"{name}: {'; '.join(lines)}" for name, lines in columns.items())
    return Page(f'<div style="{COLUMNS}">{cells}</div>', text)


def _breaches(results: Sequence[SessionResult]) -> list[str]:
    found = breaches(results)
    more = [f"and {len(found) - MOST_EVENTS} more below"] if len(found) > MOST_EVENTS else []
    return [_short(line) for line in found[:MOST_EVENTS]] + more or ["none"]


def _short(line: str) -> str:
    return line if len(line) <= 140 else line[:137] + "..."


def _positions(results: Sequence[SessionResult], unreadable: Sequence[SessionInfo]) -> list[str]:
    lines = [position_line(standing) for standing in standings(results, unreadable)]
    return [*lines, "in units of the contract"] if lines else ["none"]


def _limits(results: Sequence[SessionResult]) -> list[str]:
    if not results:
        return ["none"]
    used = limit_table(results).sort_values("share", ascending=False, na_position="last")
    return [
        f"{row['measure']}: {row['share']:.1%}" for _, row in used.iterrows() if row["share"] == row["share"]
    ][:MOST_LIMITS]


def _events(results: Sequence[SessionResult]) -> list[str]:
    cut = [f"journal cut short: {torn}" for result in results for torn in result.recording.truncated]
    ends = [
        f"{result.session} ended: {result.recording.ended.reason} (exit {result.recording.ended.exit_code})"
        for result in results
        if result.recording.ended is not None
    ]
    late = [
        f"{result.recording.after_closing} executions after the closing account"
        for result in results
        if result.recording.after_closing
    ]
    told = [f"{row['count']} x {code}: {row['last message']}" for code, row in notable(results).iterrows()]
    lines = [*cut, *late, *told, *ends]
    more = [f"and {len(lines) - MOST_EVENTS} more below"] if len(lines) > MOST_EVENTS else []
    return [_short(line) for line in lines[:MOST_EVENTS]] + more or ["none"]


def session_title(result: SessionResult) -> str:
    """How the sentence on one session begins."""
    recording = result.recording
    seconds = (recording.ended_ns - recording.started_ns) / 1e9
    length = f"{seconds / 60:.0f} min" if seconds >= 300 else f"{seconds:.0f} s"
    return f"Session {result.session} ({recording.header.account}, {length} from {time_text(recording.started_ns)} UTC)"
