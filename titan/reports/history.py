"""The sessions that an account had before: what each made by the venue's own account, without reading the market.

Only the journals are read, for the market's frames are most of a session. What was made is the change in the venue's
equity, marked as the venue marks it, transfers left out; a session without an account at both ends is told, and not
counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
import pandas as pd

from titan.engine.configuration import KernelConfig
from titan.evaluation.pnl import ZERO, add_up, equity_change
from titan.model import events as e
from titan.model.instruments import Instrument, InstrumentKey
from titan.reports.figures import signed
from titan.reports.session_tables import SessionResult
from titan.store.framing import JournalError
from titan.store.journal import SessionReader
from titan.store.session import SessionInfo, list_sessions

DAYS = 30


class Past(NamedTuple):
    """One session: what it made in its reporting currency, None where `problem` says why that is not known."""

    session: str
    day: date
    currency: str
    made: Decimal | None
    executions: int
    problem: str


class History(NamedTuple):
    """The sessions of a report, and those of the same accounts on the `DAYS` days before, in order."""

    day: date
    now: list[Past]
    before: list[Past]
    unreadable: list[str]

    def of(self, day: date) -> list[Past]:
        """The earlier sessions of one UTC day."""
        return [past for past in self.before if past.day == day]


def read_history(journals: Path, results: Sequence[SessionResult], day: date) -> History:
    """Read what the accounts of `results` made on the days before `day`."""
    own = {result.session for result in results}
    accounts = {result.recording.header.account for result in results}
    now: list[Past] = []
    before: list[Past] = []
    unreadable: list[str] = []
    for info in list_sessions(journals):
        created = created_on(info)
        if info.session not in own and not day - timedelta(days=DAYS) <= created < day:
            continue
        if info.header is None:
            unreadable += [] if info.session in own else [info.session]
        elif info.header.account in accounts:
            try:
                (now if info.session in own else before).append(_past(info, created))
            except JournalError:
                unreadable.append(info.session)
    return History(day, now, before, unreadable)


def created_on(info: SessionInfo) -> date:
    """The UTC day of a session: of its header, or where that is unreadable of its name, which holds the same."""
    if info.header is None:
        return datetime.strptime(info.session[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    return datetime.fromtimestamp(info.header.created_ns // 1_000_000_000, UTC).date()


class _Account:
    """One venue's account as the journal tells it, in one asset."""

    def __init__(self) -> None:
        self.opening: e.AccountSnapshot | None = None
        self.closing: e.AccountSnapshot | None = None
        self.incomes: dict[str, e.Income] = {}
        self.fills: set[tuple[str, str]] = set()

    def take(self, event: object) -> None:
        """One input; a start that is told again begins anew, as for the session itself."""
        if isinstance(event, e.AccountSnapshot) and event.purpose == "start":
            self.opening = event
            self.incomes, self.fills = {}, set()
        elif self.opening is None or self.closing is not None:
            return
        elif isinstance(event, e.AccountSnapshot) and event.purpose == "end":
            self.closing = event
        elif isinstance(event, e.Income):
            self.incomes[event.kind + event.income_id] = event
        elif isinstance(event, e.Fill):
            self.fills.add((event.symbol, event.trade_id))
        elif isinstance(event, e.FillsQueried):
            self.fills |= {(fill.symbol, fill.trade_id) for fill in event.fills}

    def made(self, asset: str, terms: dict[InstrumentKey, Instrument]) -> Decimal | None:
        """The change in equity without transfers; None where the account was not read at both ends."""
        if self.opening is None or self.closing is None:
            return None
        ends = [_equity(snapshot, asset, terms) for snapshot in (self.opening, self.closing)]
        moved = [
            each.amount for each in self.incomes.values() if each.asset == asset and each.kind != "funding"
        ]
        return equity_change(*ends[0], *ends[1]) - add_up(moved)


