"""Sessions run again: after a good end, after a kill, with a changed record, from a snapshot in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.sessions import Rehearsal, make_session, rewrite_journal
from titan.engine.kernel import Kernel
from titan.engine.strategies import StrategyError
from titan.model.events import Fill, OrderUpdate
from titan.store.framing import JournalError
from titan.store.journal import SessionReader
from titan.store.replay import replay_session, session_events, session_kernel
from titan.store.writer import SessionWriter


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> Rehearsal:
    return make_session(tmp_path_factory.mktemp("ended"), seconds=6.0)


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Rehearsal:
    return make_session(tmp_path_factory.mktemp("killed"), seconds=6.0, killed=True)


def events_of(reader: SessionReader) -> list[Any]:
    config = session_kernel(reader).desk.config
    return [event for _seq, event in session_events(reader, config)]


def again(reader: SessionReader, snapshot: bytes | None) -> Kernel:
    """A kernel of the session's configuration, in this state."""
    begun = session_kernel(reader).desk
    return Kernel(begun.config, {host.config.code: host.module for host in begun.hosts}, snapshot)


def test_a_replay_gives_the_same_commands_and_the_same_state(ended):
    replay = replay_session(ended.directory)
    assert (replay.identical, replay.difference, replay.truncated) == (True, "", ())
    assert replay.state_hash == ended.kernel.state_hash()
    assert replay.kernel.snapshot() == ended.kernel.snapshot()
    assert replay.session == ended.session_id
    assert replay.events == ended.session.events > 200
    assert replay.commands == len(list(SessionReader(ended.directory).commands()))
    assert replay.kernel.desk.orders.counts.fills > 0


def test_a_killed_session_is_identical_up_to_its_end(killed):
    replay = replay_session(killed.directory)
    assert replay.identical
    assert replay.state_hash == killed.kernel.state_hash()
    assert list(replay.kernel.desk.orders.live())


def test_a_torn_tail_is_read_up_to_its_last_whole_record(killed, tmp_path):
    copy = tmp_path / killed.session_id
    copy.mkdir()
    for path in killed.directory.iterdir():
        data = path.read_bytes()
        (copy / path.name).write_bytes(data[:-37] if path.suffix == ".tj" else data)
    replay = replay_session(copy)
    assert replay.identical
    assert replay.truncated
    assert replay.events <= killed.session.events


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_a_snapshot_and_the_tail_equal_the_full_replay(ended, share):
    reader = SessionReader(ended.directory)
    events = events_of(reader)
    cut = int(share * len(events))
    head = again(reader, None)
    for event in events[:cut]:
        head.step(event)
    tail = again(reader, head.snapshot())
    assert tail.snapshot() == head.snapshot()
    for event in events[cut:]:
        assert tail.step(event) == head.step(event)
    assert tail.state_hash() == head.state_hash() == ended.kernel.state_hash()


def test_a_changed_input_is_a_difference_that_names_the_place(ended, tmp_path):
    def dearer(event: Any) -> Any:
        if isinstance(event, Fill):
            return msgspec.structs.replace(event, size=event.size * 1000)
        return event

    replay = replay_session(rewrite_journal(ended.directory, tmp_path, dearer))
    assert not replay.identical
    assert replay.difference.startswith("at input ")
    assert "recorded" in replay.difference
    assert replay.state_hash != ended.kernel.state_hash()


def test_a_changed_decision_is_a_difference(ended, monkeypatch):
    """A strategy that decides otherwise today than it did then."""
    module = session_kernel(SessionReader(ended.directory)).desk.hosts[0].module
    quote = module.quote

    def wider(parameters: Any, state: Any, view: Any) -> Any:
        return quote(parameters._replace(minimum_half_spread_bps=5.0), state, view)

    monkeypatch.setattr(module, "quote", wider)
    assert "decided" in replay_session(ended.directory).difference


def test_commands_that_are_not_decided_again_are_a_difference(ended, monkeypatch):
    def deaf(reader: SessionReader, config: Any) -> Iterator[Any]:
        found = [(seq, event) for seq, event in session_events(reader, config)]
        return iter(found[: len(found) // 2])

    monkeypatch.setattr("titan.store.replay.session_events", deaf)
    assert replay_session(ended.directory).difference.startswith("recorded, but not decided again: ")


def test_a_renamed_order_does_not_pass(ended, tmp_path):
    def renamed(event: Any) -> Any:
        if isinstance(event, OrderUpdate):
            return msgspec.structs.replace(event, price=event.price + 1)
        return event

    assert not replay_session(rewrite_journal(ended.directory, tmp_path, renamed)).identical


def test_what_is_no_session_is_refused(tmp_path):
    with pytest.raises(JournalError, match="is no session"):
        replay_session(Path(tmp_path))


@pytest.mark.parametrize(
    ("config", "error", "says"),
    [
        (b"\xc1", JournalError, "its configuration is none of this version's"),
        ({"strategies": [{"code": "went.away"}]}, StrategyError, "code = went.away: cannot be imported"),
    ],
)
def test_a_session_that_this_version_cannot_run_says_so(ended, tmp_path, config, error, says):
    header = SessionReader(ended.directory).header
    if isinstance(config, dict):
        whole = msgspec.msgpack.decode(header.config)
        config = {**whole, "strategies": [{**each, "code": "went.away"} for each in whole["strategies"]]}
        config = msgspec.msgpack.encode(config)
    directory = tmp_path / header.session
    writer = SessionWriter.create(directory, msgspec.structs.replace(header, config=config))
    writer.close()
    with pytest.raises(error, match=says):
        replay_session(directory)
