"""A load for some seconds: nothing that it measures in time is judged here, only that nothing is lost or uncounted."""

from __future__ import annotations

from collections import Counter

import pytest

from proof import load
from proof.parts.echo import Echo
from titan.loopback.main import LOCKSTEP, ExchangeOptions, build_desk


@pytest.mark.timeout(300)
def test_no_order_event_is_lost_and_every_frame_is_accounted_for(tmp_path):
    found = load.measure(tmp_path, seconds=4.0, rate_per_s=3_000.0, symbols=8)
    assert found.summary["exit_code"] == 0
    assert found.orders_heard == found.orders_sent > 0
    assert found.fills_heard == found.sent.orders.get("TRADE", 0)
    assert found.uncounted == 0
    assert found.taken > 1_000


def test_percentiles_of_counts():
    lags = Counter({1: 50, 2: 49, 9: 1})
    assert (load._percentile(lags, 0.5), load._percentile(lags, 0.99), load._percentile(lags, 1.0)) == (
        1,
        2,
        9,
    )


def test_an_echo_says_the_latest_again_and_keeps_silent_when_told():
    desk = build_desk(ExchangeOptions(speed=LOCKSTEP, symbols=("BTCUSDT",)))
    said: list[tuple[str, bytes]] = []
    desk.register.publish = lambda name, payload: said.append((name, payload))  # type: ignore[method-assign]
    echo = Echo(desk, ("BTCUSDT",))
    echo.say(4)
    assert said == []
    desk.register.publish("btcusdt@trade", b'{"t":7,"p":"1.0","E":0,"T":0}')
    desk.register.publish("btcusdt@depth@100ms", b"{}")
    echo.say(4)
    now_ms = desk.clock.now_ns() // 1_000_000
    assert said[2:] == [("btcusdt@trade", b'{"t":8,"p":"1.0","E":%d,"T":%d}' % (now_ms, now_ms))]
    echo.fall_silent()
    echo.say(4)
    desk.register.publish("btcusdt@trade", b'{"t":9}')
    assert len(said) == 3
