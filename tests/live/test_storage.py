"""A journal that fails in the middle: nothing that adds risk follows, cancels go out all the same."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.live.desks import SYMBOL, Log, open_exchange, read_settings, record_capture, trade
from titan.backtest.session import backtest_session
from titan.live.errors import StartRefused, StorageFault
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.model.commands import AmendOrder, PlaceOrder
from titan.store.disk import SystemDisk
from titan.store.journal import SessionReader
from titan.store.replay import replay_session

ACCOUNT = DEFAULT_CREDENTIALS.key


class FullDisk(SystemDisk):
    """The real file system, until so many writes have been made."""

    def __init__(self, writes: int, error: int = errno.ENOSPC) -> None:
        self._left = writes
        self._error = error

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        if self._left == 0:
            raise OSError(self._error, "No space left on device")
        self._left -= 1
        return super().write(descriptor, data)


async def test_a_full_disk_ends_the_session_with_everything_cancelled(tmp_path, capsys):
    log = Log(capsys)
    async with open_exchange() as (desk, url):
        result = await trade(tmp_path, url, 30.0, FullDisk(120))
        orders = desk.exchange.orders(ACCOUNT, SYMBOL)
        assert desk.exchange.open_orders(ACCOUNT, SYMBOL) == ()
    assert result.exit_code == 5
    assert result.summary["open_orders_at_exit"] == 0
    assert "No space left" in result.summary["stopped_because"]
    assert orders
    assert len(log.lines("storage_failed")) == 1
    unwritten = log.lines("unwritten")
    assert unwritten
    assert all("CancelOrder" in line["command"] for line in unwritten)
    journal = Path(result.summary["journal"])
    assert replay_session(journal).identical
    # Whatever the exchange was sent is in the journal: nothing went out that was not durable.
    commands = [command for _seq, _index, command in SessionReader(journal).commands()]
    sent = {(c.client_id, c.price) for c in commands if isinstance(c, PlaceOrder | AmendOrder)}
    assert {(order.client_id, order.price) for order in orders} <= sent


async def test_the_session_after_a_full_disk_reconciles(tmp_path):
    async with open_exchange() as (_desk, url):
        first = await trade(tmp_path, url, 30.0, FullDisk(150))
        second = await trade(tmp_path, url, 1.0)
    assert (first.exit_code, second.exit_code) == (5, 0)
    assert second.summary["reconciliation_differences"] == 0
    assert replay_session(Path(second.summary["journal"])).identical


async def test_a_disk_that_takes_no_header_refuses_the_start(tmp_path):
    async with open_exchange() as (desk, url):
        with pytest.raises(StartRefused, match=r"the journal cannot be written: .*No space left"):
            await trade(tmp_path, url, 30.0, FullDisk(0))
        assert desk.exchange.orders(ACCOUNT, SYMBOL) == ()


async def test_a_backtest_without_room_for_its_journal(tmp_path):
    capture = record_capture(tmp_path / "capture", seconds=3.0)
    settings = read_settings(tmp_path)
    with pytest.raises(StorageFault, match="free space"):
        await backtest_session(settings, capture, disk=FullDisk(2))
    (tmp_path / "file").write_text("")
    settings = read_settings(tmp_path, project__journals=tmp_path / "file" / "journals")
    with pytest.raises(StartRefused, match="Not a directory"):
        await backtest_session(settings, capture)
