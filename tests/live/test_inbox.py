"""Frames on their way: in order, conflated where only the newest counts, and the book's chain never torn."""

from __future__ import annotations

import asyncio
import itertools
import time
from types import SimpleNamespace
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from titan.live import inbox as module
from titan.live.inbox import MOST_AT_ONCE, Inbox
from titan.live.pulse import Pulse
from titan.live.session import Session
from titan.model.clock import SetClock
from titan.model.events import TopsLeftOut
from titan.venues.binance_streams import replaceable, symbol_of_tops


class Taken(list[bytes]):
    """What was handed on, in order, with a word where frames were left out before."""

    def frame(self, payload: bytes, heard_ns: int) -> None:
        self.append(payload)

    def left_out(self, channel: bytes) -> None:
        self.append(b"left out: " + channel)


def frame(channel: str, number: int) -> bytes:
    return f'{{"stream":"btcusdt@{channel}","data":{number}}}'.encode()


async def emptied(inbox: Inbox) -> None:
    await asyncio.sleep(0)
    while inbox.waiting:
        await asyncio.sleep(0)


async def test_a_session_that_keeps_up_takes_every_frame_at_once():
    taken = Taken()
    inbox = Inbox(taken.frame, replaceable)
    for number in range(200):
        inbox.put(frame("bookTicker", number))
        assert taken[-1] == frame("bookTicker", number)
        await asyncio.sleep(0)
    assert (inbox.waiting, inbox.conflated, inbox.dropped) == (0, 0, 0)


async def test_behind_a_burst_others_get_their_turn():
    taken = Taken()
    inbox = Inbox(taken.frame, replaceable)
    turns: list[int] = []

    def turn() -> None:
        turns.append(len(taken))
        if inbox.waiting:
            asyncio.get_running_loop().call_soon(turn)

    for number in range(5 * MOST_AT_ONCE):
        inbox.put(frame("depth@100ms", number))
    assert len(taken) == MOST_AT_ONCE
    asyncio.get_running_loop().call_soon(turn)
    await emptied(inbox)
    assert taken == [frame("depth@100ms", number) for number in range(5 * MOST_AT_ONCE)]
    assert len(turns) >= 4
    assert all(
        later - earlier <= MOST_AT_ONCE for earlier, later in itertools.pairwise([MOST_AT_ONCE, *turns])
    )


@given(st.lists(st.sampled_from(["depth@100ms", "trade", "bookTicker", "markPrice@1s"]), max_size=300))
@settings(max_examples=50, deadline=None)
def test_only_what_a_newer_frame_makes_void_is_left_out(channels: list[str]):
    async def run() -> tuple[list[bytes], Inbox]:
        taken = Taken()
        inbox = Inbox(taken.frame, replaceable)
        for number, channel in enumerate(channels):
            inbox.put(frame(channel, number))
        await emptied(inbox)
        return taken, inbox

    taken, inbox = asyncio.run(run())
    given_frames = [frame(channel, number) for number, channel in enumerate(channels)]
    for channel in ("depth@100ms", "trade"):
        name = channel.encode()
        assert [each for each in taken if name in each] == [each for each in given_frames if name in each]
    for channel in ("bookTicker", "markPrice@1s"):
        name = channel.encode()
        kept, sent = [each for each in taken if name in each], [each for each in given_frames if name in each]
        assert kept[-1:] == sent[-1:]
        assert [each for each in sent if each in kept] == kept
    assert len(taken) + inbox.conflated == len(channels)
    assert inbox.dropped == 0


async def test_too_many_are_dropped_together_and_counted(monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    taken = Taken()
    inbox = Inbox(taken.frame, replaceable)
    for number in range(MOST_AT_ONCE + 15):
        inbox.put(frame("depth@100ms", number))
    await emptied(inbox)
    assert inbox.dropped == 10
    assert [each for each in taken[MOST_AT_ONCE:]] == [
        frame("depth@100ms", number) for number in range(MOST_AT_ONCE + 10, MOST_AT_ONCE + 15)
    ]


async def test_the_next_of_a_channel_is_announced_when_some_were_left_out():
    taken = Taken()
    inbox = Inbox(taken.frame, replaceable, taken.left_out)
    for number in range(MOST_AT_ONCE):
        inbox.put(frame("trade", number))
    inbox.put(frame("bookTicker", 1))
    inbox.put(frame("depth@100ms", 2))
    inbox.put(frame("bookTicker", 3))
    await emptied(inbox)
    await asyncio.sleep(0)
    inbox.put(frame("bookTicker", 4))
    assert taken[MOST_AT_ONCE:] == [
        frame("depth@100ms", 2),
        b"left out: btcusdt@bookTicker",
        frame("bookTicker", 3),
        frame("bookTicker", 4),
    ]


async def test_the_next_of_a_channel_is_announced_when_all_were_dropped(monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    taken = Taken()
    inbox = Inbox(taken.frame, replaceable, taken.left_out)
    for number in range(MOST_AT_ONCE + 1):
        inbox.put(frame("bookTicker", number))
    for number in range(10):
        inbox.put(frame("trade", number))
    await emptied(inbox)
    await asyncio.sleep(0)
    assert inbox.dropped == 10
    inbox.put(frame("bookTicker", 99))
    assert taken[-2:] == [b"left out: btcusdt@bookTicker", frame("bookTicker", 99)]


async def test_a_frame_is_as_old_as_its_receipt():
    heard: list[int] = []
    inbox = Inbox(lambda payload, heard_ns: heard.append(heard_ns), replaceable)
    for number in range(MOST_AT_ONCE):
        inbox.put(frame("trade", number))
    before_ns = time.perf_counter_ns()
    inbox.put(frame("trade", MOST_AT_ONCE))
    after_ns = time.perf_counter_ns()
    await emptied(inbox)
    assert before_ns <= heard[-1] <= after_ns


async def test_the_engine_is_told_that_best_bids_and_offers_were_left_out():
    taken: list[object] = []
    session = SimpleNamespace(
        ended=None,
        clock=SetClock(7),
        ingest=taken.append,
        ingest_frame=lambda venue, payload, heard_ns: taken.append(payload),
    )
    pulse = Pulse(cast("Session", session))
    market = pulse.sinks("v").market
    for number in range(MOST_AT_ONCE):
        market(frame("trade", number))
    for number in range(3):
        market(frame("bookTicker", number))
        market(frame("markPrice@1s", number))
    await emptied(pulse.inboxes["v"])
    assert taken[MOST_AT_ONCE:] == [
        TopsLeftOut(time_ns=7, venue="v", symbol="BTCUSDT"),
        frame("bookTicker", 2),
        frame("markPrice@1s", 2),
    ]


def test_whose_best_bids_and_offers():
    assert symbol_of_tops(b"btcusdt@bookTicker") == "BTCUSDT"
    assert symbol_of_tops(b"btcusdt@markPrice@1s") == ""


def test_what_a_newer_frame_makes_void():
    assert replaceable(frame("bookTicker", 1)) == b"btcusdt@bookTicker"
    assert replaceable(frame("markPrice@1s", 1)) == b"btcusdt@markPrice@1s"
    for other in (frame("depth@100ms", 1), frame("trade", 1), b"nonsense", b"", b'{"stream":"@bookTicker'):
        assert replaceable(other) == b""
