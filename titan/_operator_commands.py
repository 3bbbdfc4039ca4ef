"""The commands of `titan` that ask a running session, and what each may be given."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

OPERATOR_COMMANDS = {
    "status": "what the running session does, and why it does not quote",
    "pause": "cancel every order and quote nothing until resume",
    "resume": "quote again, everything or one closed symbol; after a stop it needs --operator and --reason",
    "stop": "STOP: cancel every order and stay stopped, over restarts too, until a named operator resumes",
    "flatten": "STOP, and close every position; the answer says what the venue has shown, and what it cost",
    "close": "close the position of one symbol and quote it no more until resume; the others go on",
    "reload": "take up limits, exits, answers to signals and strategies' parameters as the settings say now",
    "cancel": "cancel one order, or all; the strategies quote on",
}


def add_operator_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], run: Callable[[argparse.Namespace], int]
) -> None:
    """Add a subcommand for each of `OPERATOR_COMMANDS`; all of them end in `run`."""
    for name, meaning in OPERATOR_COMMANDS.items():
        parser = commands.add_parser(name, help=meaning)
        if name == "cancel":
            parser.add_argument(
                "target", metavar="ID|all", help="client id as 'titan status' shows it, or all"
            )
        if name == "close":
            parser.add_argument("target", metavar="SYMBOL")
        if name == "resume":
            parser.add_argument(
                "target", metavar="SYMBOL", nargs="?", help="a closed one (default: everything)"
            )
        if name == "stop":
            parser.add_argument("--flatten", action="store_true", help="close every position as well")
        if name == "status":
            parser.add_argument("--json", action="store_true")
        else:
            parser.add_argument(
                "--operator", default="", metavar="NAME", help="who asks (default: this user)"
            )
            parser.add_argument("--reason", default="", metavar="TEXT", help="why; it is journalled")
        parser.add_argument("--settings", type=Path, help="settings file (default: the nearest settings.ini)")
        parser.add_argument("--venue", help="the [venue.NAME] that is traded (default: that of [live])")
        parser.set_defaults(run=run, operator="", reason="", target="", flatten=False)
