"""The account as it is set up, compared with what the settings expect: a difference refuses the start.

Nothing is ever changed at the venue: whoever wrote the settings, or set the account up, must look.
"""

from __future__ import annotations

from collections.abc import Iterator

from titan.engine.configuration import Expected
from titan.engine.desk import Desk, VenueDesk
from titan.engine.stopping import REFUSED, request_stop
from titan.model.commands import QuerySetup
from titan.model.events import AccountSetup

BPS = 10_000


def ask(desk: Desk, venue: VenueDesk) -> None:
    """Ask how the account is set up, if it is to be compared and has not been."""
    if "setup" in venue.unread:
        desk.emit(QuerySetup(venue=venue.name))


def on_setup(desk: Desk, event: AccountSetup) -> None:
    """Compare; every difference is told, and the first one refuses the start."""
    venue = desk.venues[event.venue]
    expected = desk.config.venue(event.venue).expected
    if expected is None or "setup" not in venue.unread:
        return
    venue.unread.discard("setup")
    if event.withdrawals is None:
        text = f"{event.venue}: whether its key may withdraw was not checked: the venue was not asked"
        desk.note("warning", "not_checked", text)
    found = [*_modes(event, expected), *_symbols(desk, event, expected), *_fees(desk, event.venue, expected)]
    if found:
        text = "; ".join(f"[venue.{event.venue}] {difference}" for difference in found)
        request_stop(desk, f"{text}. Nothing was changed: correct the account or the settings", REFUSED)


def _modes(event: AccountSetup, expected: Expected) -> Iterator[str]:
    if event.position_mode != "one_way":
        yield f"position mode: expected one_way, the account has {event.position_mode}"
    if expected.multi_assets is not None and event.multi_assets != expected.multi_assets:
        yield f"multi_assets: expected {_word(expected.multi_assets)}, the account has {_word(event.multi_assets)}"
    if event.withdrawals:
        yield "api_key: expected a key that may not withdraw, and this one may"


def _symbols(desk: Desk, event: AccountSetup, expected: Expected) -> Iterator[str]:
    told = {each.symbol: each for each in event.symbols}
    for market in desk.markets_of(event.venue):
        setup = told.get(market.key.symbol)
        if setup is None:
            yield f"margin_mode, leverage: the venue does not tell them of {market.key.symbol}"
            continue
        if expected.margin_mode and setup.margin_mode != expected.margin_mode:
            yield f"margin_mode: expected {expected.margin_mode}, {setup.symbol} has {setup.margin_mode}"
        if expected.leverage and setup.leverage != expected.leverage:
            yield f"leverage: expected {expected.leverage}, {setup.symbol} has {setup.leverage}"


def _fees(desk: Desk, venue: str, expected: Expected) -> Iterator[str]:
    for market in desk.markets_of(venue):
        for kind, most, rate in (
            ("maker", expected.max_maker_fee_bps, market.rates.maker),
            ("taker", expected.max_taker_fee_bps, market.rates.taker),
        ):
            if most is not None and float(rate * BPS) > most:
                yield f"max_{kind}_fee_bps: expected at most {most:g}, {market.key.symbol} has {rate * BPS:f}"


def _word(value: bool) -> str:
    return "true" if value else "false"
