"""What the estimating process is told of a session: only prices of this moment, and money in the reporting currency."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import psutil

from tests.engine.losing import holding, mark
from tests.engine.scripted import Session
from tests.live.desks import read_settings
from titan.live.risk_beside import Estimates, question_of
from titan.model import events as e


async def test_beside_a_clock_that_is_not_ours_nothing_is_started(tmp_path):
    session = telemetry = None  # neither is asked for anything
    estimates = Estimates(read_settings(tmp_path), session, "", telemetry)
    before = psutil.Process().children()
    async with estimates.kept(print, print, real_time=False):
        assert psutil.Process().children() == before


def only(session):
    (found,) = question_of(session.desk, 3, session.now).held
    return found


def test_a_session_that_starts_is_not_asked_about():
    assert question_of(Session().desk, 1, 0) is None


def test_lots_are_by_strategy_and_prices_are_the_books_and_the_mark():
    session = holding(lots=7)
    session.send(mark(session, price=51_000))
    found = only(session)
    asked = question_of(session.desk, 3, session.now)
    assert (asked.number, asked.now_ns) == (3, session.now)
    assert found.lots == {"as": 7}
    assert (found.mid, found.mark, found.rate) == (Decimal(50_000), Decimal(51_000), Decimal(1))
    market = session.desk.markets[session.config.keys[0]]
    assert found.half_spread == float(
        (market.book.best_ask - market.book.best_bid) * market.terms.tick_size / 2 / 50_000
    )


def test_without_a_mark_the_last_mid_values_and_a_book_in_doubt_has_no_price_of_now():
    session = holding()
    assert only(session).mark == only(session).mid
    session.send(e.BadFrame(time_ns=session.now, venue="v", symbol="", reason="torn"))
    found = only(session)
    assert (found.mid, found.half_spread) == (None, 0.0)
    assert found.mark == Decimal(50_000)


def test_an_inverse_contract_is_worth_what_its_coin_is():
    session = holding()
    market = session.desk.markets[session.config.keys[0]]
    settled = msgspec.structs.replace(market.terms, kind="inverse", quote="USD", settle="USDT")
    market.instrument = settled
    assert only(session).rate == 1 / Decimal(50_000)
    market.instrument = msgspec.structs.replace(settled, settle="XYZ")
    assert only(session).rate is None
