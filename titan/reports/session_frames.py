"""A session as pandas frames, for a notebook: `titan.load_session`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from titan import settings as desk
from titan.model.commands import AmendOrder, Decision, PlaceOrder
from titan.model.events import InstrumentUpdate
from titan.model.instruments import Instrument, InstrumentKey
from titan.reports.drawing import Figure
from titan.reports.errors import ReportError
from titan.reports.figures import LOSS, inventory
from titan.reports.order_lives import OrderLife
from titan.reports.positions import position_table
from titan.reports.screen import Page, headline, session_title
from titan.reports.session_tables import SessionResult, fill_table, moment, pnl_table, read_session
from titan.reports.tables import show
from titan.store.journal import SessionReader
from titan.store.session import SESSION_PATTERN, last_begun, list_sessions

ORDER_COLUMNS = (
    "instrument", "strategy", "side", "quantity", "filled", "end",
    "placed", "acknowledged", "ended", "amends", "cancels", "adopted",
)  # fmt: skip
MOST_FAULTS = 3
"""The display tells so many; `faults` has all."""
NOTICE_COLUMNS = ("time", "level", "code", "message", "instrument", "client id")


class SessionNotFound(ReportError):
    """A session that is not there; the message says where it was looked for and what is."""


@dataclass(frozen=True, repr=False, eq=False)
class SessionFrames:
    """A live session, paper run or backtest, read from its journal.

    In each frame times are UTC, prices in quote currency, quantities in the contract's units (coins, or quote currency
    for an inverse contract), money as float in the asset or currency that is named; the exact numbers are in `result`.
    A frame is made when it is first asked for.

    Parameters
    ----------
    result : SessionResult
        The session, read, split and proven.
    """

    result: SessionResult

    @property
    def session(self) -> str:
        """The session's name."""
        return self.result.session

    @property
    def directory(self) -> Path:
        """Where the journal lies."""
        return self.result.recording.directory

    @property
    def total(self) -> float:
        """The P&L, reporting currency."""
        return float(self.result.total.parts.total)

    @cached_property
    def fills(self) -> pd.DataFrame:
        """One row an execution, oldest first: see `titan.reports.session_tables.fill_table`."""
        return fill_table([self.result]).drop(columns="session", errors="ignore")

    @cached_property
    def orders(self) -> pd.DataFrame:
        """One row an order, by client id, in the order of placing.

        side (+1 buy, -1 sell), quantity as last acknowledged, filled, end (how it ended; empty while it is not proven),
        placed, acknowledged and ended (NaT if never), amends and cancels sent, adopted (taken over from before).
        """
        lives = self.result.recording.lives.lives.values()
        frame = pd.DataFrame(
            [self._order(life) for life in lives],
            index=pd.Index([life.client_id for life in lives], name="client id", dtype=str),
            columns=list(ORDER_COLUMNS),
        )
        times = {name: pd.to_datetime(frame[name], utc=True) for name in ("placed", "acknowledged", "ended")}
        return frame.assign(**times)

    def _order(self, life: OrderLife) -> tuple[object, ...]:
        units = self.result.recording.markets[life.key].units
        return (
            str(life.key),
            life.strategy,
            life.side,
            float(units(life.size)),
            float(units(life.filled)),
            life.end,
            *(moment(at) if at else pd.NaT for at in (life.placed_ns, life.acked_ns, life.ended_ns)),
            life.amends,
            life.cancels,
            life.adopted,
        )

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """One row a placed or amended quote, with every step that led to it.

        time, action (``place``, ``amend``), instrument, strategy, client id, side, price, quantity, then the fields of
        `titan.model.commands.Decision`.
        """
        strategies = {name: life.strategy for name, life in self.result.recording.lives.lives.items()}
        rows = [
            {
                "time": moment(found.time_ns),
                "action": "place" if isinstance(found.command, PlaceOrder) else "amend",
                "instrument": str(found.command.key),
                "strategy": strategies.get(found.command.client_id, ""),
                "client id": found.command.client_id,
                "side": found.command.side,
                "price": float(found.terms.price(found.command.price)),
                "quantity": float(found.command.size * found.terms.lot_size * found.terms.multiplier),
                **{name: getattr(found.command.decision, name) for name in Decision.__struct_fields__},
            }
            for found in _decided(self.directory)
        ]
        first = ("time", "action", "instrument", "strategy", "client id", "side", "price", "quantity")
        return pd.DataFrame(rows, columns=[*first, *Decision.__struct_fields__])

    @cached_property
    def pnl(self) -> pd.DataFrame:
        """The P&L bridge: spread, adverse selection, inventory, fees and rebates, funding and their total, money.

        One row an instrument, strategy and asset, then the sum in the reporting currency.
        """
        return pnl_table([self.result])

    @cached_property
    def positions(self) -> pd.DataFrame:
        """One row an instrument: what was held at both ends, at least and at most, and its value at the end."""
        return position_table([self.result])

    @cached_property
    def notices(self) -> pd.DataFrame:
        """One row a notice of the engine: time, level, code, message, instrument, client id."""
        rows = [
            (moment(note.time_ns), note.level, note.code, note.message, note.instrument, note.client_id)
            for note in self.result.recording.remarks
        ]
        return pd.DataFrame(rows, columns=list(NOTICE_COLUMNS))

    def plot(self) -> Figure:
        """P&L, and each instrument's mid with executions and the position under it, over time."""
        return inventory([self.result]).figure

    @property
    def faults(self) -> tuple[str, ...]:
        """What went wrong, each once: the engine's errors, and an end by anything but its time or the operator."""
        recording = self.result.recording
        told = [f"{note.code}: {note.message}" for note in recording.remarks if note.level == "error"]
        ended = recording.ended
        if ended is not None and ended.exit_code:
            told.append(f"it was ended: {ended.reason} (exit code {ended.exit_code})")
        return tuple(dict.fromkeys(told))

    def __repr__(self) -> str:
        return "\n".join([self._headline().text, *self._told()])

    def _repr_html_(self) -> str:
        told = "".join(
            f'<p style="color:{LOSS}"><strong>{escape(line)}</strong></p>' for line in self._told()
        )
        return self._headline().html + told + show(self.pnl).html

    def _headline(self) -> Page:
        return headline([self.result], session_title(self.result))

    def _told(self) -> list[str]:
        more = len(self.faults) - MOST_FAULTS
        return [*self.faults[:MOST_FAULTS], *([f"and {more} more, in notices"] if more > 0 else [])]


