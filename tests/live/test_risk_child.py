"""The estimating process as a child: whatever becomes of it is told, it is started anew, and nobody is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import os
import signal
import sys

import msgspec
import psutil
import pytest

from tests.live.desks import running, until
from tests.live.risk_questions import held, question, setup
from titan.live import risk_process
from titan.live.risk_child import WELL_AFTER, RiskChild
from titan.live.risk_question import Answer
from titan.live.risk_record import NAME

EVERY_S = 0.05
HELD = (held("BTCUSDT", {"as": 100}), held("ETHUSDT", {"as": -500}))


class Desk:
    """What a child is given, and what came of it."""

    def __init__(self, **changes):
        self.results = []
        self.complaints = []
        self.faults = []
        self.lines = HELD
        stated = changes.pop("setup", setup(every_s=EVERY_S, enough=20))
        self.child = RiskChild(stated, self.ask, self.ingest, self.complaints.append, **changes)

    def ask(self, number):
        return (
            question(*self.lines, number=number, now_ns=round(number * EVERY_S * 1e9)) if self.lines else None
        )

    def ingest(self, make):
        self.results.append(make(0))

    async def complained(self, word):
        await until(lambda: any(word in text for text in self.complaints))


@contextlib.asynccontextmanager
async def kept(**changes):
    desk = Desk(**changes)
    async with desk.child.kept(desk.faults.append):
        yield desk
    assert desk.faults == []


def gone(pid):
    """Whether a process is dead; one that nobody has reaped yet is."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def script(code):
    return {"program": (sys.executable, "-c", code), "first_pause_s": 0.02, "answer_timeout_s": 5.0}


async def test_results_come_on_the_beat_and_the_process_ends_with_the_context():
    async with kept() as desk:
        await until(lambda: len(desk.results) >= 10)
        pid = desk.child.pid
        assert psutil.Process(pid).nice() > psutil.Process().nice()
        # Prices stand still: a record that does not move is none.
        assert {result.basis.partition(":")[0] for result in desk.results} == {"assumed"}
        assert len({result.shortfall for result in desk.results}) == 1
        assert [result.computed_ns for result in desk.results] == sorted(r.computed_ns for r in desk.results)
    assert gone(pid)
    assert (desk.complaints, desk.child.failures) == ([], 0)


async def test_nothing_is_asked_while_there_is_nothing_to_ask():
    async with kept() as desk:
        desk.lines = ()
        await until(lambda: desk.child.pid)
        desk.lines = HELD
        await until(lambda: desk.results)
        assert desk.complaints == []


async def test_a_process_that_is_killed_is_told_and_started_anew(tmp_path):
    stated = setup(every_s=EVERY_S, enough=20, record=str(tmp_path / NAME))
    async with kept(first_pause_s=0.02, setup=stated) as desk:
        await until(lambda: desk.results)
        first = desk.child.pid
        os.kill(first, signal.SIGKILL)
        await desk.complained("ended with -9")
        count = len(desk.results)
        await until(lambda: len(desk.results) > count)
        assert desk.child.pid not in {0, first}
        assert gone(first)
        assert (len(desk.complaints), desk.child.failures) == (1, 1)
        assert "it is started anew in 0.02 s" in desk.complaints[0]
    assert len((tmp_path / NAME).read_bytes().splitlines()) >= len(desk.results)


async def test_a_process_that_hangs_is_ended_and_started_anew():
    async with kept(first_pause_s=0.02, answer_timeout_s=2.0) as desk:
        await until(lambda: desk.results)
        first = desk.child.pid
        os.kill(first, signal.SIGSTOP)
        await desk.complained("did not answer within 2 s")
        assert gone(first)
        count = len(desk.results)
        await until(lambda: len(desk.results) > count)


ANSWERS = "import sys\nfor line in sys.stdin:\n    print({!r}, flush=True)\n"


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (ANSWERS.format("nonsense"), "answered what is no result"),
        (ANSWERS.format('{"number": 1, "result": null, "more": 2}'), "answered what is no result"),
        (ANSWERS.format('{"number": 1, "result": {"shortfall": 0}}'), "answered what is no result"),
        (ANSWERS.format('{"number": 7000, "result": null}'), "answered question 7000 to question"),
        ("import sys; sys.exit('no disk left')", "ended with 1, its last words: no disk left"),
        ("import os, sys; os.close(1); sys.stdin.read()", "closed its output"),
        ("print('x' * (2 << 20)); input()", "answered more than 1048576 bytes without an end"),
        ("import sys; sys.stderr.write('y' * (3 << 20))", "ended with 0, its last words: yyy"),
        ("import sys; sys.stdin.readline(); raise ValueError('odd')", "its last words: ValueError: odd"),
    ],
)  # fmt: skip
async def test_whatever_else_it_does_is_told_and_is_no_result(code, word):
    async with kept(**script(code)) as desk:
        await desk.complained(word)
        assert desk.results == []


