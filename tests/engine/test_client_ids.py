"""Client ids: unique, short, plain, and telling whose order it is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.engine.client_ids import ClientIds, account_prefix, base36, code, strategy_of

SESSION = "20261121T103000Z-0a1b2c"


@given(st.integers(0, 10**12))
def test_base36_is_pythons_inverse(number):
    assert int(base36(number), 36) == number


@given(st.text(max_size=20), st.text(max_size=20), st.integers(0, 2**31))
def test_ids_are_short_plain_and_ours(account, strategy, count):
    ids = ClientIds(SESSION)
    ids.count = count
    made = ids.next(account, strategy)
    assert re.fullmatch(r"[0-9A-Za-z]{14,32}", made)
    assert made.startswith(account_prefix(account))
    assert strategy_of(made, ("no such", strategy)) in {strategy, "no such"}


def test_ids_are_unique_within_a_session_and_between_sessions():
    sessions = [SESSION, "20261121T103001Z-0a1b2c", "20261121T103000Z-0a1b2d", "20271121T103000Z-0a1b2c"]
    made = [ids.next("main", name) for ids in map(ClientIds, sessions) for name in ["as", "glft"] * 100]
    assert len(set(made)) == len(made)


def test_the_strategy_is_read_from_the_id():
    made = ClientIds(SESSION).next("main", "as")
    assert strategy_of(made, ("glft", "as")) == "as"
    assert strategy_of(made, ("glft",)) == ""
    assert strategy_of("", ("as",)) == ""


def test_codes_are_the_same_in_every_run():
    assert (code("main"), account_prefix("main"), len(code(""))) == ("rdw", "Trdw", 3)


def test_a_session_name_of_another_shape_is_no_name():
    with pytest.raises(ValueError, match="unpack"):
        ClientIds("2026")
