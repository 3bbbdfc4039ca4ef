"""What a market tells every strategy alike: how toxic its flow is, and how wild its price, against what is usual.

The host of pure functions of `titan.calibration`: it feeds them every public trade and every mid, and keeps their
state. What the signals do to quotes is in `titan.strategy.adjustments`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, Protocol

from titan.calibration.toxicity import (
    Markouts,
    Vpin,
    markout_on_mid,
    markout_on_trade,
    markout_toxicity_bps,
    vpin,
    vpin_on_trade,
)
from titan.calibration.volatility import EwmaState, ewma_update
from titan.model.contract import Range
from titan.strategy.adjustments import Signals

LEAST_PAST = 20
"""A rank among fewer past values says little: its standard error is .11 at the median."""
SLOTS = 16
"""The trades of one side within 1/16 of the markout's horizon wait together: so the memory is bounded."""
SAMPLES = 64
"""So often in a half-life the volatility looks at the mid: a flicker within is no move."""
NEVER_NS = 2**62
GAP_NS = 3_000_000_000
"""A sound book's mid is noted every second at least. After a longer silence what moved meanwhile is not known."""
UNKNOWN = Signals(math.nan, math.nan, math.nan, math.nan)
"""Nothing is measured."""
PLAIN = (
    "_now_ns", "_lots", "_lots_s", "_trade_ns", "_first_trade_ns", "_bucket", "_rank",
    "_mid", "_heard_ns", "_since_ns", "_slot_ends_ns",
)  # fmt: skip
"""The attributes of `MarketSignals` that a snapshot keeps as they are."""


class SignalSettings(NamedTuple):
    """How the signals are measured, for every instrument alike: volumes are counted in seconds of the usual one."""

    vpin_bucket_s: Annotated[
        float, Range(0.01, 3_600, "s", "a bucket of VPIN is the usual volume of so long")
    ] = 1.0
    vpin_window: Annotated[int, Range(1, 500, "buckets", "buckets that VPIN counts")] = 10
    rank_history: Annotated[
        int, Range(20, 5_000, "values", "past values of VPIN that it is ranked among")
    ] = 500
    markout_horizon_s: Annotated[
        float, Range(0.01, 600, "s", "a taker's gain is taken so long after the trade")
    ] = 1.0
    markout_half_life_s: Annotated[float, Range(0.1, 86_400, "s", "memory of the takers' gain")] = 60.0
    markout_prior_s: Annotated[
        float, Range(0.001, 3_600, "s", "usual volume of so long counts as trades that gained nothing")
    ] = 5.0
    volatility_half_life_s: Annotated[float, Range(0.1, 3_600, "s", "memory of the present volatility")] = 3.0
    usual_memory: Annotated[
        float,
        Range(2, 1_000, "half-lives", "memory of the usual volatility and volume, in those of the present"),
    ] = 20.0


class RegimeFactors(NamedTuple):
    """What a regime does to quotes; NaN while the model cannot say."""

    spread: float  # >= 1
    size: float  # 0 to 1


class RegimeModel(Protocol):
    """A model of regimes as pure functions; its state is a tuple of numbers, so that it lives in the snapshot."""

    def initial(self) -> tuple[float, ...]:
        """The state before the first mid."""
        ...

    def update(self, state: tuple[float, ...], time_ns: int, mid: float) -> tuple[float, ...]:
        """The state after one more mid that differs from the last it was shown."""
        ...

    def factors(self, state: tuple[float, ...]) -> RegimeFactors:
        """What it makes of the state."""
        ...


