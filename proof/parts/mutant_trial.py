"""Mutants against the tests that run their lines.

A bench of tests is a process that has collected them once and then forks: a fork exchanges the code of the functions
that a mutant changes and runs its tests, which costs no import. What cannot be exchanged, a constant outside functions
or a default, is tried in a process that imports the package anew, as changed. Both are forked from a server that has
loaded the heavy libraries, and nothing of the package.
"""

from __future__ import annotations

import ast
import gc
import importlib.abc
import importlib.util
import inspect
import os
import resource
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from importlib.machinery import ModuleSpec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest

from proof.parts.mutants import Mutant, mutated

PRELOADED = ("coverage", "hypothesis.stateful", "msgspec", "numpy", "pytest", "pytest_asyncio.plugin")
MOST_MEMORY = 6 * 2**30
"""Bytes of address space: a loop that a mutant has made endless fills no more."""
PATIENCE_S = 60.0
TIMES_SLOWER = 20.0
"""A mutant is stopped after `PATIENCE_S`, and this many times what its tests take without it."""
OPTIONS = (
    "-q",
    "--no-header",
    "--assert=plain",
    "-p",
    "no:cacheprovider",
    "-o",
    "timeout=0",
    "--hypothesis-profile",
)

_SERVER = get_context("forkserver")
_SERVER.set_forkserver_preload(list(PRELOADED))
_FORK = get_context("fork")


class Verdict(NamedTuple):
    """How a mutant fared: "killed", "timed out" or "survived"."""

    verdict: str
    by: str
    """The test that failed first; empty if none did."""


class TrialError(RuntimeError):
    """The tests do not tell anything: they fail without a mutant, or pytest itself did."""


class Bench:
    """The tests of some files, measured without a mutant and ready to be run with one.

    Raises
    ------
    TrialError
        If a test fails without any mutant: then it could not tell one from the original.
    """

    def __init__(self, root: Path, files: Sequence[str], tests: Sequence[str]) -> None:
        self._root = str(root)
        measured, _ = _in_a_process(_SERVER, _measure, (self._root, tuple(files), tuple(tests)), None)
        if not isinstance(measured, _Measured):
            raise TrialError(f"without any mutant a test fails: {measured}; repair that first")
        self._lines, self._seconds = measured
        self._orders, theirs = _SERVER.Pipe()
        self._process = _SERVER.Process(target=_collect, args=(theirs, self._root, tuple(tests)))
        self._process.start()
        theirs.close()

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the mutant's lines, quickest first.

        A line that runs while the package is imported is tested by all that run anything of its file.
        """
        by_line = self._lines[mutant.path]
        first, last = mutant.lines
        found = {test for line in range(first, last + 1) for test in by_line.get(line, ())}
        if "" in found:
            found = {test for tests in by_line.values() for test in tests}
        return sorted(found - {""}, key=lambda test: (self._seconds[test], test))

    def judge(self, mutant: Mutant, tests: Sequence[str]) -> Verdict:
        """Run the tests one after another until one of them fails."""
        if not tests:
            return Verdict("survived", "")
        limit_s = PATIENCE_S + TIMES_SLOWER * sum(self._seconds[test] for test in tests)
        self._orders.send((mutant.path, mutant.number, tuple(tests), limit_s))
        failed, in_time = self._answer()
        if failed is None and in_time:
            change = (self._root, mutant.path, mutant.number, tuple(tests))
            failed, in_time = _in_a_process(_SERVER, _judge_anew, change, limit_s)
        if not in_time:
            return Verdict("timed out", "")
        return Verdict("killed" if failed else "survived", failed)

    def _answer(self) -> tuple[Any, bool]:
        """What the process with the tests answers to an order."""
        try:
            answer = self._orders.recv()
        except EOFError:
            self._process.join()
            text = f"the process with the tests ended with {self._process.exitcode}"
            raise TrialError(text) from None
        if isinstance(answer, TrialError):
            raise answer
        found: tuple[Any, bool] = answer
        return found

    def close(self) -> None:
        """End the process; it ends by itself where nobody can give it orders any more."""
        self._orders.close()
        self._process.join()

    def __enter__(self) -> Bench:
        """Use it as a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()


