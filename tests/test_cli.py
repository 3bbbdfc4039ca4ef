"""The command lines: each wrong use is one clear line on standard error and its exit code, never a traceback."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from tests.live.desks import SYMBOL, last_object, read_settings, record_capture, write_settings
from titan.cli import main, main_live
from titan.store.lock import AccountLock


@pytest.fixture
def nowhere(monkeypatch, tmp_path) -> Path:
    """An empty working folder, and no settings in the environment."""
    for name in [name for name in os.environ if name.startswith("TITAN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def made_capture(tmp_path_factory) -> Path:
    """Three seconds of a generated market."""
    return record_capture(tmp_path_factory.mktemp("captures") / "capture", seconds=3.0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def refused(capsys, code: int, *arguments: object, program=main_live) -> str:
    """Run, expect this exit code and one line on standard error; the line."""
    assert program([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert out == ""
    return lines[0]


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"venue__rest_url": "http://192.0.2.1:80"}, 3, "http://192.0.2.1:80 is elsewhere"),
        ({"venue__rest_url": "http://example.com"}, 3, "http://example.com is elsewhere"),
        (
            {"venue__rest_url": "http://127.0.0.1:1", "venue__stream_url": "wss://example.com"},
            3,
            "wss://example.com is elsewhere",
        ),
        ({"venue__rest_url": "127.0.0.1:80"}, 2, "write it like http://127.0.0.1:8080"),
        ({"live__quote_interval_ms": "-4"}, 2, "[live] quote_interval_ms = -4: must be"),
        ({"live__venue": "elsewhere"}, 2, "[live] venue = elsewhere has no [venue.elsewhere]"),
        ({"live__telemetry_port": "70000"}, 2, "[live] telemetry_port = 70000: must be"),
    ],
)
def test_a_wrong_setting_is_one_line(nowhere, capsys, changes, code, said):
    assert said in refused(capsys, code, "--settings", write_settings(nowhere, **changes))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("colour = blue", "[strategy.avellaneda_stoikov] colour: unknown parameter"),
        ("order_size = much", "order_size = much"),
        ("order_size = -1", "order_size = -1"),
    ],
)
def test_a_wrong_parameter_is_one_line(nowhere, capsys, line, said):
    path = write_settings(nowhere, venue__rest_url="http://127.0.0.1:1")
    text = path.read_text().replace("requote_ticks = 1", f"requote_ticks = 1\n{line}")
    path.write_text(text)
    assert said in refused(capsys, 2, "--settings", path)


def test_an_unknown_key_names_the_nearest(nowhere, capsys):
    path = write_settings(nowhere)
    path.write_text(path.read_text().replace("log_level", "log_levle"))
    line = refused(capsys, 2, "--settings", path)
    assert "[live] log_levle: unknown key; did you mean 'log_level'?" in line


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("nowhere.at_all", "code = nowhere.at_all: cannot be imported"),
        ("titan.market.fair_value", "code = titan.market.fair_value: lacks Parameters"),
    ],
)
def test_an_unusable_strategy_module_is_one_line(nowhere, capsys, code, said):
    path = write_settings(nowhere, venue__rest_url="http://127.0.0.1:1", strategy__code=code)
    assert said in refused(capsys, 2, "--settings", path)


def test_a_missing_settings_file_is_one_line(nowhere, capsys):
    assert "no such settings file" in refused(capsys, 2, "--settings", nowhere / "none.ini")
    assert "name one with --settings FILE" in refused(capsys, 2)


def test_the_command_line_goes_over_the_file(nowhere, capsys):
    line = refused(capsys, 2, "--settings", write_settings(nowhere), "--venue", "elsewhere")
    assert "[live] venue = elsewhere has no [venue.elsewhere]" in line


def test_nobody_at_the_exchanges_address(nowhere, capsys):
    path = write_settings(nowhere, venue__rest_url=f"http://127.0.0.1:{free_port()}")
    assert "start 'titan exchange' there" in refused(capsys, 3, "--settings", path)


def test_a_second_runner_of_the_account_is_refused_by_the_firsts_pid(nowhere, capsys):
    path = write_settings(nowhere)
    with AccountLock(nowhere / "journals", "loopback.main"):
        line = refused(capsys, 3, "--settings", path)
    assert f"already run by process {os.getpid()}" in line


def test_a_journals_folder_that_cannot_be_is_one_line(nowhere, capsys):
    (nowhere / "journals").write_text("a file")
    path = write_settings(nowhere)
    assert f"journals folder {nowhere / 'journals'}: File exists" in refused(capsys, 3, "--settings", path)


def test_a_replay_needs_an_exchange_of_its_own_and_a_file(nowhere, capsys, made_capture):
    path = write_settings(nowhere, venue__rest_url="http://127.0.0.1:1")
    line = refused(capsys, 2, "--settings", path, "--replay", made_capture)
    assert "[venue.loopback] rest_url is set" in line
    path = write_settings(nowhere)
    assert "none: no such file" in refused(capsys, 2, "--settings", path, "--replay", nowhere / "none")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x00\xffnoise\nmore noise\n", "capture"),
        (b"", "capture"),
        (b'1700000000000000000 {"e":"trade"', "capture"),
    ],
)
def test_a_useless_capture_is_one_line(nowhere, capsys, content, said):
    capture = nowhere / "capture"
    capture.write_bytes(content)
    path = write_settings(nowhere)
    assert said in refused(capsys, 2, "backtest", capture, "--settings", path, program=main)


def test_the_childs_refusal_is_the_runners(nowhere, capfd):
    """It starts an exchange as a child: what that says is told in our one line."""
    capture = nowhere / "capture"
    capture.write_bytes(b"noise\nnoise\n")
    line = refused(capfd, 3, "--settings", write_settings(nowhere), "--replay", capture)
    assert re.match(r"titan: the loopback exchange does not start: capture .*: line 2 cannot be read", line)


def test_a_truncated_capture_is_one_line(nowhere, capfd, made_capture):
    capture = nowhere / "capture"
    capture.write_bytes(made_capture.read_bytes()[:-20])
    settings = write_settings(nowhere)
    for code, program, arguments in (
        (2, main, ("backtest", capture, "--settings", settings)),
        (3, main, ("exchange", "--replay", capture)),
        (3, main_live, ("--replay", capture, "--settings", settings)),
    ):
        assert "it was cut short or damaged: copy it anew" in refused(
            capfd, code, *arguments, program=program
        )


def test_a_port_in_use_is_one_line(nowhere, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused(capsys, 3, "exchange", "--port", port, program=main)
    assert (
        line == f"exchange: port {port} on 127.0.0.1 is in use; give another with --port, or 0 for a free one"
    )


@pytest.mark.parametrize(
    "arguments",
    [["--speed", "fast"], ["--account", "key"], ["--replay", "none"], ["--port", "70000"]],
)
def test_a_wrong_exchange_is_one_line(nowhere, capsys, arguments):
    assert refused(capsys, 3, "exchange", *arguments, program=main).startswith("exchange: ")


def test_a_useless_plan_of_faults_is_one_line(nowhere, capfd):
    plan = nowhere / "plan.json"
    plan.write_text('{"faults": [{"kind": "earthquake"}]}')
    said = refused(capfd, 3, "exchange", "--faults", plan, program=main)
    assert said.startswith(f"exchange: faults {plan}: Invalid enum value 'earthquake'")
    line = refused(capfd, 3, "--settings", write_settings(nowhere), "--faults", plan)
    assert line.startswith(f"titan: the loopback exchange does not start: faults {plan}: Invalid enum value")
    path = write_settings(nowhere, venue__rest_url="http://127.0.0.1:9")
    assert "--faults is for an exchange of its own" in refused(capfd, 2, "--settings", path, "--faults", plan)


@pytest.mark.parametrize("duration", ["0", "-1", "nan", "soon", "1e12"])
def test_a_duration_is_a_positive_number(nowhere, capsys, duration):
    with pytest.raises(SystemExit) as ended:
        main_live([f"--duration={duration}"])
    assert ended.value.code == 2
    assert "argument --duration: " in capsys.readouterr().err.splitlines()[-1]


def test_an_interrupt_before_the_start_is_one_line(nowhere, capsys, monkeypatch):
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("titan.cli.load_settings", interrupted)
    assert "nothing was sent" in refused(capsys, 3)


# ---- What works -------------------------------------------------------------------------------------------


def test_a_backtest_and_its_journal(nowhere, capsys, made_capture):
    settings = write_settings(nowhere)
    assert main(["backtest", str(made_capture), "--settings", str(settings), "--json"]) == 0
    found = last_object(capsys.readouterr().out)
    assert (found["stopped_because"], found["open_orders_at_exit"]) == ("the capture is over", 0)
    for session in ([], [found["session"]], [found["journal"]]):
        assert main(["journal", "verify", *session, "--settings", str(settings), "--json"]) == 0
        verified = last_object(capsys.readouterr().out)
        assert set(verified) == {
            *("session", "events", "commands", "state_hash", "identical", "difference", "truncated")
        }
        assert (verified["identical"], verified["events"]) == (True, found["events"])
    assert main(["journal", "verify", "--settings", str(settings)]) == 0
    assert re.search(r"^identical +True$", capsys.readouterr().out, re.MULTILINE)


def test_a_journal_that_is_not_there_is_one_line(nowhere, capsys):
    settings = write_settings(nowhere)
    verify = ("journal", "verify", "--settings", settings)
    assert "run titan-live first" in refused(capsys, 2, *verify, program=main)
    (nowhere / "journals").mkdir()
    name = "20240101T000000Z-000000"
    assert f"session {name}: not found" in refused(capsys, 2, *verify, name, program=main)
    (nowhere / "journals" / name).mkdir()
    assert "is no session" in refused(capsys, 2, *verify, name, program=main)


def test_data_verify(nowhere, capsys, made_capture):
    assert main(["data", "verify", str(made_capture), "--json"]) == 0
    found = last_object(capsys.readouterr().out)
    assert found["ok"] is True
    row = found["files"][0]
    assert (row["gaps"], row["crossed"]) == (0, 0)
    assert row["checked"] == row["matched"] > 100
    assert main(["data", "verify", str(made_capture)]) == 0
    assert "gaps 0" in capsys.readouterr().out
    lines = made_capture.read_bytes().splitlines(keepends=True)
    damaged = nowhere / "damaged"
    damaged.write_bytes(b"".join(lines[:150] + lines[160:]))
    assert main(["data", "verify", str(damaged), "--json"]) == 1
    assert last_object(capsys.readouterr().out)["ok"] is False
    refused(capsys, 2, "data", "verify", nowhere / "none", program=main)


def test_the_settings_read_are_the_ones_written(nowhere):
    settings = read_settings(nowhere, live__log_level="error")
    assert (settings.live.log_level, settings.venue["loopback"].symbols) == ("error", (SYMBOL,))
