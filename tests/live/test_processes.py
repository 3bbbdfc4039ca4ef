"""Real processes: what is printed, what an exchange beside them says, signals, sudden death, a terminal."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt

from tests.live.desks import RUNNER, exchange_process, last_object, log_lines, running, write_settings
from titan.engine.kernel import Kernel
from titan.model.commands import PlaceOrder
from titan.store.journal import SessionReader
from titan.store.replay import Replay, replay_session, session_events, session_kernel

KEYS = {
    *("mode", "events", "orders_sent", "orders_acked", "fills", "pnl", "pnl_parts", "equity_change_at_venue"),
    *("position", "open_orders_at_exit", "unknown_orders_at_exit", "reconciliation_differences"),
    *("latency_us", "cpu_to_first_quote_s", "session", "journal"),
}
MORE_KEYS = {
    *(
        "amends_sent",
        "cancels_sent",
        "fills_before_opening",
        "fills_digest",
        "unpriced",
        "left_open",
        "stopped_because",
    ),
}
BANNED = {"pandas", "sklearn", "statsmodels", "hmmlearn", "vectorbt", "nbdev", "scipy", "numba", "matplotlib"}
SAYS_ITS_MODULES = """
import json, sys
from titan.cli import main_live
code = main_live()
print(json.dumps({"code": "modules", "loaded": sorted(sys.modules)}), file=sys.stderr)
sys.exit(code)
"""
CENT_MILLIONTH = Decimal("0.000001")


def test_the_default_session_from_the_command_line(tmp_path):
    with running(
        SAYS_ITS_MODULES, "--settings", write_settings(tmp_path), "--duration", 3, "--json"
    ) as runner:
        out, err = runner.communicate(timeout=60)
    assert runner.returncode == 0, err
    found = last_object(out)
    assert set(found) == KEYS | MORE_KEYS
    assert (
        0 < found["orders_acked"] <= found["orders_sent"]
    )  # a quote that would take is refused, not acknowledged
    assert found["cpu_to_first_quote_s"] > 0
    parts = {name: Decimal(text) for name, text in found["pnl_parts"].items()}
    assert set(parts) == {"spread", "adverse_selection", "inventory", "fees", "funding"}
    total = (
        parts["spread"] + parts["adverse_selection"] + parts["inventory"] + parts["fees"] + parts["funding"]
    )
    assert abs(total - Decimal(found["pnl"])) <= CENT_MILLIONTH
    assert abs(total - Decimal(found["equity_change_at_venue"])) <= CENT_MILLIONTH
    assert found["open_orders_at_exit"] == found["unknown_orders_at_exit"] == 0
    assert found["reconciliation_differences"] == 0
    assert set(found["latency_us"]) == {"decision", "durable", "wire"}
    for stage in found["latency_us"].values():
        assert 0 < stage["p50"] <= stage["p99"] <= stage["max"]
    assert Path(found["journal"]) == tmp_path / "journals" / found["session"]
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", found["session"])
    lines = log_lines(err)
    assert {line["session"] for line in lines[:-1]} == {found["session"]}
    loaded = {name.partition(".")[0] for name in lines[-1]["loaded"]}
    assert loaded & BANNED == set()
    replay = verified(found["journal"])
    assert found["fills"] == replay.kernel.desk.orders.counts.fills
    assert found["fills_digest"] == replay.kernel.desk.orders.counts.fills_digest


# ---- An exchange beside, read by somebody else's client ----------------------------------------------------


def pointed_at(port: int) -> Any:
    """An unmodified ccxt client, told only where the exchange is."""
    client = ccxt.binanceusdm(
        {"apiKey": "loopback-key", "secret": "loopback-secret", "options": {"fetchCurrencies": False}}
    )
    for name, version in (("", "v1"), ("V2", "v2"), ("V3", "v3")):
        for access in ("fapiPublic", "fapiPrivate"):
            client.urls["api"][access + name] = f"http://127.0.0.1:{port}/fapi/{version}"
    client.load_markets()
    return client


def wait_for(found: Any, timeout_s: float = 30.0) -> None:
    """Ask until it is so."""
    end_s = time.monotonic() + timeout_s
    while not found():
        assert time.monotonic() < end_s, "it never came to be so"
        select.select([], [], [], 0.1)


BTC = "BTC/USDT:USDT"


def verified(journal: str) -> Replay:
    replay = replay_session(Path(journal))
    assert (replay.identical, replay.difference) == (True, "")
    return replay


def trades_since(client: Any, known: int = 0) -> list[Any]:
    return list(client.fetch_my_trades(BTC, limit=1000))[known:]


def agrees(client: Any, found: dict[str, Any], wallet_before: Decimal, trades: list[Any]) -> None:
    """What ccxt reads is what the session's object says."""
    assert client.fetch_open_orders(BTC) == []
    assert found["fills"] == len(trades) > 0
    orders = client.fetch_orders(BTC, limit=1000)
    commands = SessionReader(Path(found["journal"])).commands()
    placed = {command.client_id for _seq, _index, command in commands if isinstance(command, PlaceOrder)}
    assert len(placed) == found["orders_sent"]
    assert {order["clientOrderId"] for order in orders} <= placed
    assert found["fills_digest"] == digest(trades)
    position = client.fapiPrivateV3GetPositionRisk({"symbol": "BTCUSDT"})
    held = sum((Decimal(each["positionAmt"]) for each in position), Decimal(0))
    assert found["position"] == {"loopback:BTCUSDT": int(held / Decimal("0.001"))}
    fees = sum(Decimal(trade["info"]["commission"]) for trade in trades)
    assert Decimal(found["pnl_parts"]["fees"]) == -fees
    assert wallet(client) != wallet_before
    assert found["reconciliation_differences"] == found["unknown_orders_at_exit"] == 0


