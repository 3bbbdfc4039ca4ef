"""The operator's way in: a socket of this machine and user, and a file that works when the socket does not.

Who may speak is decided by the operating system: the socket lies in a folder that only this user enters, and the
kernel names the peer's user id, which must be ours or root's. A request is one line of JSON, its answer another.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import pwd
import socket
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from titan.engine.strategies import StrategyError
from titan.live.errors import RunnerError, StartRefused
from titan.model.commands import OperatorAnswer
from titan.model.contract import ParameterError
from titan.model.events import JournalledEvent, KillSwitch, OperatorAction, SettingsReloaded
from titan.settings import Settings, SettingsError

MOST_BYTES = 65_536
"""Of a request; an answer may be longer."""

PATIENCE_S = 5.0
"""How much longer than the engine's own deadline an answer is waited for."""

Ingest = Callable[[Callable[[int], JournalledEvent]], None]


def machine_folder() -> Path:
    """The folder of this user on this machine: account locks and control sockets, whatever the settings say."""
    return Path(tempfile.gettempdir()) / f"titan-{os.getuid()}"


def control_path(journals: Path, account: str) -> Path:
    """The socket of the runner that keeps its journals there and trades this account.

    Its name is a digest: an address of this kind may have 107 bytes at the most.
    """
    name = hashlib.sha256(f"{journals.resolve()} {account}".encode()).hexdigest()[:24]
    return machine_folder() / f"{name}.sock"


def answer_within_s(settings: Settings) -> float:
    """The longest that the engine takes to prove what it is asked: an exit, and then that no order is left."""
    return settings.live.shutdown_timeout_s + settings.risk.exit_timeout_s


class Control:
    """Serves requests on the socket, and watches the kill switch's file.

    Parameters
    ----------
    path : Path
        Of the socket; what an earlier runner left there is replaced, since the account's lock is ours.
    kill_file : Path
        While it exists, nothing is quoted.
    ingest : callable
        Takes a function of the time that makes an event of the session.
    status : callable
        What the session is doing, as plain data.
    read_again : callable
        The engine's configuration by the settings as they stand now, msgpack; raises what is wrong with them.
    deadline_s : float
        How long the engine tries to prove a request.
    """

    def __init__(
        self,
        path: Path,
        kill_file: Path,
        ingest: Ingest,
        status: Callable[[], dict[str, Any]],
        read_again: Callable[[], bytes],
        deadline_s: float,
    ) -> None:
        self._path = path
        self._kill_file = kill_file
        self._ingest = ingest
        self._status = status
        self._read_again = read_again
        self._deadline_s = deadline_s + PATIENCE_S
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[OperatorAnswer]] = {}
        self._server: asyncio.Server | None = None
        self._killed: str | None = None

    async def open(self) -> None:
        """Begin to listen.

        Raises
        ------
        StartRefused
            If the socket cannot be made: a session that cannot be stopped from outside is not started.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MOST_BYTES)
            self._path.chmod(0o600)
        except OSError as error:
            raise StartRefused(f"control socket {self._path}: {error.strerror}; free that path") from None

    async def close(self) -> None:
        """End; a request that still waits is told so."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(OperatorAnswer(request="", done=False, text="the session has ended"))
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    def watch(self) -> None:
        """Look for the kill switch's file; called with every look at the timers.

        Whoever writes into it may be seen between making and filling it, so what it says is told anew when it changes.
        """
        why = read_kill_file(self._kill_file)
        if why != self._killed:
            self._killed = why
            self._ingest(lambda now_ns: KillSwitch(time_ns=now_ns, on=why is not None, why=why or ""))

    def answered(self, answer: OperatorAnswer) -> None:
        """The engine has answered: pass it on to whoever asked."""
        waiting = self._waiting.get(answer.request)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._answer(await reader.readline(), _peer(writer))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError):
            # Whoever asked has gone, or sent a line without end; what was asked for is journalled all the same.
            return
        finally:
            writer.close()

    async def _answer(self, line: bytes, uid: int) -> dict[str, Any]:
        if uid not in {os.getuid(), 0}:
            return _refused(f"user id {uid} may not speak here; ask as the runner's user")
        try:
            asked = json.loads(line)
            action, target, who, why = (
                str(asked.get(name, "")) for name in ("action", "target", "who", "why")
            )
        except (ValueError, AttributeError):
            return _refused("a request is one line of JSON with action, target, who and why")
        if action == "status":
            return {"done": True, "text": "", "status": self._status()}
        config = b""
        if action == "reload":
            try:
                config = self._read_again()
            except (RunnerError, SettingsError, ParameterError, StrategyError) as error:
                return _refused(f"{error}; the settings in use stay")
        request = f"{os.getpid()}-{next(self._numbers)}"
        waiting = self._waiting[request] = asyncio.get_running_loop().create_future()
        # An unnamed request carries the user's name, except where the engine insists on a name given.
        who = who or ("" if action == "resume" else user_name(uid))
        self._ingest(
            lambda now_ns: (
                SettingsReloaded(time_ns=now_ns, config=config, who=who, why=why, request=request)
                if action == "reload"
                else OperatorAction(
                    time_ns=now_ns, action=action, target=target, who=who, why=why, request=request
                )
            )
        )
        try:
            answer = await asyncio.wait_for(waiting, self._deadline_s)
        except TimeoutError:
            return _refused("no answer within the deadline; look at the log and at the venue")
        finally:
            del self._waiting[request]
        return {"done": answer.done, "text": answer.text}


def _refused(text: str) -> dict[str, Any]:
    return {"done": False, "text": text}


def _peer(writer: asyncio.StreamWriter) -> int:
    """The user id at the other end, as the kernel knows it."""
    credentials = writer.get_extra_info("socket").getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
    )
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)


def user_name(uid: int) -> str:
    """The user's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def read_kill_file(path: Path) -> str | None:
    """What stands in the kill switch's file, its first line; None if there is none.

    One that exists and cannot be read is there all the same.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip().partition("\n")[0][:200]
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{path.name} cannot be read: {error.strerror}"
