"""A backtest from a notebook: `titan.backtest`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from titan import settings as desk
from titan.backtest.cell_strategies import code_of, name_of, source_text
from titan.backtest.session import backtest_session
from titan.engine.strategies import load_strategy
from titan.model.contract import ParameterError
from titan.reports.session_frames import SessionFrames, load_session
from titan.settings import Settings, Strategy
from titan.store.captures import CaptureError, captures_in

Found = TypeVar("Found")


def backtest(
    capture: str | Path,
    strategy: Any = None,
    *,
    parameters: Mapping[str, float] | None = None,
    settings: Settings | str | Path | None = None,
    journals: str | Path | None = None,
    seconds: float = 0.0,
) -> SessionFrames:
    """Run strategies on a recorded market: engine, outbox, adapter and exchange are those of a live session.

    It may be called where an event loop runs, as in a notebook.

    Parameters
    ----------
    capture : str or Path
        A raw capture of a USD-M market, or a folder that holds one.
    strategy : str, module or class, optional
        The name of a [strategy.NAME]; ``package.module``; a module; or a class of a cell, which holds `Parameters`,
        `State` and the static functions `initial`, `update` and `quote`. Without it, every enabled strategy of the
        settings. What is no [strategy.NAME] quotes all symbols of the venue.
    parameters : mapping of str to float, optional
        Over those of the section, or over the defaults of the code.
    settings : Settings, str or Path, optional
        The settings or their file; settings.ini in the working folder or above unless given. All of them hold as
        they do live.
    journals : str or Path, optional
        Where the session is written; the settings' [project] journals unless given.
    seconds : float
        Of the capture's clock from the first quote; 0 runs to its end.

    Returns
    -------
    SessionFrames
        As of `titan.load_session`: a backtest's journal is a session's.

    Raises
    ------
    CaptureError, ExchangeStartError
        If the capture is not there or cannot be replayed.
    SettingsError, ParameterError, StrategyError
        Naming the section or strategy, key, value and range.
    RunnerError
        If the journal cannot be written, or nothing in the settings trades.
    """
    found = settings if isinstance(settings, Settings) else desk.load(settings)
    path = _only_capture(Path(capture).expanduser())
    if strategy is not None:
        found = _with_strategy(found, strategy, parameters or {})
    elif parameters:
        raise ParameterError("parameters: of which strategy? Name it: strategy=NAME")
    # What would be logged stands in the frame of notices.
    found = found.model_copy(update={"live": found.live.model_copy(update={"log_level": "error"})})
    if journals is not None:
        own = found.project.model_copy(update={"journals": Path(journals)})
        found = found.model_copy(update={"project": own})
    done = to_its_end(lambda: backtest_session(found, path, seconds))
    folder = Path(done.summary["journal"])
    _keep_source(found, folder)
    return load_session(folder)


def _only_capture(path: Path) -> Path:
    if path.is_dir():
        inside = captures_in([path])
        if len(inside) > 1:
            raise CaptureError(
                f"{path}: holds {len(inside)} captures, and a backtest is on one: name it, such as {inside[0]}"
            )
        return inside[0]
    if not path.is_file():
        raise CaptureError(f"{path}: is not there; 'titan record' makes captures")
    return path


def _with_strategy(settings: Settings, strategy: Any, parameters: Mapping[str, float]) -> Settings:
    """The settings with one strategy enabled."""
    texts = {name: repr(value) for name, value in parameters.items()}
    if isinstance(strategy, str) and strategy in settings.strategy:
        name, stated = strategy, settings.strategy[strategy]
        # Here a parameter is over the one of a symbol as well: it was asked for by name.
        symbols = {symbol: {**own, **texts} for symbol, own in stated.symbol_parameters.items()}
        chosen = stated.model_copy(
            update={
                "parameters": {**stated.parameters, **texts},
                "symbol_parameters": symbols,
                "enabled": True,
            }
        )
    elif isinstance(strategy, str) and "." not in strategy:
        raise ParameterError(
            f"strategy = {strategy}: there is no [strategy.{strategy}]; there are {', '.join(settings.strategy)}; or "
            "give package.module, or a class"
        )
    else:
        code = code_of(strategy)
        load_strategy(code)
        name = code.rpartition(".")[2] if isinstance(strategy, str) else name_of(strategy)
        venue = settings.live.venue
        chosen = Strategy(code=code, venue=venue, symbols=settings.venue[venue].symbols, parameters=texts)
    return settings.model_copy(update={"strategy": {name: chosen}})


def _keep_source(settings: Settings, folder: Path) -> None:
    """Put the text of a cell's strategy beside the journal that names its hash."""
    for strategy in settings.strategy.values():
        text = source_text(strategy.code)
        if text:
            (folder / f"{strategy.code.rpartition('.')[2]}.py").write_text(text, encoding="utf-8")


def to_its_end(begin: Callable[[], Coroutine[Any, Any, Found]]) -> Found:
    """Carry out a coroutine and return what it returns, also where an event loop runs already.

    There it has a loop and a thread of its own; an interrupt, as from a notebook's stop button, cancels it.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(begin())
    return _in_a_thread(begin)


def _in_a_thread(begin: Callable[[], Coroutine[Any, Any, Found]]) -> Found:
    loop = asyncio.new_event_loop()
    task = loop.create_task(begin())
    # Leaving this block waits for the thread, which ends soon once its task is cancelled.
    with closing(loop), ThreadPoolExecutor(1, "backtest") as thread:
        running = thread.submit(loop.run_until_complete, task)
        try:
            return running.result()
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(task.cancel)
            raise
