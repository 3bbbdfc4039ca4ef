"""The matching book against a naive one: a list of orders, sorted anew at each step."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from tests.matching.builders import START, request
from titan.matching.book import Match, MatchingBook, SelfMatch
from titan.matching.orders import LiveOrder
from titan.matching.types import OrderKind, SelfTrade, Status
from titan.model.orders import BUY, SELL, Lifetime


@dataclass
class Naive:
    """One resting order of the reference."""

    number: int
    place: int
    account: str
    side: int
    price: int
    left: int


class Reference:
    """Price-time priority with nothing but a list."""

    def __init__(self) -> None:
        self.resting: list[Naive] = []
        self.places = 0

    def opposite(self, side: int) -> list[Naive]:
        found = [order for order in self.resting if order.side == -side]
        return sorted(found, key=lambda order: (side * order.price, order.place))

    def take(self, account: str, side: int, price: int | None, left: int, mode: SelfTrade):
        """Returns the matches, what is left, and whether the taker ended."""
        matches = []
        for maker in self.opposite(side):
            if left == 0 or (price is not None and side * (price - maker.price) < 0):
                break
            if maker.account == account:
                if mode is not SelfTrade.EXPIRE_TAKER:
                    self.resting.remove(maker)
                if mode is not SelfTrade.EXPIRE_MAKER:
                    return matches, left, True
                continue
            size = min(left, maker.left)
            matches.append((maker.number, maker.price, size))
            left -= size
            maker.left -= size
            if maker.left == 0:
                self.resting.remove(maker)
        return matches, left, False

    def rest(self, number: int, account: str, side: int, price: int, left: int) -> None:
        self.places += 1
        self.resting.append(Naive(number, self.places, account, side, price, left))

    def levels(self, side: int) -> tuple[tuple[int, int], ...]:
        sizes: dict[int, int] = {}
        for order in self.resting:
            if order.side == side:
                sizes[order.price] = sizes.get(order.price, 0) + order.left
        return tuple(sorted(sizes.items(), key=lambda level: -side * level[0]))


accounts = st.sampled_from(["a", "b", "c"])
sides = st.sampled_from([BUY, SELL])
prices = st.integers(95, 105)
sizes = st.integers(1, 20)
modes = st.sampled_from(list(SelfTrade))


class BookMachine(RuleBasedStateMachine):
    """Submit, cancel, shrink; book and reference must agree on every match and every level."""

    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.book = MatchingBook()
        self.reference = Reference()
        self.known: dict[tuple[int, int], int] = {}
        self.count = 0

    def make(self, account, side, price, size, mode, kind=OrderKind.LIMIT) -> LiveOrder:
        self.count += 1
        asked = request(side, price, size, Lifetime.GTC, kind=kind, self_trade=mode)
        return LiveOrder(self.count, account, asked, f"{self.count}", price, size, START, START)

    def end(self, order: LiveOrder) -> None:
        if order.resting:
            self.book.remove(order)
            order.resting = False
        order.ended = Status.EXPIRED

    def work(self, order: LiveOrder) -> list[tuple[int, int, int]]:
        matches = []
        fillable = self.book.fillable(order)
        for step in self.book.take(order):
            if isinstance(step, Match):
                assert step.maker is not None
                assert step.maker.account != order.account
                if step.maker.remaining == 0:
                    step.maker.resting, step.maker.ended = False, Status.FILLED
                matches.append((step.maker.order_id, step.price, step.size))
            else:
                assert isinstance(step, SelfMatch)
                mode = order.request.self_trade
                if mode is not SelfTrade.EXPIRE_TAKER:
                    self.end(step.maker)
                if mode is not SelfTrade.EXPIRE_MAKER:
                    self.end(step.taker)
        assert sum(size for _, _, size in matches) == fillable
        return matches

    @rule(target=orders, account=accounts, side=sides, price=prices, size=sizes, mode=modes)
    def limit(self, account, side, price, size, mode):
        order = self.make(account, side, price, size, mode)
        crossing = self.book.crosses(side, price)
        wanted, left, ended = self.reference.take(account, side, price, size, mode)
        got = self.work(order)
        assert got == wanted
        assert not got or crossing
        if order.live and order.remaining:
            assert (order.remaining, ended) == (left, False)
            self.reference.rest(order.order_id, account, side, price, left)
            self.book.rest(order)
            order.resting = True
        return order

    @rule(account=accounts, side=sides, size=sizes, mode=modes)
    def market(self, account, side, size, mode):
        wanted, _, _ = self.reference.take(account, side, None, size, mode)
        assert self.work(self.make(account, side, 0, size, mode, OrderKind.MARKET)) == wanted

    @rule(order=consumes(orders))
    def cancel(self, order):
        self.end(order)
        self.reference.resting = [o for o in self.reference.resting if o.number != order.order_id]

    @rule(order=orders, less=st.integers(1, 5))
    def shrink(self, order, less):
        if order.resting and order.remaining > less:
            self.book.shrink(order, order.size - less)
            (naive,) = [o for o in self.reference.resting if o.number == order.order_id]
            naive.left -= less

    @invariant()
    def agree(self):
        for side in (BUY, SELL):
            levels = self.reference.levels(side)
            assert self.book.levels(side, 0) == levels
            assert self.book.levels(side, 2) == levels[:2]
            assert self.book.best(side) == (levels[0][0] if levels else 0)
        bid, ask = self.book.best(BUY), self.book.best(SELL)
        assert not bid or not ask or bid < ask

    @invariant()
    def changes_rebuild_the_levels(self):
        for side, changes in zip((BUY, SELL), self.book.drain_changes(), strict=True):
            for price, size in changes:
                self.known[(side, price)] = size
            told = {price: size for (of, price), size in self.known.items() if of == side and size}
            assert told == dict(self.book.levels(side, 0))


BookMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMatchingBook = BookMachine.TestCase
