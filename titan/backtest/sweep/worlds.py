"""From parameter sets to the arrays of a pass, and from the arrays to results."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from titan.backtest.sweep.book import empty_book
from titan.backtest.sweep.exchange import FILL_COLUMNS, Fills
from titan.backtest.sweep.market import Chosen, Frame, Looks, Paths, World
from titan.backtest.sweep.orders import SET, Desk, empty_desk
from titan.backtest.sweep.parameter_sets import ParameterSet, latency_draws
from titan.backtest.sweep.quoting import MOST_LAYERS, Sheet
from titan.backtest.sweep.results import FILL, Counts, Integers, SetResult, SweepResult, pnl_of
from titan.backtest.sweep.strategies import kinds
from titan.backtest.sweep.tape import Tape
from titan.model.contract import StrategyModule

SLOTS = 2 * MOST_LAYERS
UNDER_WAY, MOST_UNDER_WAY = 1 << 7, 1 << 16
"""Messages of one set that may be under way one way: at first, so that they stay in the cache, and at most."""


def no_fills(room: int) -> Fills:
    """An empty array of fills; what of it is not used costs no memory."""
    return Fills(zeros(room, FILL_COLUMNS), zeros(1))


def build_world(
    tape: Tape,
    sets: Sequence[ParameterSet],
    modules: Sequence[StrategyModule],
    interval_ns: int,
    path_every: int,
    under_way: int = UNDER_WAY,
) -> World:
    """Everything at its start, with room for so many messages of a set under way: two to a power."""
    count = len(sets)
    steps = max(-(-(tape.seen_until_ns - tape.start_ns) // interval_ns) - 1, 0)
    points = steps // path_every
    looks = int(tape.columns.delay_ns.max()) // interval_ns + 2
    coins, parts = tape.lot_size.as_integer_ratio()
    return World(
        Frame(
            tape.start_ns, interval_ns, steps, path_every,
            float(tape.tick_size), float(tape.lot_size), float(coins), float(parts),
        ),
        empty_book(tape.lowest, tape.highest),
        Looks(zeros(looks, 6), zeros(3)),
        desk_of(sets, modules, under_way),
        Sheet(
            zeros(2, MOST_LAYERS), zeros(2, MOST_LAYERS), zeros(2), zeros(2),
            zeros(2, SLOTS), zeros(2), zeros(1),
        ),
        chosen_of(sets),
        Paths(zeros(count, points), zeros(count, points), zeros(points)),
    )  # fmt: skip


def zeros(*shape: int) -> Integers:
    """Whole zeros."""
    return np.zeros(shape, dtype=np.int64)


def desk_of(sets: Sequence[ParameterSet], modules: Sequence[StrategyModule], under_way: int) -> Desk:
    """The sets' worlds side by side."""
    # Both ways draw from streams of their own.
    entry_ns = latency_draws([one.entry for one in sets], [2 * one.seed for one in sets])
    response_ns = latency_draws([one.response for one in sets], [2 * one.seed + 1 for one in sets])
    desk = empty_desk(len(sets), SLOTS, under_way, entry_ns, response_ns)
    for row, one in zip(desk.sets, sets, strict=True):
        row.queue_kind, row.queue_exponent = one.queue
        row.whole = one.whole_fills
        row.maker_fee, row.taker_fee = float(one.maker_fee), float(one.taker_fee)
        row.edge_bps, row.requote_ticks = one.minimum_edge_bps, one.requote_ticks
        row.strategy = modules.index(one.module)
    return desk


def chosen_of(sets: Sequence[ParameterSet]) -> Chosen:
    """The parameters of each set's strategy, and its first state."""
    width = max(len(kind._fields) for one in sets for kind in (one.module.Parameters, one.module.State))
    parameters, state = np.zeros((len(sets), width)), np.zeros((len(sets), width))
    whole_parameters, whole_state = zeros(len(sets), width), zeros(len(sets), width)
    for k, one in enumerate(sets):
        built = one.build()
        for tuple_, floats, whole in (
            (built, parameters, whole_parameters),
            (one.module.initial(built), state, whole_state),
        ):
            for place, (name, kind) in enumerate(kinds(type(tuple_)).items()):
                (floats if kind is float else whole)[k, place] = getattr(tuple_, name)
    return Chosen(parameters, whole_parameters, state, whole_state)


def full_wires(desk: Desk) -> Integers:
    """The sets that have as many messages under way as there is room for."""
    rows, room = desk.sets, desk.requests.shape[1]
    under_way = np.maximum(rows.requests_sent - rows.requests_read, rows.answers_sent - rows.answers_read)
    return np.flatnonzero(under_way >= room)


def path_times(
    tape: Tape, interval_ns: int, path_every: int, points: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """When the points of a path are."""
    return tape.start_ns + interval_ns * path_every * np.arange(1, points + 1, dtype=np.int64)


def results(tape: Tape, sets: Sequence[ParameterSet], world: World, fills: Fills) -> SweepResult:
    """What the arrays say, set by set."""
    rows = fills.rows[: fills.used[0]]
    unit = tape.tick_size * tape.lot_size
    frame = world.frame
    path_ns = path_times(tape, frame.interval_ns, frame.path_every, len(world.paths.mid))
    return SweepResult(
        tuple(_result(k, one, world, rows[rows[:, 0] == k], unit) for k, one in enumerate(sets)),
        len(tape),
        path_ns,
        world.paths.mid,
        tape.tick_size,
        tape.lot_size,
    )


def _result(
    k: int,
    one: ParameterSet,
    world: World,
    rows: Integers,
    unit: Decimal,
) -> SetResult:
    found = np.zeros(len(rows), dtype=FILL)
    for column, name in enumerate(FILL.names or (), start=1):
        found[name] = rows[:, column]
    at = {name: int(world.desk.sets[k][name]) for name in SET.names or () if SET[name].kind == "i"}
    return SetResult(
        name=one.name,
        how="compiled",
        fills=found,
        counts=Counts(*(at[name] for name in Counts._fields)),
        pnl=pnl_of(
            at["spread"],
            at["inventory"],
            at["cash"],
            at["position"],
            at["mark"],
            at["traded"],
            unit,
            one.maker_fee,
        ),
        last_position=at["position"],
        position=world.paths.position[k],
        cash=world.paths.cash[k],
    )
