"""The command lines: `titan-live`, and `titan` with its subcommands. Each fault is one clear line and an exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from titan._chain_commands import add_chain_commands
from titan._data_commands import add_data_commands
from titan._operator_commands import add_operator_commands
from titan.chaos.arguments import add_chaos
from titan.engine.strategies import StrategyError
from titan.live.errors import CLEAN, INTERNAL, REFUSED, USAGE, RunnerError, UsageError
from titan.model.contract import ParameterError
from titan.reports.arguments import add_calibrate, add_report, add_trace
from titan.scaffold import ScaffoldError
from titan.settings import Settings, SettingsError
from titan.settings import load as load_settings


def main_live(arguments: Sequence[str] | None = None) -> int:
    """Run a trading session; the entry point of ``titan-live``."""
    parser = argparse.ArgumentParser(
        prog="titan-live", description="Trade the settings' strategies on one venue."
    )
    parser.add_argument("--settings", type=Path, help="settings file (default: the nearest settings.ini)")
    parser.add_argument("--venue", help="the [venue.NAME] to trade on")
    parser.add_argument(
        "--mode", choices=["loopback", "paper", "shadow", "canary", "live"], help="where orders go"
    )
    parser.add_argument("--live", action="store_true", help="canary and live: real money is meant")
    parser.add_argument(
        "--account",
        default="",
        metavar="NAME",
        help="canary and live: the account's name, or TITAN_LIVE_ACCOUNT",
    )
    parser.add_argument(
        "--replay", type=Path, metavar="CAPTURE", help="loopback only: replay a recorded market"
    )
    parser.add_argument(
        "--speed", default="1", metavar="X|max", help="of a replay; max is lock-step (default 1)"
    )
    parser.add_argument(
        "--duration", type=seconds, default=0.0, metavar="S", help="seconds from the first quote"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of the generated market (default 1)"
    )
    parser.add_argument(
        "--faults", type=Path, metavar="FILE", help="loopback only: let go wrong what this plan says"
    )
    parser.add_argument("--json", action="store_true", help="end with one JSON object on stdout")
    options = parser.parse_args(arguments)
    return _guarded(lambda: _live(options))


def seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"{text}: give a positive number of seconds")
    return number


def _live(options: argparse.Namespace) -> int:
    from titan.live.modes import ACCOUNT_VARIABLE, Acts
    from titan.live.runner import RunOptions, run

    overrides = {}
    if options.mode:
        overrides["live.mode"] = options.mode
    if options.venue:
        overrides["live.venue"] = options.venue

    def read() -> Settings:
        return load_settings(options.settings, overrides=overrides)

    settings = read()
    acts = Acts(
        stated_mode=load_settings(options.settings, environment={}).live.mode,
        live_flag=options.live,
        account=options.account or os.environ.get(ACCOUNT_VARIABLE, ""),
    )
    wanted = RunOptions(
        venue=settings.live.venue,
        replay=options.replay,
        speed=options.speed,
        duration_s=options.duration,
        seed=options.seed,
        quiet=options.json,
        acts=acts,
        faults=options.faults,
        read_settings=read,
    )
    result = asyncio.run(run(settings, wanted))
    _show(result.summary, as_json=options.json)
    return result.exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of Titan's tools; the entry point of ``titan``."""
    parser = argparse.ArgumentParser(prog="titan", description="Tools around a desk.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    exchange = commands.add_parser("exchange", help="run the loopback exchange alone")
    exchange.add_argument(
        "--port", type=int, default=0, metavar="P", help="port on 127.0.0.1; 0 takes a free one"
    )
    exchange.add_argument("--replay", type=Path, metavar="CAPTURE", help="replay a recorded market")
    exchange.add_argument("--seed", type=int, default=1, metavar="N", help="of the generated market")
    exchange.add_argument(
        "--symbols", default="BTCUSDT", metavar="A,B", help="of the generated market: BTCUSDT unless given"
    )
    exchange.add_argument(
        "--speed", default="1", metavar="X|max", help="of the exchange's clock; max is lock-step"
    )
    exchange.add_argument(
        "--account",
        action="append",
        default=[],
        metavar="KEY:SECRET:BALANCE",
        help="who may sign in; repeatable",
    )
    exchange.add_argument(
        "--faults", type=Path, metavar="FILE", help="let go wrong what this plan says (docs/faults.md)"
    )
    exchange.add_argument("--until-stdin-ends", action="store_true", help="end when standard input does")
    exchange.set_defaults(run=_exchange)

    backtest = commands.add_parser("backtest", help="run the settings' strategies on a recorded market")
    backtest.add_argument("capture", type=Path, metavar="CAPTURE")
    backtest.add_argument("--settings", type=Path, help="settings file (default: the nearest settings.ini)")
    backtest.add_argument(
        "--duration", type=seconds, default=0.0, metavar="S", help="seconds from the first quote"
    )
    backtest.add_argument("--json", action="store_true", help="end with one JSON object on stdout")
    backtest.set_defaults(run=_backtest)

    add_data_commands(commands, seconds)

    journal = commands.add_parser("journal", help="sessions' journals")
    check = journal.add_subparsers(dest="action", required=True).add_parser(
        "verify", help="replay and compare"
    )
    check.add_argument(
        "session", nargs="?", metavar="SESSION", help="name or directory (default: the one last begun)"
    )
    check.add_argument("--settings", type=Path)
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=_journal_verify)

    add_chaos(commands).set_defaults(run=_chaos)

    new = commands.add_parser("new", help="begin something of your own")
    strategy = new.add_subparsers(dest="action", required=True).add_parser(
        "strategy", help="write a notebook, a test and a settings section to start from"
    )
    strategy.add_argument(
        "name", metavar="NAME", help="a lowercase noun: the module's and the section's name"
    )
    strategy.add_argument("--into", type=Path, metavar="DIR", help="a package of its own, outside Titan")
    strategy.set_defaults(run=_new_strategy)

    add_operator_commands(commands, _operate)

    add_report(commands).set_defaults(run=_report)
    add_calibrate(commands).set_defaults(run=_report)
    add_trace(commands).set_defaults(run=_trace)
    add_chain_commands(commands)

    options = parser.parse_args(arguments)
    return _guarded(lambda: int(options.run(options)))