# ---- Processes -----------------------------------------------------------------------------------------------


def _in_a_process(
    context: Any, work: Callable[..., Any], arguments: tuple[Any, ...], limit_s: float | None
) -> tuple[Any, bool]:
    """What ``work`` returns in a process of its own, and whether it did so in time."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, work, arguments))
    process.start()
    sender.close()
    try:
        if not receiver.poll(limit_s):
            return None, False
        answer = receiver.recv()
        if isinstance(answer, TrialError):
            raise answer
        return answer, True
    except EOFError:
        process.join()
        return f"the process ended with {process.exitcode}", True
    finally:
        process.kill()
        process.join()
        receiver.close()


def _answer(sender: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        answer = work(*arguments)
    except Exception:
        answer = TrialError(traceback.format_exc())
    sender.send(answer)


def _run_pytest(root: str, tests: Sequence[str], plugin: _Listening) -> str:
    """The first failure of a fresh pytest that knows nothing of the package yet, empty if all pass.

    Hypothesis draws its steady examples, without a search for the shortest one and a clock that could fail them.
    """
    from hypothesis import HealthCheck, Phase, settings

    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.chdir(root)
    sys.path.insert(0, root)
    # Compiled once for all processes; a mutant is never written.
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(Path(root, ".pytest_cache", "mutants"))
    for name in [name for name in sys.modules if name.partition(".")[0] in {"tests", "titan"}]:
        del sys.modules[name]
    settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    code = pytest.main([*OPTIONS, "mutants", *tests], plugins=[plugin])
    return "" if code is pytest.ExitCode.OK else plugin.failed or f"pytest ended with {code!r}"


# ---- Without a mutant ----------------------------------------------------------------------------------------


class _Measured(NamedTuple):
    """Tests by file and line, the empty name for the import; and how long each test takes, seconds."""

    lines: dict[str, dict[int, tuple[str, ...]]]
    seconds: dict[str, float]


def _measure(root: str, files: tuple[str, ...], tests: tuple[str, ...]) -> _Measured | str:
    import coverage

    paths = {file: str(Path(root, file)) for file in files}
    watch = coverage.Coverage(data_file=None, config_file=False, include=list(paths.values()))
    watching = _Watching(watch)
    watch.start()
    try:
        failed = _run_pytest(root, tests, watching)
    finally:
        watch.stop()
    if failed:
        return failed
    data = watch.get_data()
    lines = {
        file: {line: tuple(names) for line, names in data.contexts_by_lineno(path).items()}
        for file, path in paths.items()
    }
    return _Measured(lines, watching.seconds)


class _Listening:
    """Remembers the first failure, of a test or of the import of one."""

    def __init__(self) -> None:
        self.failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that fails."""
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file of tests that cannot be imported."""
        if report.failed:
            self.failed = self.failed or f"{report.nodeid} (import)"


class _Watching(_Listening):
    """Tells coverage which test is running, and times it."""

    def __init__(self, watch: Any) -> None:
        super().__init__()
        self.watch = watch
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Surround one test."""
        self.watch.switch_context(item.nodeid)
        begun = perf_counter()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = perf_counter() - begun
            self.watch.switch_context("")


# ---- With a mutant, in a fork --------------------------------------------------------------------------------


def _collect(orders: Connection, root: str, tests: tuple[str, ...]) -> None:
    plugin = _Forking(orders, root)
    failed = _run_pytest(root, tests, plugin)
    if failed:
        orders.send(TrialError(failed))


