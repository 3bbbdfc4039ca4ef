"""The same strategies on hftbacktest's exchange, run by the interpreter of the environment in which it is installed.

`python -m bench.peers.hftbacktest_side SPEC`: SPEC is a JSON file {tape, runs, out}. What a strategy sees, wants and
plans is Titan's source, compiled here by the same linker; book, queues, latencies and fills are hftbacktest's. Prices
are given to it in ticks and sizes in lots, so that its floats are whole numbers.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from hftbacktest import (
    CANCELED,
    EXPIRED,
    FILLED,
    GTX,
    LIMIT,
    NEW,
    NONE,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.types import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    event_dtype,
)

from titan.backtest.sweep import quoting
from titan.backtest.sweep.linking import Linker, load
from titan.backtest.sweep.market import ASK, BID, BUY, World, market_view, want
from titan.backtest.sweep.orders import CANCELLING, FREE, OPEN
from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.strategies import write_decide
from titan.backtest.sweep.tape import Tape, load_tape
from titan.backtest.sweep.worlds import build_world
from titan.simulation.queue_position import QueueModel

DEPTHS: dict[str, Callable[..., Any]] = {
    "vector": ROIVectorMarketDepthBacktest,
    "hash map": HashMapMarketDepthBacktest,
}
FILLS = 1 << 21


def events_of(tape: Tape) -> np.ndarray[Any, Any]:
    """The tape in the peer's format."""
    columns = tape.columns
    made = np.zeros(len(tape), dtype=event_dtype)
    level = columns.kind <= ASK
    buying = (columns.kind == BID) | (columns.kind == BUY)
    flags = np.where(level, DEPTH_EVENT, TRADE_EVENT) | np.where(buying, BUY_EVENT, SELL_EVENT)
    made["ev"] = flags | EXCH_EVENT | LOCAL_EVENT
    made["exch_ts"] = columns.time_ns
    made["local_ts"] = columns.time_ns + columns.delay_ns
    made["px"], made["qty"] = columns.price, columns.lots
    return made


def asset_of(tape: Tape, events: np.ndarray[Any, Any], one: ParameterSet) -> Any:
    """The exchange of a set: whole fills, its queue model and its latencies."""
    asset = BacktestAsset().add_data(events).linear_asset(1.0)
    asset = asset.constant_order_latency(one.entry, one.response)
    if one.queue.kind == 0:
        asset = asset.risk_adverse_queue_model()
    elif one.queue.kind == 1:
        asset = asset.log_prob_queue_model()
    else:
        asset = asset.power_prob_queue_model(one.queue.exponent)
    asset = asset.no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0).tick_size(1.0).lot_size(1.0)
    return asset.roi_lb(float(tape.lowest)).roi_ub(float(tape.highest)).last_trades_capacity(0)


def compiled_loop(one: ParameterSet) -> Callable[..., int]:
    """The peer's main loop around Titan's decisions."""
    linker = Linker()
    write_decide(linker, [one.module])
    names = {function.__name__: linker.add(function) for function in (market_view, want, quoting.take_slot)}
    linker.add_text("\n".join(f"{name} = {linked}" for name, linked in names.items()))
    linked = load(linker.text)
    see, decide, take_slot = linked.market_view, linked.want, linked.take_slot

    @numba.njit
    def learn(hbt: Any, world: Any, fills: Any, count: int) -> int:
        orders = hbt.orders(0)
        for slot in range(world.desk.sets[0].used):
            mine = world.desk.orders[0, slot]
            if mine.known == FREE:
                continue
            theirs = orders.get(np.uint64(mine.serial))
            if theirs.status == NEW and theirs.req == NONE:
                mine.known = OPEN
            elif theirs.status == FILLED or theirs.status == CANCELED or theirs.status == EXPIRED:
                mine.known = FREE
                if theirs.status == FILLED:
                    fills[count, 0], fills[count, 1] = theirs.exch_timestamp, mine.side
                    fills[count, 2], fills[count, 3] = theirs.exec_price_tick, round(theirs.exec_qty)
                    count += 1
        hbt.clear_inactive_orders(0)
        world.desk.sets[0].known_position = round(hbt.position(0))
        return count

    @numba.njit
    def run(hbt: Any, world: Any, row: Any, fills: Any) -> int:
        count, now_ns = 0, world.frame.start_ns
        desk, sheet = world.desk, world.sheet
        while hbt.elapse(world.frame.interval_ns) == 0:
            now_ns += world.frame.interval_ns
            count = learn(hbt, world, fills, count)
            depth = hbt.depth(0)
            bid, ask = depth.best_bid_tick, depth.best_ask_tick
            row[0] = bid if bid > 0 else 0
            row[1] = ask if ask < 1 << 40 else 0
            row[2] = round(depth.bid_qty_at_tick(bid)) if row[0] > 0 else 0
            row[3] = round(depth.ask_qty_at_tick(ask)) if row[1] > 0 else 0
            decide(0, see(now_ns, row, world.frame), row, world)
            for line in range(2):
                for at in range(sheet.lined_up[line]):
                    slot = sheet.standing[line, at]
                    if slot >= 0 and desk.orders[0, slot].doomed:
                        order = desk.orders[0, slot]
                        order.doomed = False
                        order.known = CANCELLING
                        hbt.cancel(0, np.uint64(order.serial), False)
            for line in range(2):
                for layer in range(sheet.place_from[line], sheet.wanted[line]):
                    price, lots = sheet.price[line, layer], sheet.lots[line, layer]
                    serial = np.uint64(desk.orders[0, take_slot(desk, 0, 1 - 2 * line, price, lots)].serial)
                    if line == 0:
                        hbt.submit_buy_order(0, serial, float(price), float(lots), GTX, LIMIT, False)
                    else:
                        hbt.submit_sell_order(0, serial, float(price), float(lots), GTX, LIMIT, False)
        return learn(hbt, world, fills, count)

    return run


def fresh_world(tape: Tape, one: ParameterSet, interval_ms: int) -> World:
    """Where the strategy keeps its numbers."""
    return build_world(tape, [one], [one.module], interval_ms * 1_000_000, 10)


def run_set(
    tape: Tape, events: np.ndarray[Any, Any], given: dict[str, Any]
) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """One set's fills, and the seconds that its runs took on each depth."""
    options = dict(given["set"])
    one = ParameterSet(**{**options, "queue": QueueModel(*options["queue"])})
    loop = compiled_loop(one)
    rows = np.zeros((FILLS, 4), dtype=np.int64)
    seconds: dict[str, list[float]] = {name: [] for name in given["depths"]}
    count = 0
    for name in given["depths"]:
        for _ in range(given["repeat"] + 1):
            world, look = fresh_world(tape, one, given["interval_ms"]), np.zeros(6, dtype=np.int64)
            market = DEPTHS[name]([asset_of(tape, events, one)])
            begun = time.perf_counter()
            count = loop(market, world, look, rows)
            seconds[name].append(time.perf_counter() - begun)
            market.close()
        del seconds[name][0]  # which held the compiling
    return rows[:count].copy(), seconds


def main(spec: Path) -> None:
    """Run all that is asked for and write fills and times."""
    asked = json.loads(spec.read_text(encoding="utf-8"))
    tape = load_tape(Path(asked["tape"]))
    events = events_of(tape)
    found = {}
    times = []
    for number, given in enumerate(asked["runs"]):
        found[f"fills_{number}"], seconds = run_set(tape, events, given)
        times.append(seconds)
    np.savez(asked["out"], seconds=np.array(json.dumps(times)), **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
