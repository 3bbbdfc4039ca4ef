"""Orders and ledger against a model of plain numbers, whatever is told, late, twice or never, and across restarts.

The venue here tells its news in order; `test_worst_case` has one that does not.
"""

from decimal import Decimal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.engine.test_ledger import BTC, DOLLAR, income
from titan.engine.ledger import Ledger
from titan.engine.orders import OrderManager
from titan.model.events import CommandOutcome, Fill, OrderAbsent, OrderUpdate
from titan.model.orders import Lifetime, Order, OrderState

PROOF = 100
FEE = Decimal("0.1")  # a lot
STEADY = ("open", "partially_filled")
ENDED = ("filled", "cancelled", "rejected")


def again(made, kept):
    """The same, from its snapshot."""
    made.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(kept.snapshot())))
    return made


class PlainNumbers(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now = 1_000
        self.orders, self.ledger = OrderManager(), Ledger(5)
        self.ledger.learn(BTC)
        self.ledger.open_session("v", {BTC.key: Decimal(100)}, self.now, 0)
        # The model. Of each order what we should believe: its state, its size, the size it is amended to, the lots
        # that the venue has told as filled, those whose executions were told; and what is so at the venue.
        self.model: dict[str, dict] = {}
        self.account = {"mid": 100, "realised": 0, "fees": Decimal(0), "funding": 0, "transfers": 0}
        self.entries: list[int] = []  # the price of each lot held, oldest first
        self.held = {"a": 0, "b": 0}
        self.late: list[Fill] = []  # executions that nobody has told yet
        self.told: list[Fill] = []
        self.incomes = 0

    @property
    def position(self):
        return sum(self.held.values())

    def which(self, data, *, states=(), venue=()):
        """Any order of which this is believed, and this is true at the venue."""
        names = [
            name
            for name, it in self.model.items()
            if (not states or it["state"] in states) and (not venue or it["venue"] in venue)
        ]
        return data.draw(st.sampled_from(names)) if names else None

    def moment(self):
        self.now += 10
        return self.now

    # ---- What we ask for ---------------------------------------------------------------------------------

    @initialize(data=st.data())
    def an_order_stands(self, data):
        self.place("a", 1, 5, 100)
        self.acknowledge(data)

    @precondition(lambda self: len(self.model) < 8)
    @rule(
        strategy=st.sampled_from("ab"),
        side=st.sampled_from([1, -1]),
        size=st.integers(1, 9),
        price=st.integers(95, 105),
    )
    def place(self, strategy, side, size, price):
        name, now = f"o{len(self.model)}", self.moment()
        self.orders.add(
            Order(
                venue="v", symbol=BTC.symbol, client_id=name, strategy=strategy, side=side, price=price, size=size,
                lifetime=Lifetime.POST_ONLY, reduce_only=False, state=OrderState.INTENT, created_ns=now, changed_ns=now,
                asked_ns=now,
            )
        )  # fmt: skip
        self.model[name] = {
            "strategy": strategy, "side": side, "price": price, "size": size, "amended to": 0, "state": "intent",
            "filled": 0, "told": 0, "ends": "", "venue": "on its way", "its size": size, "its filled": 0,
        }  # fmt: skip

    @rule(data=st.data(), size=st.integers(1, 9))
    def amend(self, data, size):
        if name := self.which(data, states=STEADY):
            it = self.model[name]
            if not it["ends"]:
                self.orders.begin_amend(
                    self.orders.get(name), it["price"], it["filled"] + size, self.moment()
                )
                it |= {"amended to": it["filled"] + size, "state": "pending_amend"}

    @rule(data=st.data())
    def cancel(self, data):
        if name := self.which(data, states=("intent", *STEADY, "pending_amend", "unknown")):
            it = self.model[name]
            if not it["ends"]:
                self.orders.begin_cancel(self.orders.get(name), self.moment())
                it["state"] = "pending_cancel"

    # ---- How the venue answers ---------------------------------------------------------------------------

    @rule(data=st.data())
    def acknowledge(self, data):
        if name := self.which(data, venue=("on its way",)):
            self.model[name]["venue"] = "standing"
            self.word(name, "open", "answer")

    @rule(data=st.data())
    def refuse_the_place(self, data):
        if name := self.which(data, states=("intent", "pending_cancel", "unknown"), venue=("on its way",)):
            self.outcome(name, "place", "rejected")
            self.model[name] |= {"venue": "ended", "state": "rejected"}

    @rule(data=st.data(), refused=st.booleans())
    def answer_the_amend(self, data, refused):
        if name := self.which(data, states=("pending_amend",), venue=("standing",)):
            it = self.model[name]
            if refused or it["amended to"] <= it["its filled"]:
                self.outcome(name, "amend", "rejected")
                it |= {"amended to": 0, "state": "partially_filled" if it["told"] else "open"}
            else:
                it["its size"] = it["amended to"]
                self.word(name, "partially_filled" if it["its filled"] else "open", "answer")

    @rule(data=st.data())
    def confirm_the_cancel(self, data):
        if name := self.which(data, states=("pending_cancel",), venue=("standing",)):
            self.model[name]["venue"] = "ended"
            self.word(name, "cancelled", "answer")

    @rule(data=st.data())
    def refuse_the_cancel(self, data):
        if name := self.which(data, states=("pending_cancel",), venue=("standing",)):
            self.outcome(name, "cancel", "rejected")
            self.model[name]["state"] = "unknown"

    @rule(data=st.data(), arrived=st.booleans())
    def silence(self, data, arrived):
        """A request without an answer; it may have been carried out."""
        if name := self.which(data, states=("intent", "pending_amend", "pending_cancel")):
            it = self.model[name]
            action = {"intent": "place", "pending_amend": "amend", "pending_cancel": "cancel"}[it["state"]]
            if (
                arrived
                and action == "amend"
                and it["amended to"] > it["its filled"]
                and it["venue"] == "standing"
            ):
                it["its size"] = it["amended to"]
            self.outcome(name, action, "unknown")
            it["state"] = "unknown"

    @rule(data=st.data())
    def answer_a_query(self, data):
        """Asked so late that nothing can be on its way any more: what the venue says holds."""
        if name := self.which(data, venue=("standing",)):
            it, self.now = self.model[name], self.now + 2 * PROOF
            if it["state"] not in STEADY:
                self.orders.doubt(self.orders.get(name), self.now)
                it["state"] = "unknown"
            self.orders.get(name).queried_ns = self.now
            self.word(name, "partially_filled" if it["its filled"] else "open", "query")

    @rule(data=st.data())
    def say_twice_that_there_is_no_such_order(self, data):
        if name := self.which(data, states=("intent", "unknown", "pending_cancel"), venue=("on its way",)):
            order = self.orders.get(name)
            for _ in range(2):
                self.now += 2 * PROOF
                absent = OrderAbsent(
                    time_ns=self.now, venue="v", symbol=BTC.symbol, venue_ns=self.now, client_id=name
                )
                self.orders.apply_absence(absent, PROOF)
                assert order.state == "unknown", "once is no proof"
                order.fills_read = True
            self.orders.conclude_absent(order, self.now)
            self.model[name] |= {"venue": "ended", "state": "rejected"}

    def word(self, name, state, source):
        """The venue's word, and what should be believed after it."""
        it, order = self.model[name], self.orders.get(name)
        update = OrderUpdate(
            time_ns=self.moment(), venue="v", symbol=BTC.symbol, venue_ns=self.now, client_id=name,
            venue_id=f"n{name}", state=state, side=it["side"], price=it["price"], size=it["its size"],
            filled=it["its filled"], reduce_only=False, source=source,
        )  # fmt: skip
        assert self.orders.apply_update(update, PROOF) is order
        if it["state"] in ENDED:
            return
        it["told"] = it["its filled"]
        if state in ENDED:
            it["ends"] = state
            self.end_if_complete(it)
        if it["ends"]:
            return
        it["size"] = it["its size"]
        confirmed = it["amended to"] == it["its size"]
        if it["state"] == "pending_cancel" and source != "query":
            return
        if it["amended to"] and not confirmed and source == "stream":
            return
        it |= {"amended to": 0, "state": "partially_filled" if it["told"] else "open"}

    def outcome(self, name, action, result):
        self.orders.apply_outcome(
            CommandOutcome(
                time_ns=self.moment(), venue="v", symbol=BTC.symbol, action=action, client_id=name, outcome=result,
                code="", message="",
            )
        )  # fmt: skip

    def end_if_complete(self, it):
        if it["ends"] and it["filled"] >= it["told"]:
            full = it["ends"] == "filled" or it["filled"] >= it["size"]
            it |= {"state": "filled" if full else "cancelled", "amended to": 0}

    # ---- Executions --------------------------------------------------------------------------------------

    @rule(data=st.data(), lots=st.integers(1, 9), announced=st.booleans())
    def an_execution_happens(self, data, lots, announced):
        """At the venue; the stream may tell that the order filled before the execution itself is told."""
        if name := self.which(data, venue=("standing", "on its way")):
            it = self.model[name]
            lots = min(lots, it["its size"] - it["its filled"])
            it["its filled"] += lots
            full = it["its filled"] == it["its size"]
            it["venue"] = "ended" if full else "standing"
            self.late.append(self.execution(name, lots))
            if announced:
                self.word(name, "filled" if full else "partially_filled", "stream")

    def execution(self, name, lots):
        it = self.model[name]
        return Fill(
            time_ns=self.now, venue="v", symbol=BTC.symbol, venue_ns=self.now, client_id=name, venue_id=f"n{name}",
            trade_id=str(len(self.late) + len(self.told)), side=it["side"], price=it["price"], size=lots, maker=True,
            fee=FEE * lots, fee_asset="USDT", realized=Decimal(0), source="stream",
        )  # fmt: skip

    @precondition(lambda self: self.late)
    @rule(data=st.data(), nameless=st.booleans())
    def an_execution_is_told(self, data, nameless):
        """In any order, and whatever is believed of its order: it may have ended long ago."""
        fill = self.late.pop(data.draw(st.integers(0, len(self.late) - 1)))
        it = self.model[fill.client_id]
        before = self.account["realised"]
        for _ in range(fill.size):
            if self.position * fill.side < 0:
                self.account["realised"] += (self.entries.pop(0) - fill.price) * fill.side
            else:
                self.entries.append(fill.price)
            self.held[it["strategy"]] += fill.side
        self.account["fees"] += fill.fee
        fill = msgspec.structs.replace(fill, realized=Decimal(self.account["realised"] - before))
        self.told.append(fill)
        known = self.orders.get(fill.client_id).venue_id
        heard = msgspec.structs.replace(fill, client_id="") if nameless and known else fill
        assert self.orders.apply_fill(heard)
        assert self.ledger.book_fill(it["strategy"], fill, self.moment())
        it["filled"] += fill.size
        it["told"] = max(it["told"], it["filled"])
        if it["state"] in ENDED:
            return
        if it["filled"] >= max(it["size"], it["amended to"]):
            it["ends"] = "filled"
        if it["ends"]:
            self.end_if_complete(it)
        elif it["state"] in ("intent", "open"):
            it["state"] = "partially_filled"

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def an_execution_is_told_again(self, data):
        fill = data.draw(st.sampled_from(self.told))
        assert self.orders.knows(fill)
        assert not self.orders.apply_fill(fill)

    @rule(data=st.data(), lots=st.integers(1, 3))
    def an_ended_order_has_filled_after_all(self, data, lots):
        if name := self.which(data, states=("cancelled", "rejected")):
            self.late.append(self.execution(name, lots))

    # ---- The market, funding, restarts -------------------------------------------------------------------

    @rule(mid=st.integers(90, 110))
    def the_mid_moves(self, mid):
        self.account["mid"] = mid
        self.ledger.note_mid(BTC.key, self.moment(), Decimal(mid))

    @rule(amount=st.integers(-5, 5), twice=st.booleans())
    def funding_is_settled(self, amount, twice):
        """To those who hold; nobody's result, and only the wallet's, where nothing is held in sum."""
        self.incomes += 1
        told = income(self.incomes, amount, venue_ns=self.moment())
        assert self.ledger.book_income(told)
        self.account["funding" if self.position else "transfers"] += amount
        if twice:
            assert not self.ledger.book_income(told)

    @rule()
    def a_restart(self):
        self.orders, self.ledger = again(OrderManager(), self.orders), again(Ledger(5), self.ledger)

    # ---- What must agree ---------------------------------------------------------------------------------

    @invariant()
    def orders_stand_as_the_model_says(self):
        believed = {
            name: (it["state"], it["size"], it["filled"], it["told"]) for name, it in self.model.items()
        }
        orders = {name: self.orders.get(name) for name in self.model}
        assert {n: (o.state, o.size, o.filled, o.venue_filled) for n, o in orders.items()} == believed

    @invariant()
    def what_may_still_fill_is_counted_at_its_worst(self):
        living = {name: it for name, it in self.model.items() if it["state"] not in ENDED}
        assert [order.client_id for order in self.orders.live()] == list(living)
        assert self.orders.live_count == len(living)
        for side in (1, -1):
            worst = sum(
                max((it["told"] if it["ends"] else max(it["size"], it["amended to"])) - it["filled"], 0)
                for it in living.values()
                if it["side"] == side
            )
            assert self.orders.open_lots(BTC.key, side) == worst

    @invariant()
    def positions_and_money_add_up(self):
        account, sign = self.account, 1 if self.position > 0 else -1
        assert abs(self.position) == len(self.entries)
        assert self.ledger.lots(BTC.key) == self.position
        assert {strategy: self.ledger.strategy_lots(BTC.key, strategy) for strategy in "ab"} == self.held
        parts = self.ledger.parts(DOLLAR)
        open_profit = sum((account["mid"] - entry) * sign for entry in self.entries)
        assert parts.fees == account["fees"]
        assert parts.funding == account["funding"]
        assert parts.total == account["realised"] + open_profit - account["fees"] + account["funding"]
        wallet = account["realised"] - account["fees"] + account["funding"] + account["transfers"]
        assert self.ledger.wallet_changes("v").get("USDT", 0) == wallet


TestPlainNumbers = PlainNumbers.TestCase
TestPlainNumbers.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
