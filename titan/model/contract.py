"""The strategy contract: what a strategy written in a notebook is given, and what it gives back.

A strategy module holds `Parameters` (a NamedTuple whose fields are annotated with `Range`), `State` (a
numeric NamedTuple), and the pure functions ``initial(parameters) -> State``, ``update(parameters, state,
view) -> State`` and ``quote(parameters, state, view) -> Quotes``. All values are plain numbers, so that the
kernel can call the Python function and a parameter sweep can compile the same source.

A strategy over several instruments says so with ``LEGS``: how many it needs, 0 for any number. Its functions are
``initial(parameters, legs) -> State``, ``update(parameters, state, views) -> State`` and ``quote(parameters, state,
views) -> tuple[Leg, ...]``, with one `View` and one `Leg` an instrument, in the order of its symbols.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, Protocol, get_args, get_origin, get_type_hints


class Range(NamedTuple):
    """The allowed closed interval of a parameter, its unit and its meaning: settings and docs are generated from it."""

    low: float
    high: float
    unit: str
    meaning: str


class View(NamedTuple):
    """The market and the account at one moment, as a strategy sees them. Missing numbers are NaN."""

    time_s: float  # seconds since the session's first event
    bid: float  # best bid, quote currency
    ask: float
    bid_size: float  # base coins at the best bid
    ask_size: float
    bought: float  # base coins bought by aggressors since the last view
    sold: float
    inventory: float  # base coins held by this strategy, signed
    mark_price: float
    index_price: float
    funding_rate: float  # fraction of notional, per interval
    funding_in_s: float  # seconds to the next settlement
    maker_fee: float  # fraction of notional, negative is a rebate
    taker_fee: float
    tick_size: float  # quote currency
    lot_size: float  # base coins


class Quotes(NamedTuple):
    """What a strategy wants to stand in the book. A NaN price means no quote on that side.

    `layers` quotes stand on each side, `layer_step` (quote currency) apart, the first at the stated price.
    `fair_value` and `reservation` explain the quote and are journalled with it.
    """

    bid: float  # quote currency
    bid_size: float  # base coins
    ask: float
    ask_size: float
    fair_value: float
    reservation: float
    layers: int = 1
    layer_step: float = 0.0


class Take(NamedTuple):
    """An order that takes at once what stands at `limit` or better, and leaves nothing in the book.

    The engine sends no second one for an instrument while one is on its way or its fate is unknown.
    """

    size: float = 0.0  # base coins, signed: positive buys, 0 is none
    limit: float = float("nan")  # quote currency, the worst price


class Leg(NamedTuple):
    """What a strategy over several instruments wants on one of them: resting quotes, and something taken at once."""

    quotes: Quotes
    take: Take = Take()


class StrategyModule(Protocol):
    """The shape of a strategy module, exported or of another package."""

    Parameters: type[Any]
    State: type[Any]

    @staticmethod
    def initial(parameters: Any) -> Any: ...

    @staticmethod
    def update(parameters: Any, state: Any, view: View) -> Any: ...

    @staticmethod
    def quote(parameters: Any, state: Any, view: View) -> Quotes: ...


class PortfolioModule(Protocol):
    """The shape of a strategy module over several instruments.

    An instrument that cannot be traded just now is shown with its touch NaN; what is wanted there is not sent.
    """

    LEGS: int
    Parameters: type[Any]
    State: type[Any]

    @staticmethod
    def initial(parameters: Any, legs: int) -> Any: ...

    @staticmethod
    def update(parameters: Any, state: Any, views: tuple[View, ...]) -> Any: ...

    @staticmethod
    def quote(parameters: Any, state: Any, views: tuple[View, ...]) -> tuple[Leg, ...]: ...


class ParameterError(ValueError):
    """A parameter that is unknown, missing or out of range; the message names key, value and range."""


def parameter_ranges(parameters: type[Any]) -> dict[str, Range]:
    """The `Range` of every field of a `Parameters` class, in order.

    Raises
    ------
    ParameterError
        If a field is not annotated as ``Annotated[float, Range(...)]`` (or int, bool).
    """
    ranges: dict[str, Range] = {}
    for name, hint in get_type_hints(parameters, include_extras=True).items():
        found = (
            [note for note in get_args(hint)[1:] if isinstance(note, Range)]
            if get_origin(hint) is Annotated
            else []
        )
        if not found:
            raise ParameterError(
                f"parameter {name} of {parameters.__module__} has no Range: annotate it with one"
            )
        ranges[name] = found[0]
    return ranges


def build_parameters(parameters: type[Any], texts: dict[str, str], where: str) -> Any:
    """Make a `Parameters` from settings texts; absent keys take the class's defaults.

    Parameters
    ----------
    texts : dict of str to str
        Keys and values as they stand in the settings file.
    where : str
        The section, for error messages.

    Raises
    ------
    ParameterError
        Naming key, value and range for anything unknown, unreadable, missing or out of range.
    """
    ranges = parameter_ranges(parameters)
    kinds = {
        name: get_args(hint)[0] for name, hint in get_type_hints(parameters, include_extras=True).items()
    }
    for name in texts:
        if name not in ranges:
            raise ParameterError(f"[{where}] {name}: unknown parameter; known are {', '.join(ranges)}")
    values: dict[str, float | int | bool] = {}
    for name, text in texts.items():
        low, high, unit, _ = ranges[name]
        try:
            number = float(text)
        except ValueError:
            raise ParameterError(
                f"[{where}] {name} = {text}: not a number; allowed is {low} to {high} {unit}"
            ) from None
        if not low <= number <= high:
            raise ParameterError(
                f"[{where}] {name} = {text}: out of range; allowed is {low} to {high} {unit}"
            )
        if kinds[name] is not float and number != int(number):
            raise ParameterError(f"[{where}] {name} = {text}: must be a whole number from {low} to {high}")
        values[name] = kinds[name](number)
    missing = [name for name in ranges if name not in values and name not in parameters._field_defaults]
    if missing:
        raise ParameterError(f"[{where}] {', '.join(missing)}: missing, and there is no default")
    return parameters(**values)
