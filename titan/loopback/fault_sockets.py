"""A plan of faults on real sockets: connections refused, held or broken, answers and frames spoiled.

Time is the exchange's clock: at a `--speed` of 10 a delay of 1 s takes a tenth of one here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qsl

from aiohttp import web

from titan.loopback.answer import RestAnswer
from titan.loopback.desk import Desk
from titan.loopback.fault_acts import FaultActs
from titan.loopback.fault_answers import instead, named_order, spoiled, torn
from titan.loopback.fault_frames import FrameFaults
from titan.loopback.fault_gate import FaultGate
from titan.loopback.faults import Kind, Plan

_LOOK_S = 0.02
"""How often a held connection is looked at: the client's own time-out ends it."""


class SocketFaults:
    """What goes wrong at one exchange.

    Parameters
    ----------
    desk : Desk
        The exchange; the plan's times count from its present.
    plan : Plan
        The faults.
    """

    def __init__(self, desk: Desk, plan: Plan) -> None:
        self.gate = FaultGate(plan, desk.exchange.now_ns)
        self._desk = desk
        self._acts = FaultActs(desk, self.gate)

    def carry_out(self) -> None:
        """Let the exchange's own faults happen that are due."""
        self._acts.carry_out()

    @property
    def refusing(self) -> bool:
        """Whether nobody can connect just now."""
        return self.gate.unreachable(self._desk.clock.now_ns())

    def frames(self, stream: str) -> FrameFaults:
        """The faults of a connection that is made now."""
        return FrameFaults(self.gate, stream, self._desk.clock)

    async def call(self, request: web.Request, carried_out: Callable[[], RestAnswer]) -> web.StreamResponse:
        """Answer one call as the plan has it.

        Parameters
        ----------
        carried_out : function
            Carries out the call, and gives its answer.
        """
        now_ns = self._desk.clock.now_ns()
        path, _, query = request.raw_path.partition("?")
        stated = dict(parse_qsl(query) + parse_qsl((await request.read()).decode(errors="replace")))
        fault = self.gate.call(now_ns, request.method, path, named_order(stated))
        kind = fault.kind if fault else None
        if kind is Kind.REFUSE_CONNECTION:
            return abort(request)
        if fault is not None and kind is Kind.DELAY_CALL:
            await self._sleep(fault.delay_s)
        if kind is Kind.LOSE_REQUEST:
            return await _hold(request)
        if self.refusing:
            return abort(request)
        answer = instead(fault, now_ns) or spoiled(carried_out(), fault)
        if kind is Kind.LOSE_ANSWER:
            return await _hold(request)
        if fault is not None and kind is Kind.LATE_ANSWER:
            await self._sleep(fault.delay_s)
        return await _tear(request, answer) if torn(fault, answer) else whole(answer)

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._desk.clock.speed)


def whole(answer: RestAnswer) -> web.Response:
    """An answer as it should be."""
    return web.Response(
        status=answer.status, headers=answer.headers, body=answer.body, content_type="application/json"
    )


def abort(request: web.Request) -> web.Response:
    """Break the connection without a word."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _hold(request: web.Request) -> web.Response:
    """Keep the connection open and say nothing until the client has had enough."""
    while request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(_LOOK_S)
    return web.Response()


async def _tear(request: web.Request, answer: RestAnswer) -> web.StreamResponse:
    """Promise the whole body, send half of it, and break the connection."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = "application/json"
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


class Door:
    """The exchange's port: closed while a plan refuses connections, so that a client is refused by the system itself.

    Parameters
    ----------
    runner : web.AppRunner
        Set up.
    faults : SocketFaults
        Says when.
    open_port : function
        Opens the port again, the same one; gives what stops it.
    site : web.BaseSite
        What holds the port now.
    """

    def __init__(
        self,
        runner: web.AppRunner,
        faults: SocketFaults,
        open_port: Callable[[], web.BaseSite],
        site: web.BaseSite,
    ) -> None:
        self._runner = runner
        self._faults = faults
        self._open_port = open_port
        self._site: web.BaseSite | None = site

    async def keep(self) -> None:
        """Open and close as the plan has it, until cancelled."""
        while True:
            if self._faults.refusing and self._site is not None:
                await self._close()
            elif not self._faults.refusing and self._site is None:
                await self._open()
            await asyncio.sleep(_LOOK_S / 4)

    async def _open(self) -> None:
        site = self._open_port()
        try:
            await site.start()
        except OSError:
            # Somebody else holds the port just now: it is tried again at the next look.
            await site.stop()
        else:
            self._site = site

    async def _close(self) -> None:
        """Refuse who comes, and break with who is there."""
        site, self._site = self._site, None
        if site is not None:
            await site.stop()
        server = self._runner.server
        for connection in server.connections if server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()