class MarketSignals:
    """The signals of one instrument.

    A signal that cannot be trusted is NaN: toxicity until VPIN can be ranked among `LEAST_PAST` values, the takers'
    gain until a trade has been judged, both after a silence of trades as long as the usual memory; the volatility's
    ratio until the usual memory has been watched without a gap.

    Parameters
    ----------
    settings : SignalSettings
        How they are measured.
    regime : RegimeModel, optional
        Where there is none its factors are 1.
    """

    def __init__(self, settings: SignalSettings, regime: RegimeModel | None = None) -> None:
        self.settings = settings
        self._regime = regime
        self._usual_s = settings.volatility_half_life_s * settings.usual_memory
        self._usual_ns = round(self._usual_s * 1e9)
        self._horizon_ns = round(settings.markout_horizon_s * 1e9)
        self._slot_ns = self._horizon_ns // SLOTS
        self._sample_ns = round(settings.volatility_half_life_s * 1e9) // SAMPLES
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self._now_ns = 0
        # Trades: the usual volume, the open bucket, past values of VPIN in order of time and of size.
        self._lots = 0.0
        self._lots_s = 0.0
        self._trade_ns = 0
        self._first_trade_ns = 0
        self._bucket = 0.0
        self._flow = Vpin()
        self._past: deque[float] = deque(maxlen=self.settings.rank_history)
        self._ranked: list[float] = []
        self._rank = math.nan
        # Mids: the last one and when it was last heard; the volatilities begin with the first.
        self._mid = 0.0
        self._heard_ns = 0
        self._marked = Markouts(0.0, 0.0, 0, 0.0)
        self._restart_mids(0.0, 0)
        self._regime_state = self._regime.initial() if self._regime is not None else ()

    def _restart_mids(self, mid: float, now_ns: int) -> None:
        """Begin with this mid; trades that wait for one are dropped, for it came unseen."""
        self._since_ns = now_ns
        self._fast = self._slow = EwmaState(0.0, 0.0, mid, now_ns)
        self._mid = mid
        self._marked = self._marked._replace(mid=mid, waiting=())
        self._slot = [0.0, 0.0, 0.0, 0.0]
        self._slot_ends_ns = NEVER_NS

    # ---- Trades ------------------------------------------------------------------------------------------

    def note_trade(self, side: int, lots: int, now_ns: int) -> None:
        """Take in a public trade; `side` is the aggressor's, 1 or -1."""
        if lots <= 0:
            return
        self._advance(now_ns)
        if not self._first_trade_ns:
            self._first_trade_ns = self._trade_ns = now_ns
        elapsed_s = (now_ns - self._trade_ns) * 1e-9
        if elapsed_s > 0.0:
            kept = 2.0 ** (-elapsed_s / self._usual_s)
            self._lots *= kept
            self._lots_s = self._lots_s * kept + elapsed_s
            self._trade_ns = now_ns
        self._lots += lots
        if self._bucket > 0.0:
            self._fill_bucket(side, lots / self._bucket)
        elif now_ns - self._first_trade_ns >= self.settings.vpin_bucket_s * 1e9:
            self._bucket = self._usual_lots(self.settings.vpin_bucket_s)
        if self._mid:
            self._wait(side, float(lots), now_ns)

    def _usual_lots(self, seconds: float) -> float:
        """What is usually traded in so long."""
        return self._lots / self._lots_s * seconds

    def _fill_bucket(self, side: int, buckets: float) -> None:
        window, flow = self.settings.vpin_window, self._flow
        closes = buckets >= 1.0 - flow.filled
        self._flow = vpin_on_trade(flow, side, buckets, 1.0, window)
        if not closes:
            return
        self._bucket = self._usual_lots(self.settings.vpin_bucket_s)
        level = vpin(self._flow, 1.0, window)
        if level is not None:
            self._rank = self._ranked_among_past(level)
            self._keep(level)

    def _ranked_among_past(self, level: float) -> float:
        """`titan.calibration.toxicity.percentile_rank`, by bisection."""
        if len(self._ranked) < LEAST_PAST:
            return math.nan
        return (bisect_left(self._ranked, level) + bisect_right(self._ranked, level)) / (
            2 * len(self._ranked)
        )

    def _keep(self, level: float) -> None:
        if len(self._past) == self.settings.rank_history:
            del self._ranked[bisect_left(self._ranked, self._past[0])]
        self._past.append(level)
        insort(self._ranked, level)

    def _wait(self, side: int, lots: float, now_ns: int) -> None:
        """Gather the trade with its neighbours; its gain is lots * (mid then / mid now - 1), so lots / mid sum too."""
        if now_ns > self._slot_ends_ns:
            self._close_slot()
        if self._slot_ends_ns == NEVER_NS:
            self._slot_ends_ns = now_ns + self._slot_ns
        at = 0 if side > 0 else 2
        self._slot[at] += lots
        self._slot[at + 1] += lots / self._mid

    def _close_slot(self) -> None:
        """The slot's trades begin to wait, each side as one at its mean mid, from the slot's end on."""
        bought, bought_units, sold, sold_units = self._slot
        for signed, units in ((bought, bought_units), (-sold, sold_units)):
            if units > 0.0:
                gained, lots, judged_ns, _, waiting = self._marked
                before = Markouts(gained, lots, judged_ns, abs(signed) / units, waiting)
                self._marked = markout_on_trade(before, signed, self._slot_ends_ns, self._horizon_ns)
        self._slot = [0.0, 0.0, 0.0, 0.0]
        self._slot_ends_ns = NEVER_NS

    # ---- Mids --------------------------------------------------------------------------------------------

    def note_mid(self, mid: float, now_ns: int) -> None:
        """Take in the mid of a sound book, quote currency; called again and again while it stays."""
        self._advance(now_ns)
        silent = not self._mid or now_ns - self._heard_ns > GAP_NS
        self._heard_ns = now_ns
        if silent:
            self._restart_mids(mid, now_ns)
            return
        if now_ns > self._slot_ends_ns:
            self._close_slot()
        waiting = self._marked.waiting
        if waiting and waiting[0][0] < now_ns:
            self._judge(mid, now_ns)
        self._mid = mid
        if mid != self._fast.price and now_ns - self._fast.time_ns >= self._sample_ns:
            self._sample(mid, now_ns)

    def _judge(self, mid: float, now_ns: int) -> None:
        """The trades whose horizon has ended are judged by the mid that stood until now."""
        gained, lots, judged_ns, _, waiting = self._marked
        standing = Markouts(gained, lots, judged_ns, self._mid, waiting)
        self._marked = markout_on_mid(standing, mid, now_ns, self.settings.markout_half_life_s)

    def _sample(self, mid: float, now_ns: int) -> None:
        self._fast = ewma_update(self._fast, mid, now_ns, self.settings.volatility_half_life_s)
        self._slow = ewma_update(self._slow, mid, now_ns, self._usual_s)
        if self._regime is not None:
            self._regime_state = self._regime.update(self._regime_state, now_ns, mid)

    def _advance(self, now_ns: int) -> None:
        """A clock set back since the predecessor's session makes its times worthless."""
        if now_ns < self._now_ns:
            self.restart()
        self._now_ns = now_ns

    # ---- What they say -----------------------------------------------------------------------------------

    def read(self, now_ns: int) -> Signals:
        """The signals as they stand; the share of the inventory is the strategy's own, and left NaN."""
        traded = bool(self._trade_ns) and now_ns - self._trade_ns <= self._usual_ns
        spread, size = (1.0, 1.0) if self._regime is None else self._regime.factors(self._regime_state)
        return Signals(
            self._rank if traded else math.nan,
            self._markout_bps() if traded else math.nan,
            self._ratio(now_ns),
            math.nan,
            spread,
            size,
        )

    def _markout_bps(self) -> float:
        if not (self._marked.lots > 0.0 and self._lots_s > 0.0):
            return math.nan
        return markout_toxicity_bps(self._marked, self._usual_lots(self.settings.markout_prior_s))

    def _ratio(self, now_ns: int) -> float:
        watched = self._mid and now_ns - self._heard_ns <= GAP_NS
        if not watched or now_ns - self._since_ns < self._usual_ns:
            return math.nan
        # What has happened since the last sample counts too, and be it nothing.
        fast = ewma_update(self._fast, self._mid, now_ns, self.settings.volatility_half_life_s)
        slow = ewma_update(self._slow, self._mid, now_ns, self._usual_s)
        if not slow.weighted_square > 0.0:
            return math.nan
        present, usual = (each.weighted_square / each.weighted_time_s for each in (fast, slow))
        return math.sqrt(present / usual)

    # ---- Keeping -----------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "settings": list(self.settings),
            "plain": {name: getattr(self, name) for name in PLAIN},
            "flow": list(self._flow),
            "past": list(self._past),
            "marked": list(self._marked),
            "slot": list(self._slot),
            "volatility": [list(self._fast), list(self._slow)],
            "regime": list(self._regime_state),
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take up a snapshot; one that was measured with other settings is left, and all is measured anew."""
        if SignalSettings(*data["settings"]) != self.settings or len(data["regime"]) != len(
            self._regime_state
        ):
            return
        for name in PLAIN:
            setattr(self, name, data["plain"][name])
        filled, signed, imbalances = data["flow"]
        self._flow = Vpin(filled, signed, tuple(imbalances))
        self._past = deque(data["past"], maxlen=self.settings.rank_history)
        self._ranked = sorted(self._past)
        gained, lots, judged_ns, mid, waiting = data["marked"]
        self._marked = Markouts(gained, lots, judged_ns, mid, tuple(tuple(each) for each in waiting))
        self._slot = list(data["slot"])
        self._fast, self._slow = (EwmaState(*each) for each in data["volatility"])
        self._regime_state = tuple(data["regime"])
