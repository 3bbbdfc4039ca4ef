"""What `titan new strategy` writes. Words between at-signs (``@code@``) are filled in by `titan.scaffold`."""

from __future__ import annotations

NOTEBOOK = r'''
%% markdown
# @title@

> Two quotes stand a fixed distance around the fair value and lean against the inventory.
%% code
#| default_exp @export@
%% markdown
## The question

Takers come from both sides, and a bid and an ask earn the distance to the fair value from each of them. Where is the
fair value, and how far should both quotes move to bring an inventory back?

This is a plain answer that trades from the first day. Change the formula, the table, the checks and the source
together, then export.

## The formulas

With $B$ and $S$ the coins that aggressors bought and sold lately, and bps meaning $10^{-4}$:

$$f = m\,\Big(1 + w\,\frac{B - S}{B + S}\Big), \qquad r = f\,\Big(1 - c\,\frac{q}{q_{\max}}\Big), \qquad
\mathrm{bid},\ \mathrm{ask} = r \mp h f$$

| symbol | name | unit |
| --- | --- | --- |
| $m$ | `price`, the mid | \$ per coin |
| $B$, $S$ | `bought`, `sold`: halved every `flow_half_life_s` | coins |
| $w$ | `flow_weight_bps` | bps |
| $f$ | `fair_value` | \$ per coin |
| $q$, $q_{\max}$ | `inventory`, `max_inventory` | coins |
| $c$ | `skew_at_max_inventory_bps` | bps |
| $r$ | `reservation_price` | \$ per coin |
| $h$ | `half_spread_bps` | bps |
%% code
#| hide
import matplotlib.pyplot as plt
import numpy as np

from titan.model.contract import build_parameters, parameter_ranges
%% code
#| export
import math
from typing import Annotated, NamedTuple

from titan.market.fair_value import mid
from titan.model.contract import Quotes, Range, View
from titan.strategy.quoting import limit_inventory
%% code
#| export
def _check_positive(name: str, value: float) -> None:
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name} = {value}: must be > 0 and finite")


def _check_not_negative(name: str, value: float) -> None:
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{name} = {value}: must be >= 0 and finite")
%% code
#| export
def fair_value(price: float, bought: float, sold: float, flow_weight_bps: float) -> float:
    """Return the mid moved towards the side that aggressors take, quote currency.

    Parameters
    ----------
    price
        Mid, quote currency, > 0.
    bought, sold
        Coins that aggressors bought and sold lately, >= 0.
    flow_weight_bps
        Move when all of the flow is on one side, bps, >= 0.
    """
    _check_positive("price", price)
    _check_not_negative("bought", bought)
    _check_not_negative("sold", sold)
    _check_not_negative("flow_weight_bps", flow_weight_bps)
    volume = bought + sold
    return price * (1.0 + 1e-4 * flow_weight_bps * (bought - sold) / volume) if volume > 0.0 else price
%% code
assert fair_value(100.0, 0.0, 0.0, 1.0) == 100.0
assert fair_value(100.0, 3.0, 3.0, 1.0) == 100.0
fair_value(price=100.0, bought=3.0, sold=1.0, flow_weight_bps=1.0)
%% code
#| export
def reservation_price(
    fair_value: float, inventory: float, max_inventory: float, skew_at_max_inventory_bps: float
) -> float:
    """Return the price between the quotes: below the fair value when long, above it when short.

    Parameters
    ----------
    fair_value
        Quote currency, > 0.
    inventory
        Coins held, signed. Beyond `max_inventory` the lean grows no further.
    max_inventory
        Coins, > 0.
    skew_at_max_inventory_bps
        Lean at a full inventory, bps, >= 0.
    """
    _check_positive("fair_value", fair_value)
    _check_positive("max_inventory", max_inventory)
    _check_not_negative("skew_at_max_inventory_bps", skew_at_max_inventory_bps)
    if not -math.inf < inventory < math.inf:
        raise ValueError(f"inventory = {inventory}: must be finite")
    share = max(-1.0, min(1.0, inventory / max_inventory))
    return fair_value * (1.0 - 1e-4 * skew_at_max_inventory_bps * share)
%% code
assert reservation_price(100.0, 0.0, 2.0, 5.0) == 100.0
assert reservation_price(100.0, 9.0, 2.0, 5.0) == reservation_price(100.0, 2.0, 2.0, 5.0)
reservation_price(fair_value=100.0, inventory=1.0, max_inventory=2.0, skew_at_max_inventory_bps=5.0)
%% code
#| export
def half_spread(fair_value: float, half_spread_bps: float) -> float:
    """Return the distance of each quote from the reservation price, quote currency.

    Parameters
    ----------
    fair_value
        Quote currency, > 0.
    half_spread_bps
        Bps, >= 0.
    """
    _check_positive("fair_value", fair_value)
    _check_not_negative("half_spread_bps", half_spread_bps)
    return 1e-4 * half_spread_bps * fair_value
%% code
assert math.isclose(half_spread(60_000.0, 0.5), 3.0)
half_spread(fair_value=60_000.0, half_spread_bps=0.2)
%% markdown
## The strategy

What a desk sets, with bounds, unit and meaning: settings and documentation are made from it.
%% code
#| export
class Parameters(NamedTuple):
    """What a desk sets in [strategy.@name@]."""

    order_size: Annotated[float, Range(1e-6, 1e6, "coins", "size of one quote")] = 0.01
    max_inventory: Annotated[float, Range(1e-6, 1e7, "coins", "no quote leads beyond it")] = 0.1
    half_spread_bps: Annotated[
        float, Range(0.0, 200.0, "bps", "distance of each quote from the reservation price")
    ] = 0.2
    skew_at_max_inventory_bps: Annotated[
        float, Range(0.0, 200.0, "bps", "lean of both quotes at max_inventory")
    ] = 1.0
    flow_weight_bps: Annotated[
        float, Range(0.0, 100.0, "bps", "move of the fair value when all flow is on one side")
    ] = 0.1
    flow_half_life_s: Annotated[float, Range(0.1, 86400.0, "s", "memory of the flow")] = 5.0
%% code
for name, (low, high, unit, meaning) in parameter_ranges(Parameters).items():
    print(f"{name:26} {getattr(Parameters(), name):>6} {unit:5}  {low} to {high}: {meaning}")
build_parameters(Parameters, {"half_spread_bps": "1.5"}, "strategy.@name@")
%% markdown
Its state is the aggressors' flow. A time of NaN means that nothing was seen yet.
%% code
#| export
class State(NamedTuple):
    """The aggressors' flow at a time, halved every `flow_half_life_s`."""

    time_s: float  # of the last view; NaN before the first
    bought: float  # coins
    sold: float


def initial(parameters: Parameters) -> State:
    """Return the state before any view."""
    return State(math.nan, 0.0, 0.0)
%% code
#| export
def update(parameters: Parameters, state: State, view: View) -> State:
    """Return the state after one more view; a flow that is unknown changes nothing."""
    if not (0.0 <= view.bought < math.inf and 0.0 <= view.sold < math.inf):
        return state
    elapsed_s = 0.0 if math.isnan(state.time_s) else max(view.time_s - state.time_s, 0.0)
    kept = 0.5 ** (elapsed_s / parameters.flow_half_life_s)
    return State(view.time_s, kept * state.bought + view.bought, kept * state.sold + view.sold)
%% code
#| export
def quote(parameters: Parameters, state: State, view: View) -> Quotes:
    """Return both quotes; without a sound touch or a known inventory there are none."""
    if not (0.0 < view.bid < view.ask < math.inf and -math.inf < view.inventory < math.inf):
        return Quotes(math.nan, 0.0, math.nan, 0.0, math.nan, math.nan, 1, 0.0)
    fair = fair_value(mid(view.bid, view.ask), state.bought, state.sold, parameters.flow_weight_bps)
    longest = parameters.max_inventory
    reservation = reservation_price(fair, view.inventory, longest, parameters.skew_at_max_inventory_bps)
    half = half_spread(fair, parameters.half_spread_bps)
    size = min(parameters.order_size, longest)
    wanted = Quotes(reservation - half, size, reservation + half, size, fair, reservation, 1, 0.0)
    return limit_inventory(wanted, view.inventory, longest)
%% code
def view_of(time_s: float, bid: float, ask: float, **changes: float) -> View:
    """Return a view of a quiet market without inventory."""
    values = dict.fromkeys(View._fields, math.nan)
    values.update(time_s=time_s, bid=bid, ask=ask, bid_size=1.0, ask_size=1.0, bought=0.0, sold=0.0)
    values.update(inventory=0.0, tick_size=0.1, lot_size=0.001)
    return View(**{**values, **changes})


parameters = Parameters()
view = view_of(0.0, 59_999.9, 60_000.1)
state = update(parameters, initial(parameters), view)
flat = quote(parameters, state, view)
long = quote(parameters, state, view._replace(inventory=0.05))
print(f"flat {flat}\nlong {long}")
%% markdown
## The picture

Left: both quotes fall as the inventory grows, and the bid ends where the inventory is full. Right: what the flow of one
large buyer does to the fair value.
%% code
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), constrained_layout=True)
held = np.linspace(-0.1, 0.1, 41)
quotes = [quote(parameters, state, view._replace(inventory=float(coins))) for coins in held]
left.plot(held, [found.bid - 60_000.0 for found in quotes], color="tab:green", label="bid")
left.plot(held, [found.ask - 60_000.0 for found in quotes], color="tab:red", label="ask")
left.axhline(0.0, color="black", lw=0.8, label="mid")
left.set(xlabel="inventory, coins", ylabel="price above the mid, $", title="Quotes against the inventory")
left.locator_params(axis="x", nbins=5)
left.legend()
seconds = np.arange(0.0, 30.0, 0.5)
flow, fair = initial(parameters), []
for time_s in seconds:
    seen = view_of(float(time_s), 59_999.9, 60_000.1, bought=5.0 if time_s == 5.0 else 0.1, sold=0.1)
    flow = update(parameters, flow, seen)
    fair.append(quote(parameters, flow, seen).fair_value)
right.plot(seconds, np.array(fair) - 60_000.0, color="tab:blue")
right.set(xlabel="time, s", ylabel="fair value above the mid, $", title="A large buyer at 5 s")
plt.show()
%% markdown
## The proof

Flat and without flow the quotes are mirror images. The lean is the one that was set, no side leads beyond the bound,
and nothing is quoted without a market.
%% code
assert math.isclose(flat.ask - 60_000.0, 60_000.0 - flat.bid)
assert math.isclose((flat.ask - flat.bid) / 2.0, half_spread(60_000.0, parameters.half_spread_bps))
full = quote(parameters, state, view._replace(inventory=parameters.max_inventory))
lean_bps = 1e4 * (1.0 - full.reservation / full.fair_value)
assert math.isclose(lean_bps, parameters.skew_at_max_inventory_bps)
assert math.isnan(full.bid)
assert math.isnan(quote(parameters, state, view._replace(ask=math.nan)).ask)
print(f"lean at a full inventory: {lean_bps:.2f} bps")
%% markdown
## Where the model is wrong

- *The spread is fixed.* In a wild market it is too thin: the daily loss bounds the damage, and
  `titan.calibration.volatility` measures what a better spread would depend on.
- *Fills carry no news* but the flow's: markouts show what they cost, `titan.strategy.quoting.minimum_edge` bounds it.
- *No queue.* A quote at the touch waits behind others; a backtest knows that, this formula does not.
'''