def digest(trades: list[Any]) -> str:
    """The session's digest of its fills, from the trades as ccxt reads them."""
    chained = ""
    for info in (trade["info"] for trade in trades):
        side = 1 if info["side"] == "BUY" else -1
        ticks, lots = Decimal(info["price"]) / Decimal("0.1"), Decimal(info["qty"]) / Decimal("0.001")
        maker = str(info["maker"]).lower() == "true"
        said = f"{info['symbol']} {int(info['time']) * 10**6} {side} {int(ticks)} {int(lots)} {maker} "
        chained = hashlib.sha256(f"{chained} {said}{Decimal(info['commission'])}".encode()).hexdigest()[:16]
    return chained


def wallet(client: Any) -> Decimal:
    balances = client.fapiPrivateV3GetBalance()
    return next(Decimal(each["balance"]) for each in balances if each["asset"] == "USDT")


def traded(client: Any, known: int = 0) -> bool:
    return len(trades_since(client, known)) >= 2 and bool(client.fetch_open_orders(BTC))


def killed_with_orders(client: Any, settings: Path, known: int) -> set[str]:
    """Kill sessions until one leaves orders behind: those that were open may fill just before the signal arrives."""
    for _ in range(5):
        with running(RUNNER, "--settings", settings, "--json") as runner:
            wait_for(lambda: traded(client, known))
            runner.kill()
            runner.communicate(timeout=30)
        assert runner.returncode == -signal.SIGKILL
        left = {order["clientOrderId"] for order in client.fetch_open_orders(BTC)}
        if left:
            return left
    raise AssertionError("five sessions were killed, and none left an order in the book")


