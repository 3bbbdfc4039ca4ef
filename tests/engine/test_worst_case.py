"""Orders and ledger against a venue whose messages are late, lost and repeated.

Positions are exact all the while, and exposure is never below the worst case.
"""

from decimal import Decimal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.engine.scripted_venue import instrument
from titan.engine.ledger import Ledger
from titan.engine.orders import OrderManager
from titan.engine.router import STEADY
from titan.model.events import CommandOutcome, Fill, OrderAbsent, OrderUpdate
from titan.model.orders import Lifetime, Order, OrderState

WINDOW = 50  # a request is refused by the venue when it is older than this
PROOF = 70
TERMS = instrument()


class Truth(msgspec.Struct):
    """An order at the venue, or on its way there."""

    client_id: str
    side: int
    size: int
    sent: int
    venue_id: str = ""
    filled: int = 0
    price: int = 100
    state: str = "on its way"
    changed: int = 0
    amend: tuple[int, int, int] | None = None  # price, size, when it was sent
    cancel_sent: int = 0

    @property
    def standing(self):
        return self.state in {"open", "partially_filled"}


def amendable(machine, t):
    return machine.order_of(t).state in STEADY and machine.order_of(t).ends_as is None


def cancellable(machine, t):
    return machine.order_of(t).live and machine.order_of(t).state != OrderState.PENDING_CANCEL


def live(machine, t):
    return machine.order_of(t).live


def on_its_way(machine, t):
    return t.state == "on its way" and machine.in_time(t.sent)


def amend_coming(machine, t):
    return t.amend is not None and machine.in_time(t.amend[2])


def cancel_coming(machine, t):
    return t.cancel_sent and t.state != "on its way" and machine.in_time(t.cancel_sent)


def standing(machine, t):
    return t.standing


