"""The estimate of risk beside a session: what the process is told once, what it is asked, and when there is none."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from titan.engine.desk import Desk, Market, Phase
from titan.live.risk_child import RiskChild
from titan.live.risk_question import Held, Question, Setup
from titan.live.risk_record import NAME
from titan.live.risk_results import Ingest
from titan.live.session import Session
from titan.live.telemetry import Telemetry
from titan.model.instruments import Instrument, InstrumentKey
from titan.settings import Settings

VALID_PERIODS = 4.0
"""Periods for which a result is believed where [risk] max_estimate_age_s does not say."""


class Estimates:
    """The process beside one session.

    Parameters
    ----------
    settings, session, telemetry
        Of the runner.
    predecessor : str
        The account's session before this one, whose record of prices is taken up; empty for none.
    """

    def __init__(self, settings: Settings, session: Session, predecessor: str, telemetry: Telemetry) -> None:
        self._settings = settings
        self._session = session
        self._predecessor = predecessor
        self._telemetry = telemetry

    @asynccontextmanager
    async def kept(
        self, ingest: Ingest, on_fault: Callable[[BaseException], None], *, real_time: bool
    ) -> AsyncIterator[None]:
        """Keep the process while the context is open; none where it is switched off, or time is not ours."""
        if not (self._settings.risk.estimate_every_s and real_time):
            yield
            return
        session, log = self._session, self._telemetry.log
        child = RiskChild(
            setup_of(self._settings, session.writer.directory, self._predecessor),
            lambda number: question_of(session.kernel.desk, number, session.clock.now_ns()),
            ingest,
            lambda text: log.warning(text, code="risk_estimate"),
        )
        self._telemetry.risk.failures = lambda: child.failures
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
    mark = last_mid if market.mark is None else market.mark.mark
    return Held(
        instrument=terms,
        lots={name: lots for name, lots in desk.ledger.books(key).items() if lots},
        # A book in doubt still has its last mid, which is no price of this moment.
        mid=last_mid if trusted else None,
        mark=mark,
        half_spread=(book.best_ask - book.best_bid) / (book.best_ask + book.best_bid) if trusted else 0.0,
        rate=_rate(desk, terms, mark),
    )


def _rate(desk: Desk, terms: Instrument, mark: Decimal | None) -> Decimal | None:
    """Reporting currency per unit of quote currency; of an inverse contract by the coin that it is settled in."""
    if terms.kind == "linear":
        return desk.conversion(terms.quote)
    coin = desk.conversion(terms.settle)
    return coin / mark if coin is not None and mark else None
