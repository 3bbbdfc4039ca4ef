"""What must hold at every step and at rest, judged from the exchange's side: a second opinion on every promise.

Nothing here asks the engine whether it kept its word. What reached the exchange, what it executed and what it holds
are compared with the limits, with the journal and, at rest, with the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from titan.chaos.aims import Marksman
from titan.chaos.door import Door
from titan.chaos.excuses import Excuses
from titan.chaos.life import Life
from titan.chaos.sight import Sight
from titan.chaos.world import ACCOUNT, VENUE, World
from titan.engine.client_ids import account_prefix
from titan.engine.desk import Phase
from titan.engine.stopping import STOPPED_BY_RISK
from titan.loopback.fault_answers import named_order
from titan.loopback.faults import Fault
from titan.model.commands import AmendOrder, AnyCommand, CancelOrder, OperatorAnswer, PlaceOrder
from titan.model.events import AnyEvent, Fill, OperatorAction, StopRequested, TimerFired
from titan.model.instruments import InstrumentKey
from titan.model.orders import OrderState
from titan.store.journal import SessionReader
from titan.store.replay import replay_session

SLACK = Decimal("1.002")
"""The limit is judged at the mark price of the arrival; the decision was made at a price of moments before."""

SAME_MONEY = Decimal("0.000001")
"""P&L and the venue's equity may differ by the venue's own roundings."""

MOST_LIVE = 200
"""Orders, tasks and requests that may be under way at once in a trial."""

FAR_OFF = Decimal("0.02")
"""Of the mark: twice the collar. A price farther off is no decision of a maker, it is another unit."""


class Checker:
    """Watches one trial.

    Parameters
    ----------
    world : World
        Whose exchange is asked.
    marksman : Marksman
        Holds faults back that are aimed at orders in a certain state.
    """

    def __init__(self, world: World, marksman: Marksman) -> None:
        self._world = world
        self._marksman = marksman
        self._life: Life | None = None
        self._intents: dict[str, tuple[Life, int]] = {}
        self._sent: set[str] = set()
        self._worst = {1: 0, -1: 0}
        self._to_cancel: set[str] = set()
        self._cancelled: set[str] = set()
        self._stopped_seq = 0
        self._wrongly_ended: set[str] = set()
        self._sight = Sight(world, self.violated)
        self._door = Door(world, self.violated)
        self.excuses = Excuses(world)
        """Why nothing need be quoted; told of every act of the operator."""
        self.violations: list[str] = []
        """Promises that were not kept: which, when, and on what order."""
        self.commands = 0
        self.events = 0
        self.flattened = 0
        """Exits that were acknowledged."""
        self._held_for_true: dict[str, int] = {}
        """The position by which an order was decided on, lots by client id."""
        self.met: Counter[tuple[str, str]] = Counter()
        """How often each fault met an order of ours in each state."""
        world.desk.arrived = self._arrived
        world.desk.carried_out = self._carried_out
        world.gate.struck = self._struck
        world.gate.may = self._may_strike

    def watch(self, life: Life) -> None:
        """Follow a new life of the runner; its predecessor's journal must hold every intent that was sent."""
        self._check_journalled()
        if self._life is not None and self._life.writer.durable_seq < self._stopped_seq:
            self._stopped_seq = 0  # the STOP died with the process, before anybody was told that it holds
        self._stopped_seq = min(self._stopped_seq, 1)
        self._life = life
        self._door.begin()
        self._to_cancel.clear()
        self._cancelled.clear()
        self._sight.begin()
        submit = life.outbox.submit

        def noted(seq: int, command: AnyCommand, heard_ns: int) -> None:
            if isinstance(command, PlaceOrder):
                self._intents[command.client_id] = (life, seq)
            submit(seq, command, heard_ns)

        life.session.submit = noted
        life.session.answered = self._answered
        life.session.observe = self._observe

    def _observe(
        self, event: AnyEvent, commands: tuple[AnyCommand, ...], heard_ns: int, decided_ns: int
    ) -> None:
        self.events += 1
        desk = self._now.kernel.desk
        self._sight.hear(desk, event)
        if isinstance(event, OperatorAction) and event.action in {"stop", "resume"}:
            self._stopped_seq = self._now.session.seq if event.action == "stop" else 0
        if isinstance(event, TimerFired | Fill):
            self.excuses.look()
        if isinstance(event, TimerFired):
            self._check_ended()
        elif isinstance(event, StopRequested):
            self._to_cancel = set(self._open()) - self._cancelled
        for command in commands:
            if isinstance(command, PlaceOrder | AmendOrder | CancelOrder):
                self.commands += 1
            if isinstance(command, CancelOrder):
                self._to_cancel.discard(command.client_id)
                self._cancelled.add(command.client_id)
            if isinstance(command, PlaceOrder | AmendOrder):
                self._sight.judge(desk, command)
                self._held_for_true[command.client_id] = desk.ledger.lots(command.key)
            if isinstance(command, PlaceOrder) and self._stopped_seq and not command.reduce_only:
                self.violated(f"{command.client_id}: an order that adds risk after STOP")
        if commands and (live := desk.orders.live_count) > MOST_LIVE:
            self.violated(f"{live} orders are under way: the bound is {MOST_LIVE}")

    def _check_ended(self) -> None:
        """An order that the engine takes for ended has ended at the exchange before: it learns of nothing earlier."""
        orders = self._now.kernel.desk.orders
        for client_id in self._open():
            order = orders.get(client_id)
            if order is not None and not order.live and client_id not in self._wrongly_ended:
                self._wrongly_ended.add(client_id)
                self.violated(f"{client_id}: {order.state} for the engine, and open at the exchange")

    def _answered(self, answer: OperatorAnswer) -> None:
        """What is said to be flat is flat at the exchange, at that very moment, and no order of ours is left."""
        if not answer.done or answer.request.split()[0] not in {"flatten", "close"}:
            return
        self.flattened += 1
        (position,) = self._world.exchange.positions(ACCOUNT, self._world.symbol)
        orders = self._open()
        if position.lots or orders:
            self.violated(f"{answer.text!r}, and there are {position.lots} lots and {len(orders)} orders")

    def violated(self, text: str) -> None:
        """Take note of a promise that was not kept."""
        self.violations.append(f"{self._world.elapsed_s:.3f} s: {text}")

    @property
    def _now(self) -> Life:
        if self._life is None:
            raise LookupError("no life is watched yet")
        return self._life

    def _struck(self, fault: Fault, on: str) -> None:
        """Count the states that a fault meets."""
        self._door.struck(fault)
        self.excuses.struck(fault)
        for state in self._states(on):
            self.met[fault.kind, state] += 1

    def _may_strike(self, fault: Fault, on: str) -> bool:
        return self._marksman.may(fault, self._states(on), self._world.elapsed_s)

    def _states(self, on: str) -> set[OrderState]:
        """What a fault meets here: the state of the order that its call names, else those of every live one."""
        if self._life is None:
            return set()
        orders = self._life.kernel.desk.orders
        named = orders.get(on)
        return {named.state} if named is not None else {order.state for order in orders.live()}

    # ---- At the exchange's door

    def _arrived(self, verb: str, path: str, params: Mapping[str, str]) -> None:
        self._door.knocked(verb, path)
        if path != "/fapi/v1/order" or verb == "GET":
            return
        client_id = named_order(params)
        if not client_id.startswith(account_prefix("main")):
            self.violated(f"{verb} {client_id}: an order that is not ours was touched")
        if verb == "DELETE":
            return
        mark, price = self._world.exchange.mark(self._world.symbol), params.get("price", "")
        if mark is not None and price and abs(Decimal(price) / mark.mark - 1) > FAR_OFF:
            self.violated(f"{verb} {client_id}: at {price} while the mark is {mark.mark:.2f}")
        self._worst = self._exposure(client_id)
        if verb == "PUT":
            return
        life, seq = self._intents.get(client_id, (None, 0))
        if life is None:
            self.violated(f"{client_id}: reached the exchange without an intent")
        elif life.writer.durable_seq < seq:
            self.violated(f"{client_id}: reached the exchange before its intent was durable")
        if client_id in self._sent:
            self.violated(f"{client_id}: one intent was sent twice")
        self._sent.add(client_id)

    def _carried_out(self, verb: str, path: str, params: Mapping[str, str]) -> None:
        if path != "/fapi/v1/order" or verb not in {"POST", "PUT"}:
            return
        limit = Decimal(str(self._now.config.limits.max_position_notional))
        mark = self._world.exchange.mark(self._world.symbol)
        terms = self._world.exchange.instruments()[self._world.symbol]
        for side, worst in self._exposure(named_order(params)).items():
            if mark is None or worst <= self._worst[side]:
                continue
            value = terms.notional(mark.mark, worst)
            if value > limit * SLACK:
                self.violated(
                    f"{dict(params)}: worst case {worst} lots of side {side:+d} is worth {value:.2f}, "
                    f"beyond max_position_notional = {limit}"
                )

    def _exposure(self, client_id: str) -> dict[int, int]:
        """Lots that the account would hold on each side if everything of ours that is open there filled.

        Right after the venue has closed a position by itself, what counts is what the engine held for true when it
        decided on this order: the word may have been lost.
        """
        lots = self._world.exchange.lots(ACCOUNT, self._world.symbol)
        if self.excuses.may_not_know:
            lots = self._held_for_true.get(client_id, lots)
        worst = {1: lots, -1: -lots}
        for side, left in self._open().values():
            worst[side] += left
        return worst

    def _open(self) -> dict[str, tuple[int, int]]:
        """Our open orders at the exchange: side and what remains, by client id."""
        return {
            order.client_id: (order.side, order.remaining)
            for order in self._world.exchange.open_orders(ACCOUNT, self._world.symbol)
            if order.client_id.startswith(account_prefix("main"))
        }

    # ---- Between two lives

    def _check_journalled(self) -> None:
        """Every order that the exchange ever saw of the last life stands in its journal."""
        if self._life is None:
            return
        ours = {
            name for name, (owner, _) in self._intents.items() if owner is self._life and name in self._sent
        }
        written = {
            command.client_id
            for _, _, command in SessionReader(self._life.journal).commands()
            if isinstance(command, PlaceOrder)
        }
        lost = sorted(ours - written)
        if lost:
            self.violated(f"{', '.join(lost)}: sent, and lost from the journal in the crash")

    # ---- At rest

    def check_quoting(self, life: Life) -> None:
        """Faults are over for long: both streams are alive, and the desk does what it is there for."""
        desk = life.kernel.desk
        self._sight.check_streams()
        for market in desk.markets.values():
            lawful = self.excuses.holds(desk, market.obstacle) or self._sight.still(market.obstacle)
            if market.obstacle and not lawful:
                self.violated(f"at rest nothing is quoted: {market.obstacle}")

    def check_rest(self, life: Life) -> None:
        """Faults are over and everything has been heard: engine and exchange must agree to the last lot."""
        desk, exchange, symbol = life.kernel.desk, self._world.exchange, self._world.symbol
        if desk.phase is not Phase.RUNNING:
            self.violated(f"at rest the session is {desk.phase}, not running")
        stated = {name: left for name, (_, left) in self._open().items()}
        known = {order.client_id: order.remaining for order in desk.orders.live()}
        if stated != known:
            self.violated(f"at rest the exchange has orders {stated}, the engine {known}")
        held, lots = exchange.lots(ACCOUNT, symbol), desk.ledger.lots(InstrumentKey(VENUE, symbol))
        if held != lots:
            self.violated(f"at rest the exchange states {held} lots, the ledger {lots}")
        if self.excuses.wants_out and held:
            self.violated(f"at rest the exchange states {held} lots, and somebody wanted out of them")
        overdue = self.excuses.overdue(desk)
        if overdue:
            self.violated(f"at rest: {overdue}")
        if refusals := self._world.desk.limiter.refusals:
            self.violated(f"the venue had to refuse {refusals} requests that were too many")
        if desk.differences:
            self.violated(f"{desk.differences} differences were found that nothing explains")

    def check_stop(self, life: Life) -> None:
        """A session that says that it has proven its end has left nothing open, whatever went wrong meanwhile."""
        ended = life.session.ended
        left = sorted(self._open())
        forgotten = sorted(self._to_cancel & set(left))
        if forgotten:
            self.violated(f"asked to stop, and these were never cancelled: {forgotten}")
        if ended is not None and ended.exit_code == 0 and not ended.left_open and left:
            self.violated(f"open at the exchange after a proven end: {left}")

    def check_end(self, life: Life) -> None:
        """The session has ended: nothing is left open, the books agree, the journal replays to the same state."""
        ended = life.session.ended
        by_risk = self.excuses.holds(life.kernel.desk, f"STOP: {life.kernel.desk.halted}")
        lawful = {0, STOPPED_BY_RISK} if by_risk else {0}
        if ended is None or ended.exit_code not in lawful or ended.left_open:
            self.violated(f"the session ended as {ended}")
        self.check_stop(life)
        summary = life.kernel.summary()
        if summary.differences or summary.unknown_orders:
            self.violated(
                f"{summary.differences} differences, {summary.unknown_orders} unknown orders at the end"
            )
        pnl, stated = summary.pnl, summary.equity_change_at_venue
        if pnl is None or stated is None or abs(pnl - stated) > SAME_MONEY:
            self.violated(f"P&L {pnl}, equity change at the venue {stated}")
        trades = [
            execution.trade_id for execution in self._world.exchange.trades(ACCOUNT, self._world.symbol)
        ]
        if len(trades) != len(set(trades)):
            self.violated("the exchange itself shows a trade twice")
        replay = replay_session(life.journal)
        if not replay.identical or replay.kernel.state_hash() != life.kernel.state_hash():
            self.violated(f"the journal replays otherwise: {replay.difference or 'another state'}")