TEST = '''"""Properties of the strategy @name@ for any market and any inventory."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

@imports@

COINS = st.floats(-1.0, 1.0)
FLOWS = st.floats(0.0, 1e3)
PARAMETERS = module.Parameters()


def view_of(time_s: float = 0.0, mid: float = 60_000.0, **changes: float) -> View:
    """Return a quiet market without inventory."""
    values = dict.fromkeys(View._fields, math.nan)
    values.update(time_s=time_s, bid=mid * (1 - 1e-6), ask=mid * (1 + 1e-6), bid_size=1.0, ask_size=1.0)
    values.update(bought=0.0, sold=0.0, inventory=0.0)
    return View(**{**values, **changes})


def quoted(*views: View) -> Quotes:
    """Return the quotes after a series of views."""
    state = module.initial(PARAMETERS)
    for view in views:
        state = module.update(PARAMETERS, state, view)
    return module.quote(PARAMETERS, state, views[-1])


def test_a_flat_book_is_quoted_on_both_sides_of_the_mid() -> None:
    quotes = quoted(view_of())
    assert quotes.bid < 60_000.0 < quotes.ask
    assert quotes.bid_size == quotes.ask_size == PARAMETERS.order_size


@given(st.floats(1e-3, 1e6), COINS, FLOWS, FLOWS)
def test_bid_is_below_ask_and_no_fill_leads_beyond_the_bound(mid, inventory, bought, sold) -> None:
    quotes = quoted(view_of(mid=mid, inventory=inventory, bought=bought, sold=sold))
    assert not quotes.bid >= quotes.ask
    for side, price, size in ((1, quotes.bid, quotes.bid_size), (-1, quotes.ask, quotes.ask_size)):
        assert math.isnan(price) == (size == 0.0)
        if size:
            assert side * inventory + size <= PARAMETERS.max_inventory * (1 + 1e-12)


@given(COINS, COINS)
def test_more_inventory_never_raises_the_reservation_price(first, second) -> None:
    less, more = sorted((first, second))
    assert quoted(view_of(inventory=more)).reservation <= quoted(view_of(inventory=less)).reservation


def test_buyers_raise_the_fair_value_and_are_forgotten() -> None:
    burst = view_of(0.0, bought=5.0)
    soon, late = quoted(burst, view_of(1.0, sold=1.0)), quoted(burst, view_of(1e4, sold=1.0))
    assert late.fair_value < 60_000.0 < soon.fair_value


@pytest.mark.parametrize("missing", ["bid", "ask", "inventory"])
def test_nothing_is_quoted_without_a_market_or_a_position(missing: str) -> None:
    quotes = quoted(view_of(**{missing: math.nan}))
    assert math.isnan(quotes.bid)
    assert math.isnan(quotes.ask)


def test_an_unknown_flow_changes_nothing() -> None:
    before = module.State(1.0, 2.0, 3.0)
    assert module.update(PARAMETERS, before, view_of(2.0, bought=math.nan)) == before


def test_settings_build_the_parameters_within_their_ranges() -> None:
    assert build_parameters(module.Parameters, {}, "strategy.@name@") == PARAMETERS
    for name, allowed in parameter_ranges(module.Parameters).items():
        with pytest.raises(ParameterError, match=name):
            build_parameters(module.Parameters, {name: str(allowed.high + 1)}, "strategy.@name@")


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_bad_input_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="half_spread_bps"):
        module.half_spread(60_000.0, bad)
    with pytest.raises(ValueError, match="max_inventory"):
        module.reservation_price(60_000.0, 0.0, bad, 1.0)
    with pytest.raises(ValueError, match="price"):
        module.fair_value(bad, 0.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="inventory"):
        module.reservation_price(60_000.0, math.nan, 1.0, 1.0)
'''

