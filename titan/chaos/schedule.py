"""What happens in a trial, drawn from its seed: faults of the exchange and the network, deaths, an operator's acts."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from titan.chaos.aims import Aim, aimed
from titan.loopback.faults import FRAME_KINDS, Fault, Kind, Plan
from titan.model.orders import OrderState

LENGTH_S = 30.0
"""How long things go wrong."""
FEWEST = 6
"""Faults that are drawn at least; some find nothing to strike, and three must."""
EXITS = 0.4
"""Share of the trials in which an operator wants out of the position; half of the resumes come before it is."""
REST_S = 30.0
"""Quiet time at the end: longer than any proof of absence takes."""
ORDER_CALLS = ("POST /fapi/v1/order", "PUT /fapi/v1/order", "DELETE /fapi/v1/order")
LONG = {Kind.REFUSE_CONNECTION: 8.0, Kind.RESTART: 4.0, Kind.RESTART_LOSING_ORDERS: 4.0, Kind.HALT: 6.0}
"""Kinds that last, and the longest that they do, seconds."""
LATEST_S = 4.8
"""Of a call or frame: a request that is older than its window of 5 s is refused."""
OF_ORDERS = (
    Kind.DELAY_CALL, Kind.LOSE_REQUEST, Kind.LOSE_ANSWER, Kind.LATE_ANSWER, Kind.TRUNCATE_ANSWER, Kind.HALF_ANSWER,
    Kind.SERVER_ERROR_AFTER, Kind.UNKNOWN_RESULT, Kind.DUPLICATE_ID,
)  # fmt: skip
"""Kinds that leave an order in doubt."""
WEIGHTS = {
    Kind.LYING_SNAPSHOT: 1,
    Kind.SWEEP: 1,
    Kind.CHANGE_TICK: 1,
    Kind.DUPLICATE_ID: 3,
    Kind.UNKNOWN_RESULT: 3,
}
"""How often a kind is drawn beside the others' 2: rare meetings with an order's states more often."""
OF_CALLS = (
    Kind.DELAY_CALL, Kind.LOSE_REQUEST, Kind.LOSE_ANSWER, Kind.LATE_ANSWER, Kind.TRUNCATE_ANSWER, Kind.HALF_ANSWER,
    Kind.SERVER_ERROR, Kind.SERVER_ERROR_AFTER, Kind.UNKNOWN_RESULT, Kind.BAD_TIMESTAMP, Kind.DUPLICATE_ID,
    Kind.RATE_LIMITED, Kind.BANNED,
)  # fmt: skip

DRAWN = tuple(kind for kind in Kind for _ in range(WEIGHTS.get(kind, 2)))


class Schedule(NamedTuple):
    """A trial's plan of faults, and what is done beside: (seconds, act) in order.

    The acts are kill, end (and start anew), an order placed by hand, and an operator's: pause, stop, flatten, close,
    resume.
    """

    plan: Plan
    acts: tuple[tuple[float, str], ...]
    length_s: float = LENGTH_S
    rest_s: float = REST_S
    aims: tuple[Aim, ...] = ()
    """Faults of the plan that wait for an order in a certain state."""
    slow_disk: bool = False
    """Whether each commit of the journal takes long."""

    @property
    def nibbled(self) -> bool:
        """Whether the market is one of small takers: without them hardly an order is ever partially filled."""
        return any(aim.state is OrderState.PARTIALLY_FILLED for aim in self.aims)

    @property
    def ends_s(self) -> float:
        """When the last thing that goes wrong is over."""
        faults = [fault.at_s + max(fault.for_s, fault.delay_s) for fault in self.plan.faults]
        return max([self.length_s, *faults, *(at_s for at_s, _ in self.acts)])


def draw_schedule(seed: int) -> Schedule:
    """Draw a trial: six to nine faults and what it aims, a death in every second one, at times an operator's acts."""
    draw = random.Random(f"{seed} schedule")
    found = [_fault(draw) for _ in range(draw.randint(FEWEST, 9))]
    acts = [(draw.uniform(3.0, LENGTH_S - 3.0), "kill")] if seed % 2 == 0 else []
    if draw.random() < 0.3:
        found += _blindfold(draw)
    if acts and draw.random() < 0.2:
        found.append(_on_its_way(draw, acts[0][0]))
    faults = sorted(found, key=lambda fault: fault.at_s)
    if draw.random() < 0.3:
        at_s = draw.uniform(3.0, LENGTH_S - 8.0)
        acts += [(at_s, draw.choice(("stop", "pause"))), (at_s + draw.uniform(2.0, 5.0), "resume")]
    if draw.random() < 0.15:
        acts.append((draw.uniform(3.0, LENGTH_S - 3.0), "end"))
    if draw.random() < 0.15:
        acts.append((draw.uniform(1.0, LENGTH_S - 3.0), "by hand"))
    if draw.random() < EXITS:
        at_s = draw.uniform(3.0, LENGTH_S - 10.0)
        acts += [(at_s, draw.choice(("flatten", "close"))), (at_s + draw.uniform(0.5, 9.0), "resume")]
    scene = aimed(seed)
    plan = Plan(faults=(*(aim.fault for aim in scene.aims), *scene.faults, *faults), seed=seed)
    acts = sorted((*acts, *scene.acts))
    return Schedule(plan, tuple(acts), aims=scene.aims, slow_disk=scene.slow_disk)


def beside(kind: Kind, stream: str = "") -> Callable[[int], Schedule]:
    """Draw trials in which this fault strikes once beside everything else, where a protection of it is tried."""

    def drawn(seed: int) -> Schedule:
        found = draw_schedule(seed)
        at_s = round(random.Random(f"{seed} {kind}").uniform(4.0, LENGTH_S - 4.0), 3)
        fault = Fault(kind=kind, at_s=at_s, stream=stream)
        return found._replace(plan=Plan(faults=(fault, *found.plan.faults), seed=seed))

    return drawn