def _equity(
    snapshot: e.AccountSnapshot, asset: str, terms: dict[InstrumentKey, Instrument]
) -> tuple[Decimal, Decimal]:
    """(wallet, open profit) in one asset; positions of instruments that are not traded here are left aside."""
    wallet = add_up([balance.wallet for balance in snapshot.balances if balance.asset == asset])
    known = [
        (position, terms.get(InstrumentKey(snapshot.venue, position.symbol)))
        for position in snapshot.positions
    ]
    return wallet, add_up([row.unrealized for row, own in known if own is not None and own.settle == asset])


def _past(info: SessionInfo, day: date) -> Past:
    reader = SessionReader(info.directory)
    config = msgspec.msgpack.decode(reader.header.config, type=KernelConfig)
    accounts = {venue.name: _Account() for venue in config.venues}
    terms: dict[InstrumentKey, Instrument] = {}
    for _, event in reader.journalled():
        if isinstance(event, e.InstrumentUpdate) and event.instrument.key in config.keys:
            terms[event.instrument.key] = event.instrument
        account = accounts.get(getattr(event, "venue", ""))
        if account is not None:
            account.take(event)
    currency = config.reporting_currency
    made = [account.made(currency, terms) for account in accounts.values()]
    known = [amount for amount in made if amount is not None]
    executions = sum(len(account.fills) for account in accounts.values())
    whole = len(known) == len(made)
    problem = "" if whole else "the account was not read at both ends"
    return Past(info.session, day, currency, add_up(known) if whole else None, executions, problem)


# ---- In words and as a table ---------------------------------------------------------------------------------


def history_lines(history: History) -> list[str]:
    """Against yesterday, and against the last days, for the first screen."""
    if not history.before:
        return [f"no other session of this account in the {DAYS} days before: nothing to compare with"]
    lines = []
    for currency in dict.fromkeys(past.currency for past in [*history.now, *history.before]):
        lines += _currency_lines(history, currency)
    unknown = [past.session for past in history.before if past.made is None]
    if unknown:
        lines.append(f"not counted, the account was not read at both ends: {_few(unknown)}")
    if history.unreadable:
        lines.append(f"not counted, cannot be read: {_few(history.unreadable)}")
    return lines


def _currency_lines(history: History, currency: str) -> list[str]:
    yesterday = history.day - timedelta(days=1)
    now, then = _sum(history.now, currency), _sum(history.of(yesterday), currency)
    days = _by_day(history.before, currency)
    lines = [f"this report: {_money(now, currency)}"]
    lines.append(f"yesterday: {_money(then, currency)}" if history.of(yesterday) else "yesterday: no session")
    if days:
        mean = sum(days.values(), ZERO) / len(days)
        span = f"{signed(float(min(days.values())))} to {signed(float(max(days.values())))}"
        lines.append(f"a day of the {len(days)} known in {DAYS}: mean {_money(mean, currency)} ({span})")
        if now is not None:
            below = sum(amount < now for amount in days.values())
            lines.append(f"more than on {below} of these {len(days)} days")
    return [*lines, "by the venue's equity, at its own marks"]


def _sum(several: Iterable[Past], currency: str) -> Decimal | None:
    made = [past.made for past in several if past.currency == currency and past.made is not None]
    return add_up(made) if made else None


def _by_day(several: Iterable[Past], currency: str) -> dict[date, Decimal]:
    days: dict[date, Decimal] = {}
    for past in several:
        if past.made is not None and past.currency == currency:
            days[past.day] = days.get(past.day, ZERO) + past.made
    return days


def _money(amount: Decimal | None, currency: str) -> str:
    return "not known" if amount is None else f"{signed(float(amount))} {currency}"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more


def history_table(history: History) -> pd.DataFrame:
    """One row a day before the report's, the last first, then the report's own sessions on top."""
    rows = [_history_row("this report", history.now)]
    for day in sorted({past.day for past in history.before}, reverse=True):
        rows.append(_history_row(str(day), history.of(day)))
    return pd.DataFrame(rows).set_index("day")


def _history_row(name: str, several: list[Past]) -> dict[str, object]:
    currencies = dict.fromkeys(past.currency for past in several)
    return {
        "day": name,
        "sessions": len(several),
        "executions": sum(past.executions for past in several),
        "made": ", ".join(_money(_sum(several, currency), currency) for currency in currencies),
        "sessions not counted": sum(past.made is None for past in several),
    }