def _operate(options: argparse.Namespace) -> int:
    from titan.live.asking import ask, lines
    from titan.live.control import answer_within_s, control_path

    settings = load_settings(
        options.settings, overrides={"live.venue": options.venue} if options.venue else {}
    )
    account = f"{settings.live.venue}.{settings.venue[settings.live.venue].account}"
    answer = ask(
        control_path(settings.project.journals, account),
        answer_within_s(settings),
        action="flatten" if options.flatten else options.command,
        target=options.target or "",
        who=options.operator,
        why=options.reason,
    )
    if options.command == "status" and answer["done"]:
        print(
            json.dumps(answer["status"]) if options.json else "\n".join(lines(answer["status"])), flush=True
        )
    elif answer["done"]:
        print(f"{options.command}: {answer['text']}", flush=True)
    else:
        _complain(options.command, answer["text"])
    return CLEAN if answer["done"] else 1


def _exchange(options: argparse.Namespace) -> int:
    from titan.loopback.capture_reader import require_whole
    from titan.loopback.errors import ExchangeStartError
    from titan.loopback.faults import FaultPlanError, read_plan
    from titan.loopback.main import ExchangeOptions, parse_account, parse_speed, run_exchange
    from titan.loopback.signatures import DEFAULT_CREDENTIALS

    try:
        accounts = tuple(parse_account(text) for text in options.account) or (DEFAULT_CREDENTIALS,)
        wanted = ExchangeOptions(
            port=options.port,
            replay=options.replay,
            seed=options.seed,
            symbols=tuple(options.symbols.split(",")),
            speed=parse_speed(options.speed),
            accounts=accounts,
            faults=None if options.faults is None else read_plan(options.faults),
            stop_at_stdin_end=options.until_stdin_ends,
        )
        if options.replay is not None:
            require_whole(options.replay)
        asyncio.run(run_exchange(wanted, lambda port: print(json.dumps({"port": port}), flush=True)))
    except (ExchangeStartError, FaultPlanError) as error:
        _complain("exchange", str(error))
        return REFUSED
    return CLEAN