def unseen(kind: Kind) -> Callable[[int], Schedule]:
    """Draw trials in which this becomes of some placements while the private stream is silent: no second witness."""

    def drawn(seed: int) -> Schedule:
        found = draw_schedule(seed)
        at_s = round(random.Random(f"{seed} {kind}").uniform(4.0, LENGTH_S - 8.0), 3)
        silence = Fault(kind=Kind.SILENCE_STREAM, at_s=at_s, for_s=6.0, stream="private")
        struck = Fault(kind=kind, at_s=at_s + 0.2, for_s=4.0, share=0.7, call=ORDER_CALLS[0])
        return found._replace(plan=Plan(faults=(silence, struck, *found.plan.faults), seed=seed))

    return drawn


def changing_ticks(seed: int) -> Schedule:
    """Draw a trial in which the tick changes four times, and nothing else happens."""
    draw = random.Random(f"{seed} ticks")
    times = sorted(round(draw.uniform(3.0, LENGTH_S - 2.0), 3) for _ in range(4))
    faults = tuple(Fault(kind=Kind.CHANGE_TICK, at_s=at_s) for at_s in times)
    return Schedule(Plan(faults=faults, seed=seed), ())


def failing_lists(seed: int) -> Schedule:
    """Draw a trial in which most lists of open orders fail beside everything else."""
    drawn = draw_schedule(seed)
    lists = Fault(kind=Kind.SERVER_ERROR, at_s=3.0, for_s=24.0, share=0.8, call="GET /fapi/v1/openOrders")
    return drawn._replace(plan=Plan(faults=(lists, *drawn.plan.faults), seed=seed))


def lied_to(seed: int) -> Schedule:
    """Draw a trial in which the market stream drops three times, and each time the new snapshot lies."""
    drawn = draw_schedule(seed)
    faults = [
        fault
        for at_s in (6.0, 13.0, 20.0)
        for fault in (
            Fault(kind=Kind.LYING_SNAPSHOT, at_s=at_s),
            Fault(kind=Kind.DROP_STREAM, at_s=at_s, stream="market"),
        )
    ]
    return drawn._replace(plan=Plan(faults=(*faults, *drawn.plan.faults), seed=seed))


def died_in_stop(seed: int) -> Schedule:
    """Draw a trial in which somebody stops the desk, it dies, and nobody resumes."""
    drawn = draw_schedule(seed)
    at_s = random.Random(f"{seed} stop").uniform(4.0, LENGTH_S - 4.0)
    return drawn._replace(acts=((at_s, "stop"), (at_s + 2.0, "kill")))


def flattened(seed: int) -> Schedule:
    """Draw a trial at whose end somebody wants out and nobody resumes."""
    drawn = draw_schedule(seed)
    acts = tuple(act for act in drawn.acts if act[1] in {"kill", "by hand"})
    return drawn._replace(acts=(*acts, (LENGTH_S, "flatten")))


def _on_its_way(draw: random.Random, death_s: float) -> Fault:
    """Orders that the runner has sent when it dies, and that arrive after the next one has asked for them."""
    return Fault(
        kind=Kind.DELAY_CALL,
        at_s=round(max(death_s - 1.5, 0.0), 3),
        for_s=1.5,
        delay_s=round(draw.uniform(2.0, LATEST_S), 3),
        call=ORDER_CALLS[0],
    )


def _blindfold(draw: random.Random) -> list[Fault]:
    """Calls about orders fail in the same seconds in which the private stream says nothing: no second witness."""
    at_s = round(draw.uniform(4.0, LENGTH_S - 6.0), 3)
    stream = Fault(
        kind=draw.choice((Kind.SILENCE_STREAM, Kind.LOSE_FRAME)), at_s=at_s, for_s=6.0, stream="private"
    )
    calls = Fault(
        kind=draw.choice(OF_ORDERS),
        at_s=at_s + 0.2,
        for_s=4.0,
        share=round(draw.uniform(0.2, 0.9), 3),
        delay_s=round(draw.uniform(0.5, LATEST_S), 3),
        call=draw.choice((ORDER_CALLS[0], *ORDER_CALLS)),
    )
    return [stream, calls]


def _fault(draw: random.Random) -> Fault:
    kind = draw.choice(DRAWN)
    at_s = draw.uniform(2.0, LENGTH_S - 2.0)
    fault = Fault(kind=kind, at_s=round(at_s, 3))
    if kind in OF_CALLS and draw.random() < 0.7:
        fault = msgspec.structs.replace(fault, call=draw.choice(ORDER_CALLS))
    if kind in LONG:
        return msgspec.structs.replace(fault, for_s=round(draw.uniform(0.5, LONG[kind]), 3))
    if kind in (Kind.RATE_LIMITED, Kind.BANNED):
        return msgspec.structs.replace(fault, delay_s=float(draw.randint(1, 8)))
    if kind in (Kind.DROP_STREAM, Kind.SILENCE_STREAM):
        return msgspec.structs.replace(fault, stream=draw.choice(("", "market", "private")))
    if kind in FRAME_KINDS and draw.random() < 0.3:
        fault = msgspec.structs.replace(fault, stream="private")
    spread_out = draw.random() < 0.4
    return msgspec.structs.replace(
        fault,
        for_s=round(draw.uniform(0.5, 5.0), 3) if spread_out else 0.0,
        share=round(draw.uniform(0.05, 0.5), 3) if spread_out else 1.0,
        delay_s=round(draw.uniform(0.05, LATEST_S), 3) if "delay" in kind or "late" in kind else 0.0,
    )
