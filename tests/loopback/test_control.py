"""The control socket: who may hold it, what breaks it, what time does meanwhile."""

from __future__ import annotations

import asyncio

import aiohttp

from tests.loopback import capture
from tests.loopback.client import DEFAULT, Client, frame
from titan.loopback.main import LOCKSTEP, ExchangeOptions, build_desk, serving


async def test_it_says_the_clock_and_time_stands_until_start(client):
    before = client.desk.exchange.now_ns
    control = await client.stream("/control")
    hello = await frame(control)
    assert hello.pop("instance")
    assert hello == {"clock": "lockstep", "now_ns": before, "speed": 0.0}
    await client.order()
    assert client.desk.exchange.now_ns == before
    await control.send_json({"op": "start"})
    told = await frame(control)
    assert told["op"] == "advance"
    assert told["now_ns"] > before
    await control.send_json({"op": "drained", "public": told["public"], "private": told["private"]})
    assert (await frame(control))["now_ns"] > told["now_ns"]


async def test_one_runner_at_a_time(client):
    first = await client.stream("/control")
    await frame(first)
    second = await client.stream("/control")
    assert "another runner" in (await frame(second))["error"]
    assert (await second.receive()).data == 1000
    await first.close()
    third = await client.stream("/control")
    assert (await frame(third))["clock"] == "lockstep"


async def test_a_broken_protocol_is_named(client):
    for message in ('{"op":"drained"}', "rubbish", '{"op":"fly"}'):
        control = await client.stream("/control")
        await frame(control)
        await control.send_str(message)
        assert "error" in await frame(control)
    control = await client.stream("/control")
    await frame(control)
    await control.send_json({"op": "start"})
    await frame(control)
    await control.send_json({"op": "start"})
    assert "drained" in (await frame(control))["error"]


async def test_settle_waits_for_frames_that_the_runners_orders_caused(client):
    control, private = await client.stream("/control"), await client.private()
    await frame(control)
    await control.send_json({"op": "start"})
    told = await frame(control)
    await client.order()
    await control.send_json({"op": "drained", "public": told["public"], "private": 0})
    settle = await frame(control)
    assert settle == {"op": "settle", "now_ns": told["now_ns"], "public": told["public"], "private": 1}
    assert (await frame(private))["o"]["x"] == "NEW"
    await control.send_json({"op": "drained", "public": told["public"], "private": 1})
    assert (await frame(control))["op"] == "advance"


async def test_after_the_end_the_socket_stays_until_the_runner_has_finished(tmp_path):
    desk = build_desk(ExchangeOptions(replay=capture.write(tmp_path / "c", capture.lines(1)), speed=LOCKSTEP))
    async with serving(desk) as port, aiohttp.ClientSession() as session:
        client = Client(desk, port, session, DEFAULT)
        control = await client.stream("/control")
        await frame(control)
        await control.send_json({"op": "start"})
        while (told := await frame(control))["op"] != "end":
            await control.send_json({"op": "drained", "public": told["public"], "private": 0})
        assert (await client.order()).status == 200
        await control.send_json({"op": "drained"})
        await control.close()
        assert control.close_code == 1000


async def test_a_runner_that_leaves_stops_time(client):
    control = await client.stream("/control")
    await frame(control)
    await control.send_json({"op": "start"})
    told = await frame(control)
    await control.close()
    await asyncio.sleep(0)
    assert client.desk.exchange.now_ns == told["now_ns"]
