"""The operator's socket and the kill switch, on a session that trades on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.desks import SYMBOL, open_exchange, read_settings, trade, until, write_settings
from titan.cli import main
from titan.live import control as module
from titan.live.asking import NoAnswer, ask, lines
from titan.live.control import Control, control_path, read_kill_file, user_name
from titan.live.errors import StartRefused
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.model.commands import OperatorAnswer
from titan.store.replay import replay_session

ACCOUNT = DEFAULT_CREDENTIALS.key


class Desk:
    """A running session, its exchange, and a way to ask it."""

    def __init__(self, folder: Path, exchange: Any, url: str = "") -> None:
        self.exchange = exchange
        self.url = url
        self.path = control_path(read_settings(folder).project.journals, "loopback.main")

    async def ask(self, action: str, target: str = "", who: str = "Ada", why: str = "look") -> dict[str, Any]:
        return await asyncio.to_thread(ask, self.path, 10.0, action=action, target=target, who=who, why=why)

    @property
    def open_orders(self) -> int:
        return len(self.exchange.exchange.open_orders(ACCOUNT, SYMBOL))


@contextlib.asynccontextmanager
async def trading(folder: Path) -> AsyncIterator[Desk]:
    async with open_exchange() as (exchange, url):
        session = asyncio.create_task(trade(folder, url))
        desk = Desk(folder, exchange, url)
        await until(lambda: desk.open_orders >= 2)
        yield desk
        signal.raise_signal(signal.SIGTERM)
        result = await session
        assert result.exit_code == 0
        assert replay_session(Path(result.summary["journal"])).identical


async def test_pause_is_acknowledged_with_what_the_venue_showed_and_resume_quotes(tmp_path):
    async with trading(tmp_path) as desk:
        assert await desk.ask("pause") == {"done": True, "text": "no order of ours is open at loopback"}
        assert desk.open_orders == 0
        status = (await desk.ask("status"))["status"]
        assert (status["paused"], status["orders"]) == ("Ada: look", [])
        assert "paused: Ada: look" in "\n".join(lines(status))
        assert (await desk.ask("resume", who="", why=""))["done"]
        await until(lambda: desk.open_orders >= 2)


async def test_a_stop_stays_until_a_named_operator_resumes(tmp_path):
    async with trading(tmp_path) as desk:
        assert (await desk.ask("stop"))["done"]
        refused = await desk.ask("resume", who="", why="")
        assert not refused["done"]
        assert "needs a named operator and a reason" in refused["text"]
        assert desk.open_orders == 0
        assert (await desk.ask("resume", why="mended"))["done"]
        await until(lambda: desk.open_orders >= 2)


async def test_one_order_is_cancelled_by_its_id(tmp_path):
    async with trading(tmp_path) as desk:
        name = (await desk.ask("status"))["status"]["orders"][0]["client_id"]
        answer = await desk.ask("cancel", name)
        assert name in answer["text"]
        assert not (await desk.ask("cancel", "nonsense"))["done"]


async def test_settings_are_taken_up_while_the_session_trades(tmp_path):
    async with trading(tmp_path) as desk:
        before = read_settings(tmp_path).risk.max_order_notional
        assert (await desk.ask("reload"))["text"] == "nothing differs from what is in use"
        write_settings(tmp_path, venue__rest_url=desk.url, risk__max_order_notional=before / 2)
        answer = await desk.ask("reload", why="a calmer day")
        assert answer == {"done": True, "text": f"limits max_order_notional: {before} -> {before / 2}"}
        write_settings(tmp_path, venue__rest_url=desk.url, live__quote_interval_ms=250)
        answer = await desk.ask("reload")
        assert not answer["done"]
        assert "timing cannot change while a session runs" in answer["text"]
        write_settings(tmp_path, venue__rest_url=desk.url, risk__max_order_notional=-1)
        answer = await desk.ask("reload")
        assert not answer["done"]
        assert "max_order_notional" in answer["text"]
        assert "the settings in use stay" in answer["text"]


async def test_the_kill_switch_works_without_the_socket(tmp_path):
    kill = read_settings(tmp_path).project.kill_file
    async with trading(tmp_path) as desk:
        desk.path.unlink()
        kill.parent.mkdir(parents=True, exist_ok=True)
        kill.write_text("smoke in the room\nsecond line\n")
        await until(lambda: desk.open_orders == 0)
        kill.unlink()


async def test_a_session_starts_stopped_where_the_kill_switch_is_on(tmp_path):
    kill = read_settings(tmp_path).project.kill_file
    kill.parent.mkdir(parents=True)
    kill.touch()
    async with open_exchange() as (exchange, url):
        session = asyncio.create_task(trade(tmp_path, url))
        desk = Desk(tmp_path, exchange)
        await until(desk.path.exists)
        async with asyncio.timeout(20):
            while (await desk.ask("status"))["status"]["phase"] != "running":
                await asyncio.sleep(0.05)
        status = (await desk.ask("status"))["status"]
        assert status["halted"] == "kill switch: no reason given"
        signal.raise_signal(signal.SIGTERM)
        result = await session
        assert result.summary["orders_sent"] == 0


async def test_what_is_written_into_the_kill_file_after_it_was_made_is_heard(tmp_path):
    control, _, told = await served(tmp_path)
    (tmp_path / "KILL").touch()
    control.watch()
    control.watch()
    (tmp_path / "KILL").write_text("flatten\n")
    control.watch()
    (tmp_path / "KILL").unlink()
    control.watch()
    assert [(event.on, event.why) for event in told] == [(True, ""), (True, "flatten"), (False, "")]
    await control.close()


async def test_only_this_user_enters(tmp_path):
    async with trading(tmp_path) as desk:
        assert stat.S_IMODE(desk.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(desk.path.parent.stat().st_mode) == 0o700
    assert not desk.path.exists()


async def served(tmp_path: Path, **changes: Any) -> tuple[Control, Path, list[Any]]:
    told: list[Any] = []
    control = Control(
        tmp_path / "control.sock", tmp_path / "KILL", lambda make: told.append(make(7)), dict,
        changes.get("read_again", bytes), changes.get("deadline_s", 5.0),
    )  # fmt: skip
    await control.open()
    return control, tmp_path / "control.sock", told


async def raw(path: Path, line: bytes) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    await writer.drain()
    writer.write_eof()
    answer = await reader.readline()
    writer.close()
    return json.loads(answer) if answer else {}


async def test_another_user_is_refused(tmp_path, monkeypatch):
    control, path, told = await served(tmp_path)
    monkeypatch.setattr(module, "_peer", lambda writer: 4242)
    answer = await raw(path, b'{"action": "stop"}\n')
    assert not answer["done"]
    assert "user id 4242" in answer["text"]
    assert told == []
    await control.close()


@pytest.mark.parametrize("line", [b"nonsense\n", b"[]\n", b"\n", b'{"action": '])
async def test_what_is_no_request_is_refused(tmp_path, line):
    control, path, told = await served(tmp_path)
    assert "one line of JSON" in (await raw(path, line))["text"]
    assert told == []
    await control.close()


async def test_a_line_without_end_is_dropped_and_the_next_one_is_heard(tmp_path):
    control, path, _ = await served(tmp_path)
    assert await raw(path, b"x" * 200_000 + b"\n") == {}
    assert (await raw(path, b'{"action": "status"}\n'))["done"]
    await control.close()


async def test_silence_of_the_engine_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)
    control, path, told = await served(tmp_path, deadline_s=0.05)
    answer = await raw(path, b'{"action": "pause"}\n')
    assert answer == {
        "done": False,
        "text": "no answer within the deadline; look at the log and at the venue",
    }
    assert told[0].who == user_name(os.getuid())
    await control.close()


async def test_an_end_answers_who_still_waits(tmp_path):
    control, path, told = await served(tmp_path)
    waiting = asyncio.create_task(raw(path, b'{"action": "pause"}\n'))
    await until(lambda: bool(told))
    control.answered(OperatorAnswer(request="another", done=True, text=""))
    await control.close()
    assert await waiting == {"done": False, "text": "the session has ended"}


async def test_a_socket_that_cannot_be_made_refuses_the_start(tmp_path):
    (tmp_path / "file").touch()
    control = Control(tmp_path / "file" / "c.sock", tmp_path / "KILL", print, dict, bytes, 1.0)
    with pytest.raises(StartRefused, match="control socket"):
        await control.open()


def test_a_kill_file_that_cannot_be_read_is_there_all_the_same(tmp_path):
    assert read_kill_file(tmp_path / "none") is None
    assert read_kill_file(tmp_path) == f"{tmp_path.name} cannot be read: Is a directory"


def test_a_user_without_a_name_is_a_number():
    assert user_name(2**31 - 7) == f"uid {2**31 - 7}"


def test_without_a_runner_every_command_says_so(tmp_path, capsys):
    settings = str(write_settings(tmp_path))
    for command in (["status"], ["pause"], ["cancel", "all"]):
        assert main([*command, "--settings", settings]) == 3
        assert "no runner answers here" in capsys.readouterr().err
    with pytest.raises(NoAnswer):
        ask(tmp_path / "none", 0.1, action="status")


async def test_the_commands_print_one_line_and_end_by_what_was_proven(tmp_path, capsys):
    async with trading(tmp_path):
        settings = str(tmp_path / "settings.ini")

        async def run(*words: str) -> int:
            return await asyncio.to_thread(main, [*words, "--settings", settings])

        assert await run("pause", "--reason", "look") == 0
        assert "pause: no order of ours is open at loopback" in capsys.readouterr().out
        assert await run("status") == 0
        assert "paused: root: look" in capsys.readouterr().out.replace(user_name(os.getuid()), "root")
        assert await run("status", "--json") == 0
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["orders"] == []
        assert await run("cancel", "nonsense") == 1
        assert "not known here" in capsys.readouterr().err
