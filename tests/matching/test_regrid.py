"""A tick that changes while the exchange runs: orders go first, positions stay, and the past keeps its grid."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.matching.builders import SECOND, START, SYMBOL, buy, exchange, sell
from titan.matching.types import Refusal

DOUBLE = Decimal("0.2")


def test_a_tick_changes_only_once_nothing_of_the_old_one_stands():
    ex = exchange("a")
    buy(ex, "a", 600_000, 10)
    ex.drain()
    with pytest.raises(ValueError, match="BTCUSDT: the tick cannot change while orders of a stand"):
        ex.regrid(SYMBOL, DOUBLE)
    ex.cancel_all("a", SYMBOL)
    with pytest.raises(ValueError, match="the tick cannot change while events are not drained"):
        ex.regrid(SYMBOL, DOUBLE)
    ex.drain()
    assert ex.regrid(SYMBOL, DOUBLE) == ex.instruments()[SYMBOL]
    assert ex.instruments()[SYMBOL].tick_size == DOUBLE
    assert ex.drain() == []


@pytest.mark.parametrize("tick", ["0", "-1"])
def test_a_tick_is_above_nothing(tick):
    with pytest.raises(ValueError, match=f"tick_size = {tick}: must be above 0"):
        exchange("a").regrid(SYMBOL, Decimal(tick))


def test_an_unknown_symbol_has_no_tick():
    with pytest.raises(Refusal, match="no symbol XRPUSDT"):
        exchange("a").regrid("XRPUSDT", DOUBLE)


def test_positions_stay_and_executions_keep_the_grid_that_they_were_made_in():
    ex = exchange("a", "b")
    sell(ex, "b", 600_001, 10)
    buy(ex, "a", 600_001, 10)
    ex.drain()
    before = ex.positions("a", SYMBOL)[0]
    assert (before.lots, before.entry) == (10, Decimal("60000.1"))
    ex.regrid(SYMBOL, DOUBLE)
    assert ex.positions("a", SYMBOL)[0] == before
    ex.advance(START + SECOND)
    sell(ex, "a", 300_001, 10)
    buy(ex, "b", 300_001, 10)
    old, new = ex.trades("a")
    prices = [ex.terms_at(SYMBOL, each.time_ns).price(each.price) for each in (old, new)]
    assert prices == [Decimal("60000.1"), Decimal("60000.2")]
    assert new.realized == Decimal("0.001")
    assert ex.positions("a", SYMBOL)[0].lots == 0
