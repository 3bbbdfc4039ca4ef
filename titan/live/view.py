"""The terminal view: the book, our quotes, position, P&L, risk and latency, calmly."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from titan.engine.desk import Market
from titan.engine.kernel import Kernel
from titan.live.telemetry import STAGES, Telemetry
from titan.model.orders import Order

REFRESH_S = 0.5
LEVELS = 5


class View:
    """Shows a session on a terminal; shows nothing where there is none.

    Parameters
    ----------
    kernel, telemetry
        Read, never changed.
    mode : str
        Whether money is at stake is the first thing that is shown.
    quiet : bool
        Show nothing even on a terminal: somebody reads the JSON.
    """

    def __init__(self, kernel: Kernel, telemetry: Telemetry, *, mode: str, quiet: bool) -> None:
        self._kernel = kernel
        self._mode = mode
        self._telemetry = telemetry
        self._live = None if quiet or not sys.stdout.isatty() else Live(console=Console(), auto_refresh=False)
        self._drawn_s = 0.0

    def __enter__(self) -> View:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def refresh(self) -> None:
        """Draw anew, at most twice a second."""
        now_s = time.monotonic()
        if self._live is not None and now_s - self._drawn_s >= REFRESH_S:
            self._drawn_s = now_s
            self._live.update(self.render(), refresh=True)

    def render(self) -> Group:
        """The whole view."""
        desk = self._kernel.desk
        head = Text.assemble(
            ("Titan ", "bold"), f"{desk.config.session}  {self._mode}  ", (desk.phase.value, "cyan")
        )
        parts = [self._market(market) for market in desk.markets.values()]
        return Group(head, *parts, self._money(), self._latency())

    def _market(self, market: Market) -> Table:
        table = Table(title=str(market.key), title_justify="left", expand=False)
        for name, justify in (("", "left"), ("size", "right"), ("price", "right"), ("ours", "right")):
            table.add_column(name, justify="right" if justify == "right" else "left")
        terms = market.instrument
        if terms is None:
            return table
        orders = list(self._kernel.desk.orders.live(market.key))
        for side, name in ((-1, "ask"), (1, "bid")):
            for ticks in _rows(market, orders, side):
                lots = market.book.depth_at(side, ticks)
                table.add_row(
                    name, terms.size_text(lots), terms.price_text(ticks), _ours(orders, side, ticks)
                )
        position = self._kernel.desk.ledger.lots(market.key)
        table.caption = f"position {terms.size_text(position)} {terms.base}   {market.obstacle or 'quoting'}"
        return table

    def _money(self) -> Table:
        summary = self._kernel.summary()
        limits = self._kernel.desk.config.limits
        table = Table(title="P&L", title_justify="left")
        row: list[str] = []
        for name, amount in {
            "total": summary.pnl,
            **(summary.parts._asdict() if summary.parts else {}),
        }.items():
            table.add_column(name.replace("_", " "), justify="right")
            row.append("no price" if amount is None else f"{amount:.4f}")
        table.add_row(*row)
        loss = self._kernel.desk.day_loss
        shown = "unknown" if loss is None else f"{max(loss, 0):.2f}"
        table.caption = (
            f"risk {self._kernel.desk.level.name}   day's loss {shown} of {limits.max_daily_loss:g}   "
            f"differences {summary.differences}"
        )
        return table

    def _latency(self) -> Text:
        shares = []
        for stage in STAGES:
            kept = self._telemetry.latencies[stage]
            shares.append(f"{stage} {kept.percentile_us(0.5)}/{kept.percentile_us(0.99)}")
        return Text("latency us p50/p99: " + "   ".join(shares), style="dim")


def _rows(market: Market, orders: list[Order], side: int) -> list[int]:
    """The best levels of a side and every level of ours, highest price first, ticks."""
    best = {ticks for ticks, _ in market.book.levels(side, LEVELS)}
    return sorted(best | {order.price for order in orders if order.side == side}, reverse=True)


def _ours(orders: list[Order], side: int, ticks: int) -> str:
    found = [order for order in orders if order.side == side and order.price == ticks]
    return "  ".join(f"{order.remaining} lots {order.state}" for order in found)
