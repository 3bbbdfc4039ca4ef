"""The account's set-up against the settings: every difference refuses the start, names key, expected and found."""

from __future__ import annotations

import pytest

from tests.engine.scripted import Session, codes, configuration, of
from titan.engine.configuration import Expected
from titan.engine.desk import Phase
from titan.model import commands as c

EXPECTED = Expected(
    margin_mode="cross", leverage=20, multi_assets=False, max_maker_fee_bps=0.0, max_taker_fee_bps=5.0
)


def started(expected: Expected | None = EXPECTED, **changes: object) -> Session:
    session = Session(configuration(expected=expected))
    for name, value in changes.items():
        setattr(session.venue, name, value)
    session.start()
    return session


def test_an_account_as_expected_starts():
    session = started()
    assert session.desk.phase is Phase.RUNNING
    assert of([each for _, out in session.log for each in out], c.QuerySetup) == [c.QuerySetup(venue="v")]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"position_mode": "hedge"}, "position mode: expected one_way, the account has hedge"),
        ({"multi_assets": True}, "multi_assets: expected false, the account has true"),
        ({"margin_mode": "isolated"}, "margin_mode: expected cross, BTCUSDT has isolated"),
        ({"leverage": 5}, "leverage: expected 20, BTCUSDT has 5"),
        ({"withdrawals": True}, "api_key: expected a key that may not withdraw, and this one may"),
    ],
)
def test_a_difference_refuses_the_start(changes, says):
    session = started(**changes)
    assert session.ended.exit_code == 3
    assert session.ended.reason == (
        f"[venue.v] {says}. Nothing was changed: correct the account or the settings"
    )
    assert not of([each for _, out in session.log for each in out], c.PlaceOrder)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"max_maker_fee_bps": -0.5}, "max_maker_fee_bps: expected at most -0.5, BTCUSDT has 0"),
        ({"max_taker_fee_bps": 4.0}, "max_taker_fee_bps: expected at most 4, BTCUSDT has 5.0000"),
    ],
)
def test_a_fee_above_the_expected_refuses_the_start(changes, says):
    session = started(Expected(**changes))
    assert session.ended.exit_code == 3
    assert says in session.ended.reason


def test_every_difference_is_told_at_once():
    session = started(leverage=5, multi_assets=True)
    assert session.ended.reason.count("expected") == 2


def test_what_is_not_stated_is_not_compared():
    assert (
        started(Expected(), margin_mode="isolated", leverage=5, multi_assets=True).desk.phase is Phase.RUNNING
    )


def test_a_symbol_that_the_venue_does_not_tell_refuses_the_start(monkeypatch):
    session = Session(configuration(expected=EXPECTED))
    tell = session.venue._query_setup

    def untold(command, now_ns):
        session.venue.terms, kept = {}, session.venue.terms
        told = tell(command, now_ns)
        session.venue.terms = kept
        return told

    monkeypatch.setattr(session.venue, "_query_setup", untold)
    session.start()
    assert "the venue does not tell them of BTCUSDT" in session.ended.reason


def test_a_key_whose_powers_nobody_tells_starts_and_says_so():
    session = started(withdrawals=None)
    assert session.desk.phase is Phase.RUNNING
    assert "not_checked" in codes([each for _, out in session.log for each in out])


def test_without_an_answer_nothing_is_quoted_and_it_is_asked_again():
    session = Session(configuration(expected=EXPECTED))
    session.venue.failing.add(c.QuerySetup)
    session.start()
    assert not of(session.quiet(12), c.PlaceOrder)
    assert session.desk.phase is Phase.STARTING
    session.venue.failing.clear()
    assert of(session.quiet(12), c.PlaceOrder)


def test_a_session_that_compares_nothing_does_not_ask():
    session = started(None)
    assert not of([each for _, out in session.log for each in out], c.QuerySetup)
    session.send(*session.venue._query_setup(None, session.now))
    assert session.desk.phase is Phase.RUNNING
