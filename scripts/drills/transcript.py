"""What happened in a drill, line by line: what was asked, what went wrong, what went out, what the engine knew."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from typing import NamedTuple

from titan.chaos.life import Life
from titan.chaos.world import ACCOUNT, World
from titan.loopback.faults import Fault, Kind
from titan.matching.types import Refusal
from titan.model.commands import (
    AmendOrder,
    AnyCommand,
    CancelOrder,
    EndSession,
    Notice,
    OperatorAnswer,
    OrderCommand,
    PlaceOrder,
    QueryAccount,
    QueryFills,
    QueryOpenOrders,
    QueryOrder,
)
from titan.model.events import AnyEvent, TimerFired
from titan.model.orders import Lifetime, Order

TOLD = {"info": "", "warning": "warning: ", "error": "ERROR: "}
CLIENT_ID = re.compile(r"\bT[0-9a-z]{18,25}\b")
RETOLD = {"notice", "fault"}
"""Whose lines are the same story when they come again."""
PAGE_WIDTH = 82
BURST_S = 0.02
"""The same of several orders within this time is one line."""
SLOT = "\0"
"""Where a line names an order."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Line(NamedTuple):
    """One line: when, seconds from the drill's beginning; who speaks; and what."""

    at_s: float
    who: str
    text: str


class Told(NamedTuple):
    """Lines that are told as one: the first, the orders that they are about, how many, and when the last came."""

    first: Line
    letters: frozenset[str]
    times: int
    last_s: float


