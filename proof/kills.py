"""A thousand kills with SIGKILL, each with a restart: no acknowledged intent is lost, none is carried out twice.

The runner is a process of its own, forked from one that has only imported it; the exchange stands on real sockets in
this process and outlives it. Each life takes up the journal of the one before, and is killed at a point that was drawn:
at the n-th journal write, sync, send or receive, right before it or behind it, or at some moment. A round of lives ends
with one that is asked to stop. Judged is from the exchange's side:

- an order arrives only if its intent is in what the journal has synced by then, and no client id arrives twice;
- at every death each order that stands at the exchange is alive in the state that the journal leads to;
- at the end of a round nothing is open, the position agrees, and each execution of the exchange is booked.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import signal
from collections import Counter
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from shutil import rmtree
from typing import Any

from proof.parts.desk import machine_load, write_settings
from proof.parts.mortal import POINTS, Death, live
from proof.result import Result
from titan.loopback.desk import Desk
from titan.loopback.limits import Limiter
from titan.loopback.main import ExchangeOptions, build_desk, keep_moving, serving
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.model.commands import Notice, PlaceOrder
from titan.store.framing import JOURNAL, JournalError
from titan.store.journal import SessionReader
from titan.store.replay import replay_session

KILLS = 1_000
A_ROUND = 25
SYMBOL = "BTCUSDT"
ACCOUNT = DEFAULT_CREDENTIALS.key
MOST_POINTS = {"write": 140, "sync": 140, "send": 70, "receive": 220}
"""What a life passes in its first seconds, of which its start takes some dozens; early points are drawn more often."""

LONGEST_S = 5.0
"""A life that has not come to its point by then is killed there."""

MOMENTS_S = (0.1, 2.5)
SETTLED_S = 60.0


def run(state: Path, scale: float = 1.0) -> Result:
    """Kill until there were so many; goes on behind the last whole round of an earlier run."""
    state.mkdir(parents=True, exist_ok=True)
    file = state / "kills.json"
    counts: Counter[str] = Counter()
    violations: list[str] = []
    if file.exists():
        kept = json.loads(file.read_text(encoding="utf-8"))
        counts, violations = Counter(kept["counts"]), kept["violations"]
    wanted = round(KILLS * scale)
    while counts["kills"] < wanted:
        kills = min(A_ROUND, wanted - counts["kills"])
        number = counts["rounds"]
        done = asyncio.run(_Round(state / "round", number, kills).run())
        counts.update(done.counts)
        if done.violations:
            (state / "round").rename(state / f"violated-{number}")  # its journals are the evidence
        violations += done.violations
        file.write_text(json.dumps({"counts": counts, "violations": violations}), encoding="utf-8")
    return _result(counts, violations)


def _result(counts: Counter[str], violations: list[str]) -> Result:
    points = ", ".join(f"{counts['at ' + name]} at a {name}" for name in (*POINTS, "moment"))
    return Result(
        "kills",
        not violations,
        f"{counts['kills']} kills with restart: {counts['lost']} of {counts['acknowledged']} acknowledged intents "
        f"lost, {counts['doubled']} doubled, {len(violations)} violations",
        (
            points,
            f"{counts['unsent']} intents were durable and never arrived; {counts['open']} orders stood at a death; "
            f"{counts['fills']} executions; {counts['unbegun']} lives had no journal yet",
            f"{counts['rounds']} rounds ended in good order, each with another market",
            *violations[:20],
            machine_load(),
        ),
    )


class _Round:
    """One exchange, some lives that are killed, and one that ends in good order."""

    def __init__(self, folder: Path, number: int, kills: int) -> None:
        self._folder = folder
        self._journals = folder / "journals"
        self._number = number
        self._kills = kills
        self._draw = random.Random(f"kills {number}")
        self._desk: Desk = build_desk(ExchangeOptions(seed=1_000 + number))
        self._known: set[Path] = set()
        self._arrived: set[str] = set()
        self.counts: Counter[str] = Counter(rounds=1)
        self.violations: list[str] = []
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["proof.parts.mortal"])

    async def run(self) -> _Round:
        """Every life of the round."""
        rmtree(self._folder, ignore_errors=True)
        self._journals.mkdir(parents=True)
        self._desk.arrived = self._on_arrival
        ending = asyncio.Event()
        async with serving(self._desk) as port:
            moving = asyncio.create_task(keep_moving(self._desk, ending))
            venue = {"venue.loopback": {"rest_url": f"http://127.0.0.1:{port}"}}
            settings = write_settings(self._folder, venue)
            for _ in range(self._kills):
                await self._live_and_die(settings)
            await self._live_and_end(settings)
            ending.set()
            await moving
        return self

    # ---- Lives

    def _start(self, settings: Path, death: Death) -> ForkServerProcess:
        self._known = set(self._journals.glob("2*-*"))
        # A venue's minute has room for some ten starts: here each has one of its own.
        self._desk.limiter = Limiter(self._desk.limits)
        arguments = ["--settings", str(settings), "--json"]
        process = self._context.Process(target=live, args=(arguments, self._folder, death))
        process.start()
        return process

    async def _live_and_die(self, settings: Path) -> None:
        point = self._draw.choice((*POINTS, "moment"))
        number = 1 + int(MOST_POINTS.get(point, 0) * self._draw.random() ** 2)
        torn = self._draw.choice((0.0, 0.0, 1.0, self._draw.random()))
        death = Death(point, number, self._draw.random() < 0.5, torn)
        process = self._start(settings, death)
        patience_s = self._draw.uniform(*MOMENTS_S) if point == "moment" else LONGEST_S
        if not await _ended(process, patience_s):
            process.kill()
            await _ended(process, LONGEST_S)
        self.counts["kills"] += 1
        self.counts[f"at {point}"] += 1
        if process.exitcode != -signal.SIGKILL:
            self._violated(f"{death}: ended by itself with code {process.exitcode}: {self._last_words()}")
        process.close()
        self._judge_death(death)

    async def _live_and_end(self, settings: Path) -> None:
        process = self._start(settings, Death("never"))
        end_s = asyncio.get_running_loop().time() + SETTLED_S
        stood = len(self._arrived)
        while len(self._arrived) < stood + 2 and asyncio.get_running_loop().time() < end_s:
            if await _ended(process, 0.2):
                break
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGTERM)
        if not await _ended(process, SETTLED_S):
            process.kill()
            await _ended(process, LONGEST_S)
        code = process.exitcode
        process.close()
        if code != 0:
            self._violated(f"the last life of the round ended with code {code}: {self._last_words()}")
            return
        lines = (self._folder / "stdout").read_text(encoding="utf-8").splitlines()
        self._judge_end(json.loads(lines[-1]))

    # ---- Judgements

    def _violated(self, what: str) -> None:
        self.violations.append(f"round {self._number}, kill {self.counts['kills']}: {what}")

    def _last_words(self) -> str:
        return (self._folder / "stderr").read_text(encoding="utf-8")[-300:]

    def _session(self) -> Path | None:
        """Where the present life journals; None if it has not begun to."""
        return next(iter(set(self._journals.glob("2*-*")) - self._known), None)

    def _on_arrival(self, verb: str, path: str, params: Mapping[str, str]) -> None:
        if (verb, path) != ("POST", "/fapi/v1/order"):
            return
        client_id = params["newClientOrderId"]
        if client_id in self._arrived:
            self.counts["doubled"] += 1
            self._violated(f"{client_id} arrived twice")
        self._arrived.add(client_id)
        session = self._session()
        synced = b"" if session is None else (session / JOURNAL.name(1)).read_bytes()
        if client_id.encode() not in synced:
            self._violated(f"{client_id} arrived before its intent was durable")

    def _judge_death(self, death: Death) -> None:
        standing = {order.client_id for order in self._desk.exchange.open_orders(ACCOUNT, SYMBOL)}
        self.counts["open"] += len(standing)
        session = self._session()
        begun = session is not None and self._begun(session)
        if session is None or not begun:
            self.counts["unbegun"] += 1
            return
        replay = replay_session(session)
        if not replay.identical:
            self._violated(f"{death}: the journal replays otherwise: {replay.difference}")
        forgotten = standing - {order.client_id for order in replay.kernel.desk.orders.live()}
        self.counts["lost"] += len(forgotten)
        if forgotten:
            self._violated(
                f"{death}: {sorted(forgotten)} stand at the exchange, and the journal knows of none"
            )
        commands = [command for _, _, command in SessionReader(session).commands()]
        if replay.kernel.desk.differences:
            errors = [each.message for each in commands if isinstance(each, Notice) and each.level == "error"]
            self._violated(
                f"{death}: {replay.kernel.desk.differences} differences that nothing explains: {errors}"
            )
        intents = {command.client_id for command in commands if isinstance(command, PlaceOrder)}
        self.counts["unsent"] += len(intents - self._arrived)

    def _begun(self, session: Path) -> bool:
        """Whether its header was durable; nothing can have been sent otherwise, so the predecessor stands."""
        try:
            SessionReader(session)
        except JournalError:
            return False
        return True

    def _judge_end(self, summary: dict[str, Any]) -> None:
        exchange = self._desk.exchange
        left = [order.client_id for order in exchange.open_orders(ACCOUNT, SYMBOL)]
        self._equal("open orders", len(left), summary["open_orders_at_exit"])
        self._equal("open orders", len(left), 0)
        self._equal("unknown orders", 0, summary["unknown_orders_at_exit"])
        self._equal("differences", 0, summary["reconciliation_differences"])
        self._equal("lots", exchange.lots(ACCOUNT, SYMBOL), summary["position"][f"loopback:{SYMBOL}"])
        acknowledged = {order.client_id for order in exchange.orders(ACCOUNT, SYMBOL)}
        self.counts["acknowledged"] += len(acknowledged)
        self._equal("orders that no intent led to", acknowledged - self._arrived, set())
        trades = exchange.trades(ACCOUNT, SYMBOL)
        self.counts["fills"] += len(trades)
        booked = set(replay_session(Path(summary["journal"])).kernel.desk.orders.snapshot()["trades"])  # type: ignore[call-overload]
        told = {f"loopback:{SYMBOL}:{trade.trade_id}:{trade.order_id}" for trade in trades}
        self._equal("executions that are not booked", told - booked, set())
        self._equal("executions that never were", booked - told, set())

    def _equal(self, what: str, stated: object, known: object) -> None:
        if stated != known:
            self._violated(f"{what}: {stated} at the exchange, {known} by the runner")


async def _ended(process: ForkServerProcess, within_s: float) -> bool:
    """Whether it has ended, waiting so long for it."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(process.sentinel, over.set)
    try:
        await asyncio.wait_for(over.wait(), within_s)
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(process.sentinel)
    process.join()
    return True
