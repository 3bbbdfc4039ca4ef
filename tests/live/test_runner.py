"""Sessions in this process, on an exchange on real sockets: what comes out, and what it is equal to."""

from __future__ import annotations

import asyncio
import signal
from decimal import Decimal
from pathlib import Path

import pytest

from tests.live.desks import SYMBOL, Log, open_exchange, read_settings, record_capture, trade, until
from titan.backtest.session import backtest_session
from titan.engine.strategies import StrategyError
from titan.live.control import machine_folder
from titan.live.errors import StartRefused
from titan.live.recovery import recorded_standing
from titan.live.venue import credentials_name
from titan.loopback.main import LOCKSTEP, ExchangeOptions
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.model.events import RiskInherited
from titan.store.journal import SessionReader
from titan.store.lock import AccountLock
from titan.store.replay import replay_session
from titan.strategy import avellaneda_stoikov

ACCOUNT = DEFAULT_CREDENTIALS.key


def total(parts: dict[str, str]) -> Decimal:
    """Every part as it adds to the P&L: fees are negative when charged."""
    numbers = {name: Decimal(text) for name, text in parts.items()}
    return sum(numbers.values())


async def test_a_session_trades_and_its_parts_make_its_equity(tmp_path):
    async with open_exchange() as (desk, url):
        session = asyncio.create_task(trade(tmp_path, url))
        await until(lambda: len(desk.exchange.trades(ACCOUNT, SYMBOL)) >= 2)
        signal.raise_signal(signal.SIGTERM)
        result = await session
        found = result.summary
        wallet = desk.exchange.balances(ACCOUNT)[0].wallet
        trades = desk.exchange.trades(ACCOUNT, SYMBOL)
        assert desk.exchange.open_orders(ACCOUNT, SYMBOL) == ()
    assert result.exit_code == 0
    assert found["fills"] == len(trades) > 0
    assert found["orders_acked"] == found["orders_sent"] > 0
    assert abs(total(found["pnl_parts"]) - Decimal(found["pnl"])) <= Decimal("0.000001")
    assert abs(Decimal(found["equity_change_at_venue"]) - Decimal(found["pnl"])) <= Decimal("0.000001")
    assert found["open_orders_at_exit"] == found["unknown_orders_at_exit"] == 0
    assert found["reconciliation_differences"] == 0
    assert wallet != 100_000
    replay = replay_session(Path(found["journal"]))
    assert (replay.identical, replay.difference, replay.truncated) == (True, "", ())
    assert replay.events == found["events"]


async def test_a_strategy_that_was_edited_in_between_takes_up_the_venues_word(tmp_path, capsys, monkeypatch):
    """The predecessor's journal no longer replays to its own decisions: its orders and position are still found."""
    log = Log(capsys)
    quote = avellaneda_stoikov.quote
    async with open_exchange() as (desk, url):
        session = asyncio.create_task(trade(tmp_path, url))
        await until(lambda: len(desk.exchange.trades(ACCOUNT, SYMBOL)) >= 2)
        signal.raise_signal(signal.SIGTERM)
        first = (await session).summary
        monkeypatch.setattr(
            avellaneda_stoikov,
            "quote",
            lambda parameters, state, view: quote(
                parameters._replace(minimum_half_spread_bps=0.5), state, view
            ),
        )
        result = await trade(tmp_path, url, 0.5)
        held = sum(position.lots for position in desk.exchange.positions(ACCOUNT, SYMBOL))
    header = SessionReader(Path(result.summary["journal"])).header
    assert (header.predecessor, header.snapshot) == (first["session"], None)
    assert log.lines("predecessor_differs")[0]["difference"]
    told = recorded_standing(Path(first["journal"]))
    inputs = SessionReader(Path(result.summary["journal"])).inputs()
    inherited = [event for _, event in inputs if isinstance(event, RiskInherited)]
    assert [(x.session, x.day, x.earned_today) for x in inherited] == [
        (first["session"], told.day, told.earned_today)
    ]
    assert told.earned_today == Decimal(first["pnl"])
    assert result.summary["position"] == {"loopback:BTCUSDT": held}
    assert (result.exit_code, result.summary["reconciliation_differences"]) == (0, 0)


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.03, "the predecessor cannot be told: "), (0.9, ", the predecessor, cannot be read: ")],
)
async def test_a_damaged_predecessor_refuses_the_start(tmp_path, share, said):
    async with open_exchange() as (desk, url):
        first = (await trade(tmp_path, url, 0.5)).summary
        journal = Path(first["journal"]) / "journal-000001.tj"
        data = bytearray(journal.read_bytes())
        data[int(share * len(data))] ^= 0xFF
        journal.write_bytes(data)
        known = len(desk.exchange.orders(ACCOUNT, SYMBOL))
        with pytest.raises(StartRefused, match=said):
            await trade(tmp_path, url, 0.5)
        assert len(desk.exchange.orders(ACCOUNT, SYMBOL)) == known