def _backtest(options: argparse.Namespace) -> int:
    from titan.backtest.session import backtest_session
    from titan.loopback.errors import ExchangeStartError

    settings = load_settings(options.settings)
    try:
        result = asyncio.run(backtest_session(settings, options.capture, options.duration))
    except ExchangeStartError as error:
        raise UsageError(str(error)) from None
    _show(result.summary, as_json=options.json)
    return result.exit_code


def _journal_verify(options: argparse.Namespace) -> int:
    from titan.store.framing import JournalError
    from titan.store.replay import replay_session

    try:
        replay = replay_session(_session_directory(options))
    except JournalError as error:
        raise UsageError(str(error)) from None
    found = {name: value for name, value in replay._asdict().items() if name != "kernel"}
    _show(found, as_json=options.json)
    return CLEAN if replay.identical else 1


def _chaos(options: argparse.Namespace) -> int:
    from titan.chaos.command import run

    return run(options)


def _new_strategy(options: argparse.Namespace) -> int:
    from titan.scaffold import new_strategy, next_steps

    for path in new_strategy(options.name, options.into):
        print(f"wrote {shlex.quote(str(path))}")
    print(f"next:\n{next_steps(options.name, options.into)}")
    return CLEAN


def _report(options: argparse.Namespace) -> int:
    try:
        from titan.reports.command import run
    except ModuleNotFoundError as error:
        raise UsageError(f"reports need {error.name}: install titan-mm[reports]") from None

    made = run(options)
    if made:
        _complain("report", made)
    return 1 if made else CLEAN


def _trace(options: argparse.Namespace) -> int:
    from titan.reports.trace_command import run

    run(options)
    return CLEAN


def _session_directory(options: argparse.Namespace) -> Path:
    from titan.store.session import last_begun

    if options.session and Path(options.session).is_dir():
        return Path(options.session)
    journals = load_settings(options.settings).project.journals
    if options.session:
        if not (journals / options.session).is_dir():
            raise UsageError(f"session {options.session}: not found in {journals}")
        return journals / str(options.session)
    found = last_begun(journals)
    if found is None:
        raise UsageError(f"no session in {journals}; run titan-live first")
    return found.directory


def _show(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary), flush=True)
        return
    for name, value in _flat(summary):
        print(f"{name:40} {value}")


def _flat(summary: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every value with its whole name, for people."""
    for name, value in summary.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            yield f"{prefix}{name}", "-" if shown in (None, "") else shown


def _guarded(work: Callable[[], int]) -> int:
    """Run and turn every expected fault into one line on stderr and its exit code."""
    try:
        return work()
    except RunnerError as error:
        _complain("titan", str(error))
        return error.exit_code
    except (SettingsError, ParameterError, StrategyError, ScaffoldError) as error:
        _complain("titan", str(error))
        return USAGE
    # The last resort: whoever watches exit codes must not take a fault of ours for a wrong setting.
    except Exception as error:
        traceback.print_exc()
        _complain(
            "titan", f"internal error ({type(error).__name__}: {error}); look at the venue, then report it"
        )
        return INTERNAL
    except KeyboardInterrupt:
        _complain("titan", "interrupted before the session began; nothing was sent")
        return REFUSED


def _complain(program: str, message: str) -> None:
    print(f"{program}: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