class Transcript:
    """Listens to a world and to the lives in it, from `begin` on.

    Parameters
    ----------
    world : World
        The exchange.
    follows : function of PlaceOrder
        Which new orders are followed: named by letters, with every change of theirs on both sides.
    """

    def __init__(self, world: World, follows: Callable[[PlaceOrder], bool] = lambda command: False) -> None:
        self.lines: list[Line] = []
        self.notices: list[Notice] = []
        self.answers: list[OperatorAnswer] = []
        self.decided: list[AnyCommand] = []
        """Every command since the beginning, in order."""
        self.began_s: float | None = None
        self._world = world
        self._follows = follows
        self._names: dict[str, str] = {}
        self._here: dict[str, str] = {}
        self._there: dict[str, str] = {}
        self._life: Life | None = None
        world.gate.struck = self._struck
        world.desk.carried_out = lambda verb, path, params: self._look_there()

    # ---- What is listened to

    def attach(self, life: Life) -> None:
        """Listen to a life of the runner, from its first event on."""
        self._life = life
        life.session.observe = self._observe

    def begin(self, followed: Iterable[str] = ()) -> None:
        """Write down everything from now on; orders of these client ids are followed from the start."""
        self.began_s = self._world.elapsed_s
        for client_id in followed:
            self.follow(client_id)
        self._look_there()
        self._look_here()

    def follow(self, client_id: str) -> str:
        """Give an order a letter, and tell of every change of it."""
        if client_id not in self._names:
            self._names[client_id] = LETTERS[len(self._names)]
        return self._names[client_id]

    @property
    def followed(self) -> dict[str, str]:
        """Letters by client id."""
        return dict(self._names)

    def say(self, who: str, text: str, at_s: float | None = None) -> None:
        """Write a line, unless nothing has begun."""
        if self.began_s is None:
            return
        now_s = self._world.elapsed_s if at_s is None else at_s
        self.lines.append(Line(max(now_s - self.began_s, 0.0), who, self._named(text)))

    def _named(self, text: str) -> str:
        return CLIENT_ID.sub(lambda found: self._names.get(found[0], "another order"), text)

    def _observe(
        self, event: AnyEvent, commands: tuple[AnyCommand, ...], heard_ns: int, decided_ns: int
    ) -> None:
        if self.began_s is None:
            return
        self.decided += commands
        for command in commands:
            if isinstance(command, PlaceOrder) and self._follows(command):
                self.follow(command.client_id)
        self._look_there()
        routine = isinstance(event, TimerFired) and event.name == "reconcile"
        for command in commands:
            if not (routine and isinstance(command, QueryOpenOrders | QueryFills | QueryAccount)):
                self._tell(command)
        self._look_here()

    def _tell(self, command: AnyCommand) -> None:
        if isinstance(command, Notice):
            self.notices.append(command)
            self.say("notice", f"{TOLD[command.level]}{command.code}: {command.message}")
        elif isinstance(command, OperatorAnswer):
            self.answers.append(command)
            self.say("answer", f"{'done' if command.done else 'NOT DONE'}: {command.text}")
        elif isinstance(command, EndSession):
            self.say("engine", f"the session ends with exit code {command.exit_code}: {command.reason}")
        elif (text := self._shown(command)) is not None:
            self.say("command", text)

    def _shown(self, command: AnyCommand) -> str | None:
        """A command in words; None for one that is not about what is followed."""
        if isinstance(command, OrderCommand):
            return self._about_order(command) if command.client_id in self._names else None
        if isinstance(command, QueryOpenOrders):
            return "ask for all open orders"
        if isinstance(command, QueryFills):
            return "ask for own executions"
        if isinstance(command, QueryAccount):
            return "ask for positions and balances"
        return None

    def _about_order(self, command: OrderCommand) -> str:
        name = self._names[command.client_id]
        if isinstance(command, PlaceOrder):
            side = "buy" if command.side > 0 else "sell"
            price = "" if command.lifetime is Lifetime.MARKET else f" at {command.price}"
            reduces = ", reduce-only" if command.reduce_only else ""
            return f"place {name}: {side} {command.size} lots{price}, {command.lifetime}{reduces}"
        if isinstance(command, AmendOrder):
            return f"amend {name}: {command.size} lots at {command.price}"
        if isinstance(command, CancelOrder):
            return f"cancel {name}"
        return f"ask for {name}" if isinstance(command, QueryOrder) else f"{command}"

    def _struck(self, fault: Fault, on: str) -> None:
        """Tell of a fault that is not of an order beside those followed; an outage is told once, where it begins."""
        if fault.kind is not Kind.REFUSE_CONNECTION and (on in self._names or not CLIENT_ID.fullmatch(on)):
            self.say("fault", f"{fault.kind} ({on})" if on else str(fault.kind))

    # ---- What each side holds of an order

    def _look_there(self) -> None:
        """Tell what has changed at the exchange, at the time that it stamped."""
        if self.began_s is None:
            return
        for client_id, name in self._names.items():
            try:
                order = self._world.exchange.order(ACCOUNT, self._world.symbol, client_id=client_id)
            except Refusal:
                continue  # it has not arrived
            state = f"{name} {order.status}, {order.filled} of {order.size} lots filled"
            if self._there.get(client_id) != state:
                self._there[client_id] = state
                known_s = self._world.elapsed_s - (self._world.desk.clock.now_ns() - order.updated_ns) / 1e9
                self.say("venue", state, known_s)

    def _look_here(self) -> None:
        """Tell what has changed in the engine."""
        if self._life is None:
            return
        orders = self._life.kernel.desk.orders
        for client_id, name in self._names.items():
            order = orders.get(client_id)
            state = f"{name} {_state(order)}" if order is not None else ""
            if state and self._here.get(client_id) != state:
                self._here[client_id] = state
                self.say("engine", state)

    # ---- As text

    def text(self, compact: bool = False) -> list[str]:
        """The lines in the order of time, what is only told again at its first; `compact`: commands and states too."""
        retold = RETOLD | ({"command", "engine"} if compact else set())
        told: list[Told] = []
        newest: dict[tuple[str, str], int] = {}
        for line in sorted(self.lines, key=lambda line: line.at_s):
            words, letters = self._words(line.text)
            place = newest.get((line.who, words))
            if place is not None and (line.who in retold or _in_one_burst(told[place:], line, letters)):
                first = told[place]
                told[place] = Told(first.first, first.letters | letters, first.times + 1, line.at_s)
            else:
                newest[line.who, words] = len(told)
                told.append(Told(line, letters, 1, line.at_s))
        return [self._as_line(each) for each in told]

    def _words(self, text: str) -> tuple[str, frozenset[str]]:
        """A line without the one order that it names, and that."""
        found = [word for word in re.findall(r"\b[A-Z]\b", text) if word in self._names.values()]
        if len(found) != 1:
            return text, frozenset()
        return re.sub(rf"\b{found[0]}\b", SLOT, text), frozenset(found)

    def _as_line(self, told: Told) -> str:
        words, _ = self._words(told.first.text)
        text = words.replace(SLOT, ", ".join(sorted(told.letters)))
        several = told.times > max(len(told.letters), 1)
        again = f"  (x{told.times}, the last at {told.last_s:.2f})" if several else ""
        head = f"{told.first.at_s:8.2f}  {told.first.who:<8}  "
        return "\n".join(
            textwrap.wrap(
                text + again, PAGE_WIDTH, initial_indent=head, subsequent_indent=" " * (len(head) + 2)
            )
        )


def _in_one_burst(since: list[Told], line: Line, letters: frozenset[str]) -> bool:
    """Whether a line says of another order what was said a moment ago, and nothing was said of that order since."""
    first, *others = since
    heard = any(each.first.who == line.who and letters & each.letters for each in others)
    return (
        bool(letters) and line.at_s - first.first.at_s < BURST_S and not letters & first.letters and not heard
    )


def _state(order: Order) -> str:
    ends = f", ended as {order.ends_as}" if order.ends_as and order.live else ""
    return f"{order.state}{ends}, {order.filled} of {order.size} lots booked"
