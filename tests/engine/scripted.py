"""A session that plays a scripted venue's answers back to a kernel, one event at a time."""

from __future__ import annotations

from collections import deque
from typing import Annotated, NamedTuple

from tests.engine.scripted_venue import SECOND, ScriptedVenue
from titan.engine.configuration import KernelConfig, Resilience, StrategyConfig, Timing, VenueConfig
from titan.engine.kernel import Kernel
from titan.engine.risk_settings import RiskSettings
from titan.model import commands as c
from titan.model import events as e
from titan.model.contract import Quotes, Range
from titan.model.instruments import InstrumentKey
from titan.risk.limits import LimitSettings

START = 1_800_000_000 * SECOND
SESSION = "20270115T080000Z-abcdef"

LIMITS = LimitSettings(
    max_order_notional=10_000.0,
    max_position_notional=100_000.0,
    max_gross_notional=200_000.0,
    max_daily_loss=1_000.0,
    collar_bps=100.0,
    max_open_orders=20,
    messages_per_s=50,
    message_burst=200,
    cancel_reserve=20,
    duplicate_window_s=0.05,
)

RISK = RiskSettings()


class Straddle:
    """A strategy that quotes around the mid; it raises where a parameter tells it to."""

    class Parameters(NamedTuple):
        half_spread: Annotated[float, Range(0, 1e6, "quote currency", "distance from the mid")] = 1.0
        size: Annotated[float, Range(0, 100, "coins", "size of a quote")] = 0.01
        raise_at: Annotated[float, Range(0, 1e9, "views", "the view at which it raises; 0 is never")] = 0.0
        layers: Annotated[int, Range(1, 5, "quotes", "quotes on each side")] = 1

    class State(NamedTuple):
        views: float
        flow: float

    @staticmethod
    def initial(parameters):
        return Straddle.State(0.0, 0.0)

    @staticmethod
    def update(parameters, state, view):
        if parameters.raise_at and state.views + 1 >= parameters.raise_at:
            raise ArithmeticError("a strategy's own fault")
        return Straddle.State(state.views + 1, state.flow + view.bought - view.sold)

    @staticmethod
    def quote(parameters, state, view):
        mid = (view.bid + view.ask) / 2
        bid, ask = mid - parameters.half_spread, mid + parameters.half_spread
        return Quotes(bid, parameters.size, ask, parameters.size, mid, mid, int(parameters.layers), 0.5)


MODULES = {"straddle": Straddle}


def strategy(name="as", symbol="BTCUSDT", venue="v", parameters=(1.0, 0.01, 0.0, 1), **changes):
    return StrategyConfig(
        name=name, code="straddle", venue=venue, symbol=symbol, parameters=parameters, **changes
    )


def configuration(
    *,
    venues=("v",),
    symbols=("BTCUSDT",),
    strategies=None,
    limits=LIMITS,
    risk=RISK,
    session=SESSION,
    use_amend=True,
    resilience=None,
    expected=None,
    **timing,
):
    return KernelConfig(
        session=session,
        reporting_currency="USDT",
        venues=tuple(
            VenueConfig(
                name=name,
                protocol="test",
                account="main",
                symbols=symbols,
                use_amend=use_amend,
                expected=expected,
            )
            for name in venues
        ),
        strategies=(strategy(),) if strategies is None else strategies,
        limits=limits,
        timing=Timing(**timing),
        resilience=resilience or Resilience(),
        risk=risk,
    )


class Session:
    """A kernel, its venues, its timers and its clock; every event and its commands are kept in `log`."""

    def __init__(self, config=None, *, snapshot=None, venues=None, modules=None, start_ns=START):
        self.config = config or configuration()
        self.modules = modules or MODULES
        self.kernel = Kernel(self.config, self.modules, snapshot)
        given = venues or [ScriptedVenue(v.name, v.symbols) for v in self.config.venues]
        self.venues = {venue.name: venue for venue in given}
        self.venue = given[0]
        self.now = start_ns
        self.timers: dict[str, int] = {}
        self.log: list[tuple[e.AnyEvent, tuple[c.AnyCommand, ...]]] = []
        self.held: list[e.AnyEvent] | None = None

    @property
    def desk(self):
        return self.kernel.desk

    def send(self, *events):
        """Step through the events and everything that the venues answer; return all commands."""
        queue, commands = deque(events), []
        while queue:
            event = queue.popleft()
            out = self.kernel.step(event)
            self.log.append((event, out))
            commands += out
            for command in out:
                if isinstance(command, c.SetTimer):
                    self.timers[command.name] = command.at_ns
                elif not isinstance(command, c.Notice | c.OperatorAnswer | c.RiskStanding | c.EndSession):
                    answers = self.venues[command.venue].answer(command, self.now)
                    (queue if self.held is None else self.held).extend(answers)
        return commands

    def release(self):
        """Deliver the answers that were held back."""
        held, self.held = self.held or [], None
        return self.send(*held)

    def streams(self, up=True, which=("market", "private"), venue=None):
        name = venue or self.venue.name
        return self.send(
            *(
                e.StreamState(time_ns=self.now, venue=name, stream=stream, up=up, reason="test")
                for stream in which
            )
        )

    def start(self, *handed_on):
        """Bring the session to the point where it quotes, with what its predecessor's journal told."""
        commands = self.send(e.SessionStarted(time_ns=self.now), *handed_on)
        for name, venue in self.venues.items():
            commands += self.streams(venue=name)
            for symbol in venue.terms:
                commands += self.tick(symbol=symbol, venue=name, wait_s=0.01)
        return commands

    def tick(self, mid=None, *, symbol="BTCUSDT", venue=None, wait_s=0.2, **touch):
        """Let a moment pass, then move the book."""
        commands = self.wait(wait_s)
        return commands + self.send(
            self.venues[venue or self.venue.name].delta(self.now, symbol, mid, **touch)
        )

    def wait(self, seconds):
        """Let time pass; timers fire when they are due."""
        until, commands = self.now + round(seconds * SECOND), []
        while due := sorted((at, name) for name, at in self.timers.items() if at <= until):
            at, name = due[0]
            self.now = max(self.now, at)
            del self.timers[name]
            commands += self.send(e.TimerFired(time_ns=self.now, name=name))
        self.now = until
        return commands

    def quiet(self, seconds, step_s=0.5):
        """Let time pass with the book moving all the while."""
        commands = []
        for _ in range(round(seconds / step_s)):
            commands += self.tick(wait_s=step_s)
        return commands

    def fill(self, client_id, lots, **how):
        return self.send(*self.venue.execute(client_id, lots, self.now, **how))

    def stop(self, code=0):
        return self.send(e.StopRequested(time_ns=self.now, reason="asked to", exit_code=code))

    @property
    def live(self):
        return list(self.desk.orders.live())

    @property
    def ended(self):
        """The `EndSession` command, if there was one."""
        return next((x for _, out in self.log for x in out if isinstance(x, c.EndSession)), None)

    def lots(self, symbol="BTCUSDT", venue=None):
        return self.desk.ledger.lots(InstrumentKey(venue or self.venue.name, symbol))


def of(commands, *kinds):
    """Only the commands of some kinds."""
    return [command for command in commands if isinstance(command, kinds)]


def codes(commands):
    """The codes of the notices."""
    return [command.code for command in commands if isinstance(command, c.Notice)]