class _Decided(NamedTuple):
    time_ns: int
    command: PlaceOrder | AmendOrder
    terms: Instrument


def _decided(directory: Path) -> Iterator[_Decided]:
    """Every order that a decision led to, with the terms that held then."""
    reader = SessionReader(directory)
    orders: dict[int, list[PlaceOrder | AmendOrder]] = defaultdict(list)
    for seq, _, command in reader.commands():
        if isinstance(command, PlaceOrder | AmendOrder) and command.decision is not None:
            orders[seq].append(command)
    terms: dict[InstrumentKey, Instrument] = {}
    now_ns = 0
    for seq, found in reader.inputs():
        now_ns = max(now_ns, found.time_ns)
        if isinstance(found, InstrumentUpdate):
            terms[found.instrument.key] = found.instrument
        for command in orders.get(seq, ()):
            yield _Decided(now_ns, command, terms[command.key])


def load_session(session: str | Path = "", journals: str | Path | None = None) -> SessionFrames:
    """Read a session's journal into pandas frames, one that still runs up to its last whole record.

    Parameters
    ----------
    session : str or Path
        A session's folder, or its name; empty takes the one last begun.
    journals : str or Path, optional
        Where a name is looked for; the settings' [project] journals unless given.

    Returns
    -------
    SessionFrames
        Fills, orders, decisions, P&L bridge, positions and notices.

    Raises
    ------
    SessionNotFound
        If it is not there.
    JournalError, ReportError
        If it cannot be read, or no P&L can be made of it.
    """
    return SessionFrames(read_session(session_folder(session, journals)))


def session_folder(session: str | Path = "", journals: str | Path | None = None) -> Path:
    """The folder of a session; see `load_session`."""
    if session and Path(session).is_dir():
        return Path(session)
    if session and not SESSION_PATTERN.fullmatch(str(session)):
        raise SessionNotFound(
            f"{session}: no such folder, and no session's name (YYYYMMDDTHHMMSSZ-xxxxxx); correct it, or leave it "
            "out for the session last begun"
        )
    root = Path(journals) if journals is not None else desk.load().project.journals
    if session and (root / session).is_dir():
        return root / session
    last = last_begun(root)
    if session or last is None:
        names = [info.session for info in list_sessions(root)]
        known = f"it holds {len(names)}, the last by name {names[-1]}" if names else "it holds none"
        raise SessionNotFound(
            f"{session or 'the session last begun'}: not in {root}; {known}. Name its folder, or journals=FOLDER"
        )
    return last.directory
