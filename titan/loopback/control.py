"""The control socket: tells the exchange's clock, and in lock-step moves it only when the runner is done."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec
from aiohttp import WSMsgType, web

from titan.loopback.clock import LockstepClock
from titan.loopback.desk import Desk
from titan.loopback.fault_sockets import abort


class Hello(msgspec.Struct, frozen=True):
    """What the exchange says on connect."""

    clock: str
    now_ns: int
    speed: float
    instance: str
    """Names this run of the exchange: its accounts have no history before it."""


class Advance(msgspec.Struct, frozen=True):
    """To the runner: the clock, and how many data frames have been sent to it in all.

    ``advance`` follows an act of the market; ``settle`` follows frames that the runner's own orders caused.
    """

    op: Literal["advance", "settle"]
    now_ns: int
    public: int
    private: int


class FromRunner(msgspec.Struct, frozen=True):
    """From the runner: ``start``, or ``drained`` with the frames it has received and processed."""

    op: Literal["start", "drained"]
    public: int = 0
    private: int = 0


class ControlError(Exception):
    """The runner broke the protocol or left; the market stands still from then on."""


class Control:
    """One control socket at a time.

    Parameters
    ----------
    desk : Desk
        Moved by `serve` when its clock is in lock-step.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._taken = False
        self._sockets: set[web.WebSocketResponse] = set()

    async def close(self, app: web.Application) -> None:
        """Say goodbye to whoever holds a control socket."""
        await asyncio.gather(*(socket.close() for socket in tuple(self._sockets)))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The ``/control`` route."""
        socket = web.WebSocketResponse()
        try:
            await socket.prepare(request)
        except ConnectionError:
            return abort(request)  # the runner was gone before it was answered
        lockstep = isinstance(self._desk.clock, LockstepClock)
        if lockstep and self._taken:
            await socket.send_json(
                {"error": "another runner holds the lock-step; start an exchange of your own"}
            )
            await socket.close()
            return socket
        self._taken = True
        self._sockets.add(socket)
        try:
            await self._serve(socket)
        except ControlError as error:
            if not socket.closed:
                await socket.send_json({"error": str(error)})
        except ConnectionError:
            return socket  # the runner is gone; time stands still until another connects
        finally:
            self._taken = False
            self._sockets.discard(socket)
        await socket.close()
        return socket

    async def _serve(self, socket: web.WebSocketResponse) -> None:
        desk = self._desk
        clock = desk.clock
        desk.catch_up()
        await _send(socket, Hello(clock.name, desk.exchange.now_ns, clock.speed, desk.instance))
        if not isinstance(clock, LockstepClock):
            while (await socket.receive()).type is WSMsgType.TEXT:
                await _send(socket, Hello(clock.name, clock.now_ns(), clock.speed, desk.instance))
            return
        if (await _receive(socket)).op != "start":
            raise ControlError('expected {"op":"start"}')
        while (due_ns := desk.source.next_ns()) is not None:
            clock.set(due_ns)
            desk.step(due_ns)
            await self._settle(socket, "advance")
        await socket.send_json({"op": "end"})
        while (await socket.receive()).type is WSMsgType.TEXT:
            continue  # the runner still cancels and queries; it closes the socket when it has finished

    async def _settle(self, socket: web.WebSocketResponse, op: Literal["advance", "settle"]) -> None:
        """Tell the totals until the runner has processed as many frames as were sent."""
        register, now_ns = self._desk.register, self._desk.exchange.now_ns
        while True:
            told = (register.public_sent, register.private_sent)
            await _send(socket, Advance(op, now_ns, *told))
            answer = await _receive(socket)
            if answer.op != "drained":
                raise ControlError('expected {"op":"drained"}')
            if told == (register.public_sent, register.private_sent) == (answer.public, answer.private):
                return
            op = "settle"
            await asyncio.sleep(0)


async def _send(socket: web.WebSocketResponse, message: msgspec.Struct) -> None:
    await socket.send_str(msgspec.json.encode(message).decode())


async def _receive(socket: web.WebSocketResponse) -> FromRunner:
    message = await socket.receive()
    if message.type is not WSMsgType.TEXT:
        raise ControlError("the runner closed the control socket")
    try:
        return msgspec.json.decode(message.data, type=FromRunner)
    except msgspec.DecodeError as error:
        raise ControlError(f"unreadable control message ({error})") from None