SECTION = """# The parameters and their ranges stand in @notebook@.
@beside@[strategy.@name@]
code = @code@
symbols = @symbol@
enabled = true
"""

BESIDE = """# It trades beside @others@ on @symbol@. To stop another one: enabled = false in its section.
"""

SETTINGS = """# The settings of a desk that trades @library@; titan-live --settings FILE reads this file.
# Every key and default is described in Titan's docs/settings.md. Secrets never stand in a file.
[live]
venue = loopback

[venue.loopback]
symbols = @symbol@

# Limits that no strategy can pass, in the reporting currency.
[risk]
max_order_notional = 5000
max_position_notional = 20000
max_gross_notional = 20000
max_daily_loss = 1000
max_drawdown = 2000
max_loss_per_bucket = 400
collar_bps = 100
max_open_orders = 20
messages_per_s = 30
message_burst = 200
cancel_reserve = 50
max_executions = 600
execution_window_s = 60
duplicate_window_s = 0.2

"""

PYPROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "@distribution@"
version = "0.1.0"
description = "Strategies for Titan"
requires-python = ">=3.11"
dependencies = ["titan-mm"]

[tool.setuptools.packages.find]
include = ["@library@", "@library@.*"]

[tool.nbdev]
lib_path = "@library@"
nbs_path = "nbs"
recursive = true
clear_all = true
put_version_in_init = false
update_pyproject = false

[tool.ruff]
line-length = 110
extend-exclude = ["@library@/_modidx.py"]

[tool.ruff.lint.isort]
known-first-party = ["@library@", "titan"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]
addopts = "--import-mode=importlib"
"""

PACKAGE = '''"""Strategies for Titan, exported from the notebooks under nbs/."""
'''

IGNORED = "settings.local.ini\nvar/\n__pycache__/\n*.egg-info/\n.ipynb_checkpoints/\n"
