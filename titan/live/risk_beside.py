"""The estimate of risk beside a session: what the process is told once, what it is asked, and when there is none."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from titan.engine.desk import Desk, Market, Phase
from titan.live.risk_child import RiskChild
from titan.live.risk_question import Held, Question, Setup
from titan.live.risk_record import NAME
from titan.live.session import Session
from titan.live.telemetry import Telemetry
from titan.model.events import JournalledEvent
from titan.model.instruments import InstrumentKey
from titan.settings import Settings

VALID_PERIODS = 4.0
"""Periods for which a result is believed where [risk] max_estimate_age_s does not say."""


@asynccontextmanager
async def estimating(
    settings: Settings,
    session: Session,
    predecessor: str,
    ingest: Callable[[Callable[[int], JournalledEvent]], None],
    telemetry: Telemetry,
    on_fault: Callable[[BaseException], None],
) -> AsyncIterator[None]:
    """Keep the process beside a session, unless [risk] estimate_every_s is 0.

    Parameters
    ----------
    predecessor : str
        The account's session before this one, whose record of prices is taken up; empty for none.
    """
    if not settings.risk.estimate_every_s:
        yield
        return
    child = RiskChild(
        setup_of(settings, session.writer.directory, predecessor),
        lambda number: question_of(session.kernel.desk, number, session.clock.now_ns()),
        ingest,
        lambda text: telemetry.log.warning(text, code="risk_estimate"),
    )
    telemetry.risk.failures = lambda: child.failures
    async with child.kept(on_fault):
        yield


def setup_of(settings: Settings, session: Path, predecessor: str = "") -> Setup:
    """What the process is started with; the record of prices lies in the directory of the session."""
    risk = settings.risk
    return Setup(
        currency=settings.project.reporting_currency,
        every_s=risk.estimate_every_s,
        tail=risk.estimate_tail,
        horizon_s=risk.estimate_horizon_s,
        half_life=risk.estimate_half_life,
        window=risk.estimate_window,
        enough=risk.estimate_enough,
        assumed_volatility=risk.assumed_volatility,
        assumed_beta=risk.assumed_beta,
        shocks=risk.stress_shocks,
        valid_s=risk.max_estimate_age_s or VALID_PERIODS * risk.estimate_every_s,
        record=str(session / NAME),
        inherited=str(session.parent / predecessor / NAME) if predecessor else "",
        parent=os.getpid(),
    )


def question_of(desk: Desk, number: int, now_ns: int) -> Question | None:
    """What is held now and at which prices; None before the account has been read, or once the session has ended."""
    if desk.phase in {Phase.STARTING, Phase.ENDED}:
        return None
    held = tuple(
        found for key, market in desk.markets.items() if (found := _held(desk, key, market)) is not None
    )
    return Question(number=number, now_ns=now_ns, held=held)


def _held(desk: Desk, key: InstrumentKey, market: Market) -> Held | None:
    terms, book = market.instrument, market.book
    if terms is None:
        return None
    last_mid = market.mid if market.mid_half_ticks else None
    trusted = book.ready and book.best_bid and book.best_ask
    return Held(
        instrument=terms,
        lots={name: lots for name, lots in desk.ledger.books(key).items() if lots},
        # A book in doubt still has its last mid, which is no price of this moment.
        mid=last_mid if trusted else None,
        mark=last_mid if market.mark is None else market.mark.mark,
        half_spread=(book.best_ask - book.best_bid) / (book.best_ask + book.best_bid) if trusted else 0.0,
        rate=desk.conversion(terms.quote),
    )