async def test_a_program_that_cannot_be_started_is_told():
    async with kept(program=("/nonexistent/python",), first_pause_s=0.02) as desk:
        await desk.complained("cannot be started: No such file or directory")


ONE_ANSWER = """
import json, sys
number = json.loads(sys.stdin.readline())["number"]
print(json.dumps({"number": number, "result": None}), flush=True)
"""


@pytest.mark.parametrize("code", ["pass", ONE_ANSWER])
async def test_pauses_double_while_it_fails_even_if_it_answers_once(code):
    async with kept(**script(code)) as desk:
        await until(lambda: desk.child.failures >= 4)
        pauses = [float(text.split(" in ")[-1].removesuffix(" s")) for text in desk.complaints]
        assert all(later == pytest.approx(2 * sooner) for sooner, later in itertools.pairwise(pauses))


async def test_a_process_that_was_well_is_started_anew_at_once():
    async with kept(first_pause_s=0.02) as desk:
        for failures in (1, 2):
            count = len(desk.results)
            await until(lambda count=count: len(desk.results) >= count + WELL_AFTER + 1)
            os.kill(desk.child.pid, signal.SIGKILL)
            await until(lambda failures=failures: desk.child.failures == failures)
        assert all("it is started anew in 0.02 s" in text for text in desk.complaints)


async def test_a_problem_is_told_once_until_it_changes():
    async with kept() as desk:
        desk.lines = (held("BTCUSDT", {"as": 1}, rate=None),)
        await desk.complained("no risk result: v:BTCUSDT is held and has no price in USDT")
        desk.lines = HELD
        await until(lambda: desk.results)
        assert len(desk.complaints) == 1


async def test_a_fault_of_ours_is_not_swallowed():
    desk = Desk()
    desk.ask = desk.child._question = lambda number: 1 / 0
    async with desk.child.kept(desk.faults.append):
        await until(lambda: desk.faults)
    assert isinstance(desk.faults[0], ZeroDivisionError)


PARENT = """
import asyncio
from tests.live.risk_questions import question, setup
from titan.live.risk_child import RiskChild

async def live():
    def ask(number):
        return question(number=number)

    child = RiskChild(setup(every_s=0.05), ask, lambda make: print(child.pid, flush=True), print)
    async with child.kept(print):
        await asyncio.Event().wait()

asyncio.run(live())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process that hangs with its parent")
async def test_a_runner_that_is_killed_leaves_no_child_even_if_that_hangs():
    with running(PARENT) as parent:
        child = int(await asyncio.to_thread(parent.stdout.readline))
        os.kill(child, signal.SIGSTOP)
        parent.kill()
        await until(lambda: gone(child))


# ---- The process itself, in this one -------------------------------------------------------------------


def asked(*numbers, lines=HELD):
    return [msgspec.json.encode(question(*lines, number=n, now_ns=n * 10**9)) + b"\n" for n in numbers]


def test_it_answers_every_question_and_ends_with_its_input():
    out = io.BytesIO()
    risk_process.serve(setup(), asked(1, 2, 3), out)
    answers = [msgspec.json.decode(line, type=Answer) for line in out.getvalue().splitlines()]
    assert [answer.number for answer in answers] == [1, 2, 3]
    assert all(answer.result is not None for answer in answers)


def test_what_the_mathematics_refuses_is_told_and_the_next_question_answered():
    out = io.BytesIO()
    impossible = (held("BTCUSDT", {"as": 1}, price=-1),)
    risk_process.serve(setup(), asked(1, lines=impossible) + asked(2), out)
    first, second = (msgspec.json.decode(line, type=Answer) for line in out.getvalue().splitlines())
    assert first.result is None
    assert "price" in first.problem
    assert second.result is not None


def test_a_record_that_cannot_be_kept_is_told_beside_the_result(tmp_path):
    out = io.BytesIO()
    risk_process.serve(setup(record=str(tmp_path / "missing" / NAME)), asked(1), out)
    told = msgspec.json.decode(out.getvalue(), type=Answer)
    assert told.result is not None
    assert "prices are kept in memory" in told.problem


def test_a_process_whose_runner_is_dead_already_ends_at_once():
    stated = msgspec.json.encode(setup(parent=1 if os.getppid() != 1 else 2)).decode()
    code = f"import sys; from titan.live.risk_process import main; sys.exit(main([{stated!r}]))"
    with running(code, stdin=-1) as process:
        assert process.wait(20) == 0
