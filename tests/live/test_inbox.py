"""Frames on their way: in order, conflated where only the newest counts, and the book's chain never torn."""

from __future__ import annotations

import asyncio
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from titan.live import inbox as module
from titan.live.inbox import MOST_AT_ONCE, Inbox
from titan.venues.binance_streams import replaceable


def frame(channel: str, number: int) -> bytes:
    return f'{{"stream":"btcusdt@{channel}","data":{number}}}'.encode()


async def emptied(inbox: Inbox) -> None:
    await asyncio.sleep(0)
    while inbox.waiting:
        await asyncio.sleep(0)


async def test_a_session_that_keeps_up_takes_every_frame_at_once():
    taken: list[bytes] = []
    inbox = Inbox(taken.append, replaceable)
    for number in range(200):
        inbox.put(frame("bookTicker", number))
        assert taken[-1] == frame("bookTicker", number)
        await asyncio.sleep(0)
    assert (inbox.waiting, inbox.conflated, inbox.dropped) == (0, 0, 0)


async def test_behind_a_burst_others_get_their_turn():
    taken: list[bytes] = []
    inbox = Inbox(taken.append, replaceable)
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
        taken: list[bytes] = []
        inbox = Inbox(taken.append, replaceable)
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
    taken: list[bytes] = []
    inbox = Inbox(taken.append, replaceable)
    for number in range(MOST_AT_ONCE + 15):
        inbox.put(frame("depth@100ms", number))
    await emptied(inbox)
    assert inbox.dropped == 10
    assert [each for each in taken[MOST_AT_ONCE:]] == [
        frame("depth@100ms", number) for number in range(MOST_AT_ONCE + 10, MOST_AT_ONCE + 15)
    ]


def test_what_a_newer_frame_makes_void():
    assert replaceable(frame("bookTicker", 1)) == b"btcusdt@bookTicker"
    assert replaceable(frame("markPrice@1s", 1)) == b"btcusdt@markPrice@1s"
    for other in (frame("depth@100ms", 1), frame("trade", 1), b"nonsense", b"", b'{"stream":"@bookTicker'):
        assert replaceable(other) == b""