def test_signals_death_and_return_on_one_exchange(tmp_path):
    """SIGTERM, then kill -9 in the middle, then a restart ended by SIGINT; the exchange is asked after each."""
    with exchange_process("--seed", 5) as port:
        client = pointed_at(port)
        settings = write_settings(tmp_path, venue__rest_url=f"http://127.0.0.1:{port}")
        before = wallet(client)

        with running(RUNNER, "--settings", settings, "--json") as runner:
            wait_for(lambda: traded(client))
            runner.send_signal(signal.SIGTERM)
            out, err = runner.communicate(timeout=30)
        assert runner.returncode == 0, err
        first = last_object(out)
        assert first["stopped_because"] == "SIGTERM received"
        known = trades_since(client)
        agrees(client, first, before, known)
        gained = wallet(client) - before + unrealized(client, verified(first["journal"]))
        assert abs(Decimal(first["equity_change_at_venue"]) - gained) <= CENT_MILLIONTH

        left = killed_with_orders(client, settings, len(known))
        killed = max((tmp_path / "journals").glob("2*-*"), key=lambda path: path.stat().st_ctime_ns)
        cut = verified(str(killed))
        known = trades_since(client)

        with running(RUNNER, "--settings", settings, "--json") as runner:
            wait_for(lambda: traded(client, len(known)))
            runner.send_signal(signal.SIGINT)
            out, err = runner.communicate(timeout=30)
        assert runner.returncode == 0, err
        last = last_object(out)
        assert last["reconciliation_differences"] == 0
        assert client.fetch_open_orders(BTC) == []
        again = verified(last["journal"])
        position = client.fapiPrivateV3GetPositionRisk({"symbol": "BTCUSDT"})
        held = sum((Decimal(each["positionAmt"]) for each in position), Decimal(0))
        assert last["position"] == {"loopback:BTCUSDT": int(held / Decimal("0.001"))}

    reader = SessionReader(Path(last["journal"]))
    assert reader.header.predecessor == killed.name
    assert reader.header.snapshot == cut.kernel.snapshot()
    assert reader.header.state_hash is not None
    # Every order that the dead session left is known to the new one: none was found as a stranger.
    assert left <= {order.client_id for order in cut.kernel.desk.orders.live()}
    assert not any(line["code"] == "foreign_order" for line in log_lines(err))
    assert goes_on(cut.kernel, reader) == again.state_hash


def unrealized(client: Any, replay: Replay) -> Decimal:
    """Open profit as ccxt reads it, moved from the mark to the mid at which the session measured."""
    gain = Decimal(0)
    for each in client.fapiPrivateV3GetPositionRisk({"symbol": "BTCUSDT"}):
        mid = next(iter(replay.kernel.desk.markets.values())).mid
        gain += Decimal(each["unRealizedProfit"])
        gain += Decimal(each["positionAmt"]) * (mid - Decimal(each["markPrice"]))
    return gain


def goes_on(predecessor: Kernel, reader: SessionReader) -> str:
    """The state hash after a session's own inputs on top of its predecessor's replayed state."""
    begun = session_kernel(reader)
    kernel = Kernel(
        begun.desk.config, {h.config.code: h.module for h in begun.desk.hosts}, predecessor.snapshot()
    )
    for _seq, event in session_events(reader, kernel.desk.config):
        kernel.step(event)
    return kernel.state_hash()


# ---- A terminal --------------------------------------------------------------------------------------------


def own_terminal() -> None:
    """In the child: the terminal on its standard output becomes the one that Ctrl-C comes from."""
    os.setsid()
    fcntl.ioctl(1, termios.TIOCSCTTY, 0)


def screen_until(terminal: int, wanted: list[str], timeout_s: float = 40.0) -> str:
    """What has been drawn, escapes taken out, once all of `wanted` has been seen."""
    seen = b""
    end_s = time.monotonic() + timeout_s
    plain = ""
    while not all(re.search(each, plain) for each in wanted):
        left_s = end_s - time.monotonic()
        assert left_s > 0, plain[-3000:]
        if select.select([terminal], [], [], left_s)[0]:
            seen += os.read(terminal, 65_536)
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode(errors="replace"))
    return plain


def test_the_view_on_a_terminal_and_ctrl_c(tmp_path):
    """The child exchange outlives Ctrl-C, so that there is somebody to cancel at."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (50, 120))
    settings = write_settings(tmp_path)
    with running(
        RUNNER,
        "--settings",
        settings,
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
        preexec_fn=own_terminal,
    ) as runner:
        os.close(slave)
        screen_until(
            master,
            [
                r"Titan \d{8}T\d{6}Z-[0-9a-f]{6}  loopback  running",
                "loopback:BTCUSDT",
                r"\d+ lots open",
                r"position -?\d+\.\d{3} BTC   quoting",
                r"total +. +spread +. +adverse selection +. +inventory +. +fees +. +funding",
                r"day's loss \d+\.\d\d of 1000",
                r"latency us p50/p99: decision \d",
            ],
        )
        os.write(master, b"\x03")
        screen = screen_until(master, ["stopped_because +SIGINT received", "open_orders_at_exit +0"])
        _, err = runner.communicate(timeout=30)
    os.close(master)
    assert runner.returncode == 0, err
    assert "Traceback" not in screen + err