class LateVenue(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now = 100
        self.orders = OrderManager()
        self.ledger = Ledger(5)
        self.ledger.learn(TERMS)
        self.ledger.open_session("v", {TERMS.key: Decimal(10)}, 1, 0)
        self.truths: dict[str, Truth] = {}
        self.mail: list = []  # what the venue has said and what may arrive now, later, twice or never
        self.executions: list[Fill] = []
        self.seen: dict[str, int] = {}

    @initialize(size=st.integers(4, 9))
    def two_orders_stand(self, size):
        for side in (1, -1):
            self.place(side, size)
            self.arrive(self.truths[f"o{len(self.truths) - 1}"])
            self.hear(True)

    def matching(self, condition):
        return [truth for truth in self.truths.values() if condition(self, truth)]

    def order_of(self, truth):
        return self.orders.get(truth.client_id)

    # ---- What we do --------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.truths) < 4)
    @rule(side=st.sampled_from([1, -1]), size=st.integers(1, 9))
    def place(self, side, size):
        client_id = f"o{len(self.truths)}"
        self.orders.add(
            Order(
                venue="v", symbol=TERMS.symbol, client_id=client_id, strategy="as", side=side, price=100, size=size,
                lifetime=Lifetime.POST_ONLY, reduce_only=False, state=OrderState.INTENT, created_ns=self.now,
                changed_ns=self.now, asked_ns=self.now,
            )
        )  # fmt: skip
        self.truths[client_id] = Truth(client_id, side, size, self.now)

    @precondition(lambda self: self.matching(amendable))
    @rule(data=st.data(), price=st.integers(99, 101), size=st.integers(1, 9))
    def amend(self, data, price, size):
        truth = data.draw(st.sampled_from(self.matching(amendable)))
        order = self.order_of(truth)
        self.orders.begin_amend(order, price, order.filled + size, self.now)
        truth.amend = (price, order.filled + size, self.now)

    @precondition(lambda self: self.matching(cancellable))
    @rule(data=st.data())
    def cancel(self, data):
        truth = data.draw(st.sampled_from(self.matching(cancellable)))
        self.orders.begin_cancel(self.order_of(truth), self.now)
        truth.cancel_sent = self.now

    @precondition(lambda self: self.matching(live))
    @rule(data=st.data(), prompt=st.booleans())
    def query(self, data, prompt):
        truth = data.draw(st.sampled_from(self.matching(live)))
        self.order_of(truth).queried_ns = self.now
        if truth.venue_id:
            self.mail.append(self.word(truth, "query"))
        else:
            self.mail.append(
                OrderAbsent(
                    time_ns=self.now,
                    venue="v",
                    symbol=TERMS.symbol,
                    venue_ns=self.now,
                    client_id=truth.client_id,
                )
            )
        self.hear(prompt)

    @rule(nameless=st.booleans())
    def read_fills(self, nameless):
        unproven = any(not order.venue_id for order in self.orders.live())
        for fill in self.executions:
            self.receive(msgspec.structs.replace(fill, client_id="") if nameless and not unproven else fill)
        for order in self.orders.live():
            order.fills_read = True

    # ---- What happens to it ------------------------------------------------------------------------------

    @rule(by=st.integers(1, 40))
    def time_passes(self, by):
        self.now += by

    def in_time(self, sent):
        return self.now - sent <= WINDOW

    @precondition(lambda self: self.matching(on_its_way))
    @rule(data=st.data(), refused=st.booleans(), prompt=st.booleans())
    def a_place_arrives(self, data, refused, prompt):
        truth = data.draw(st.sampled_from(self.matching(on_its_way)))
        if refused:
            truth.state = "refused"
            self.mail.append(self.outcome(truth, "place", "rejected"))
            return
        self.arrive(truth)
        self.hear(prompt)

    def arrive(self, truth):
        truth.state, truth.venue_id, truth.changed = "open", f"n{truth.client_id}", self.now
        self.mail.append(self.word(truth, "answer"))

    @precondition(lambda self: self.matching(amend_coming))
    @rule(data=st.data(), refused=st.booleans())
    def an_amend_arrives(self, data, refused):
        truth = data.draw(st.sampled_from(self.matching(amend_coming)))
        (price, size, _), truth.amend = truth.amend, None
        if refused or not truth.standing or size <= truth.filled:
            self.mail.append(self.outcome(truth, "amend", "rejected"))
            return
        truth.price, truth.size, truth.changed = price, size, self.now
        self.mail.append(self.word(truth, "answer"))

    @precondition(lambda self: self.matching(cancel_coming))
    @rule(data=st.data())
    def a_cancel_arrives(self, data):
        truth = data.draw(st.sampled_from(self.matching(cancel_coming)))
        truth.cancel_sent = 0
        if not truth.standing:
            self.mail.append(self.outcome(truth, "cancel", "rejected"))
            return
        truth.state, truth.changed = "cancelled", self.now
        self.mail.append(self.word(truth, "answer"))

    @precondition(lambda self: self.matching(standing))
    @rule(data=st.data(), lots=st.integers(1, 5))
    def an_order_fills(self, data, lots):
        truth = data.draw(st.sampled_from(self.matching(standing)))
        lots = min(lots, truth.size - truth.filled)
        truth.filled += lots
        truth.changed = self.now
        truth.state = "filled" if truth.filled == truth.size else "partially_filled"
        fill = Fill(
            time_ns=self.now, venue="v", symbol=TERMS.symbol, venue_ns=self.now, client_id=truth.client_id,
            venue_id=truth.venue_id, trade_id=str(len(self.executions)), side=truth.side, price=truth.price, size=lots,
            maker=True, fee=Decimal(0), fee_asset="USDT", realized=Decimal(0), source="stream",
        )  # fmt: skip
        self.executions.append(fill)
        self.mail += [self.word(truth, "stream"), fill]

    def word(self, truth, source):
        return OrderUpdate(
            time_ns=self.now, venue="v", symbol=TERMS.symbol, venue_ns=truth.changed, client_id=truth.client_id,
            venue_id=truth.venue_id, state=truth.state, side=truth.side, price=truth.price, size=truth.size,
            filled=truth.filled, reduce_only=False, source=source,
        )  # fmt: skip

    def outcome(self, truth, action, result):
        return CommandOutcome(
            time_ns=self.now, venue="v", symbol=TERMS.symbol, action=action, client_id=truth.client_id, outcome=result,
            code="", message="",
        )  # fmt: skip

    # ---- What we hear of it ------------------------------------------------------------------------------

    @precondition(lambda self: self.mail)
    @rule(data=st.data(), again=st.booleans())
    def a_message_arrives(self, data, again):
        place = data.draw(st.integers(0, len(self.mail) - 1))
        message = self.mail[place] if again else self.mail.pop(place)
        if isinstance(message, CommandOutcome) and again:
            del self.mail[place]  # an answer to a request comes once
        self.receive(message)

    @precondition(lambda self: self.mail)
    @rule(data=st.data())
    def a_message_is_lost(self, data):
        del self.mail[data.draw(st.integers(0, len(self.mail) - 1))]

    @precondition(lambda self: self.matching(live))
    @rule(data=st.data(), action=st.sampled_from(["place", "amend", "cancel"]))
    def nothing_is_heard(self, data, action):
        truth = data.draw(st.sampled_from(self.matching(live)))
        self.receive(self.outcome(truth, action, "unknown"))

    def hear(self, prompt):
        """Often the newest message is heard at once."""
        if prompt:
            self.receive(self.mail.pop())

    def receive(self, message):
        match message:
            case OrderUpdate():
                self.orders.apply_update(message, PROOF)
            case CommandOutcome():
                self.orders.apply_outcome(message)
            case OrderAbsent():
                order = self.orders.apply_absence(message, PROOF)
                if order.live and order.absences >= 2 and order.fills_read:
                    self.orders.conclude_absent(order, self.now)
            case Fill() if self.orders.apply_fill(message):
                self.ledger.book_fill("as", message, self.now)
                self.seen[message.trade_id] = message.side * message.size

    # ---- What must hold ----------------------------------------------------------------------------------

    @invariant()
    def the_position_is_the_sum_of_the_executions_heard_of(self):
        assert self.ledger.lots(TERMS.key) == sum(self.seen.values())

    @invariant()
    def exposure_is_never_below_the_true_worst_case(self):
        true_position = sum(f.side * f.size for f in self.executions)
        for side in (1, -1):
            to_come = sum(self.may_fill(t) for t in self.truths.values() if t.side == side)
            counted = side * self.ledger.lots(TERMS.key) + self.orders.open_lots(TERMS.key, side)
            others = sum(f.size for f in self.executions if f.side != side and f.trade_id not in self.seen)
            assert counted >= side * true_position + to_come + others

    def may_fill(self, truth):
        """Lots that may still be executed, by all that is on its way to the venue."""
        if truth.state == "on its way":
            return truth.size if self.in_time(truth.sent) else 0
        if not truth.standing:
            return 0
        coming = truth.amend[1] if truth.amend and self.in_time(truth.amend[2]) else 0
        return max(truth.size, coming) - truth.filled

    @invariant()
    def a_restored_manager_is_the_same(self):
        again = OrderManager()
        again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(self.orders.snapshot())))
        assert again.snapshot() == self.orders.snapshot()


TestLateVenue = LateVenue.TestCase
TestLateVenue.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