class _Forking(_Listening):
    """Instead of running the tests, forks for each order and runs the tests that it names."""

    def __init__(self, orders: Connection, root: str) -> None:
        super().__init__()
        self.orders, self.root = orders, root
        self.items: dict[str, pytest.Item] = {}
        self.living: list[FunctionType] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve orders until there are no more."""
        self.items = {item.nodeid: item for item in session.items}
        self.living = [each for each in gc.get_objects() if isinstance(each, FunctionType)]
        gc.freeze()  # what is never looked at again is never copied
        while (order := self.next_order()) is not None:
            try:
                answer = self.obey(*order)
            except Exception:
                answer = TrialError(traceback.format_exc())
            self.orders.send(answer)
        return True

    def next_order(self) -> Any:
        """The next order, None once there is nobody who could give one."""
        try:
            return self.orders.recv()
        except EOFError:
            return None

    def obey(self, path: str, number: int, tests: Sequence[str], limit_s: float) -> Any:
        """What a fork answers, and whether in time; None if the change cannot be made in one."""
        swaps = list(_swaps(Path(self.root, path), number, self.living))
        if not swaps:
            return None, True
        return _in_a_process(_FORK, self.run, (swaps, [self.items[test] for test in tests]), limit_s)

    def run(self, swaps: list[tuple[FunctionType, CodeType]], chosen: list[pytest.Item]) -> str:
        """The first of the chosen tests that fails once the code is exchanged."""
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        for function, code in swaps:
            function.__code__ = code
        for item, following in zip(chosen, [*chosen[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                break
        return self.failed


def _swaps(
    file: Path, number: int, living: Sequence[FunctionType]
) -> Iterator[tuple[FunctionType, CodeType]]:
    """The functions of a file whose code a mutant changes, each with its new code.

    None if it changes what runs while the module is imported, or if nothing has imported it yet.
    """
    source = file.read_text(encoding="utf-8")
    before = _functions(_compiled(source, file))
    changed = {
        at: code
        for at, code in _functions(_compiled(mutated(source, number), file)).items()
        if code != before[at]
    }
    for function in living:
        at = function.__code__.co_qualname, function.__code__.co_firstlineno
        if function.__code__.co_filename == str(file) and at in changed:
            yield function, changed[at]


def _compiled(source: str | ast.Module, file: Path) -> CodeType:
    code: CodeType = compile(source, str(file), "exec", dont_inherit=True)
    return code


def _functions(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """The code of a module's functions and methods, by name and line; what is nested in one is part of it."""
    found: dict[tuple[str, int], CodeType] = {}
    for inner in (each for each in code.co_consts if isinstance(each, CodeType)):
        if not inner.co_flags & inspect.CO_OPTIMIZED:
            found |= _functions(inner)  # a class
        elif "<" not in inner.co_qualname:
            found[inner.co_qualname, inner.co_firstlineno] = inner
    return found


# ---- With a mutant, imported anew ----------------------------------------------------------------------------


def _judge_anew(root: str, path: str, number: int, tests: tuple[str, ...]) -> str:
    """The first of the tests that fails, empty if none does."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    sys.meta_path.insert(0, _Mutation(Path(root, path), ".".join(Path(path).with_suffix("").parts), number))
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    chosen = _Chosen(tests)
    failed = _run_pytest(root, ["-x", *files], chosen)
    if failed and not chosen.failed:
        raise TrialError(f"{path}, change {number}: {failed}")
    return failed


class _Mutation(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, changed."""

    def __init__(self, file: Path, module: str, number: int) -> None:
        self.file, self.module, self.number = file, module, number

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of the module that is changed, and of no other."""
        if name != self.module:
            return None
        return importlib.util.spec_from_file_location(name, self.file, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module with its change."""
        tree = mutated(self.file.read_text(encoding="utf-8"), self.number)
        exec(_compiled(tree, self.file), vars(module))


class _Chosen(_Listening):
    """Keeps the chosen tests alone, in their order."""

    def __init__(self, tests: Sequence[str]) -> None:
        super().__init__()
        self.order = {test: at for at, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave the others out."""
        items[:] = sorted((i for i in items if i.nodeid in self.order), key=lambda i: self.order[i.nodeid])