async def test_lock_step_twice_and_a_backtest_give_the_same_fills(tmp_path):
    capture = record_capture(tmp_path / "capture", seconds=12.0)
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        async with open_exchange(ExchangeOptions(replay=capture, speed=LOCKSTEP)) as (_desk, url):
            found.append((await trade(tmp_path / name, url)).summary)
    found.append((await backtest_session(read_settings(tmp_path), capture)).summary)
    assert found[0]["fills"] > 0
    for name in ("fills", "fills_digest", "pnl", "pnl_parts", "position", "orders_sent", "stopped_because"):
        assert found[0][name] == found[1][name] == found[2][name], name
    assert found[0]["stopped_because"] == "the capture is over"
    for each in found:
        assert abs(Decimal(each["equity_change_at_venue"]) - Decimal(each["pnl"])) <= Decimal("0.000001")
        assert (each["reconciliation_differences"], each["open_orders_at_exit"]) == (0, 0)
        assert replay_session(Path(each["journal"])).identical


async def test_the_recorded_market_gives_the_same_fills_live_and_in_a_backtest(tmp_path, titan_data):
    capture = titan_data / "binance_capture_20240808" / "usdm_btcusdt_20240808.gz"
    done = await backtest_session(read_settings(tmp_path), capture, 20.0)
    (tmp_path / "live").mkdir()
    async with open_exchange(ExchangeOptions(replay=capture, speed=LOCKSTEP)) as (_desk, url):
        live = await trade(tmp_path / "live", url, 20.0)
    digests = [each.summary["fills_digest"] for each in (done, live)]
    assert len(set(digests)) == 1, [each.summary["fills"] for each in (done, live)]
    assert live.summary["fills"] > 0


async def test_a_predecessors_strategy_that_is_gone_takes_up_the_venues_word(tmp_path, monkeypatch):
    def gone(directory: Path) -> None:
        raise StrategyError("code = went.away: cannot be imported")

    async with open_exchange() as (_desk, url):
        first = (await trade(tmp_path, url, 0.2)).summary
        monkeypatch.setattr("titan.live.recovery.replay_session", gone)
        second = await trade(tmp_path, url, 0.2)
    assert second.exit_code == 0
    header = SessionReader(Path(second.summary["journal"])).header
    assert (header.predecessor, header.snapshot) == (first["session"], None)


async def test_two_runners_on_one_account_are_refused_whatever_their_journals(tmp_path):
    """The lock of a journals folder cannot see a second clone; the machine's can."""
    async with open_exchange() as (_, url):
        settings = read_settings(tmp_path, venue__rest_url=url)
        (tmp_path / "elsewhere").mkdir()
        with (
            AccountLock(machine_folder(), credentials_name(settings.venue["loopback"])),
            pytest.raises(StartRefused, match="is already run by process"),
        ):
            await trade(tmp_path / "elsewhere", url, 1.0)
