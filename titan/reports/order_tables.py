"""Tables of orders: what was sent and what became of it, how long the answers took, how much of each limit was used."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

from titan.reports.limit_usage import NOTHING, Peak
from titan.reports.order_lives import OrderLife
from titan.reports.paths import largest_day_loss
from titan.reports.session_tables import SessionResult, time_text

MS_NS = 1e6


def order_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """Orders by instrument and strategy; one column each, statistics as rows."""
    groups: dict[str, list[OrderLife]] = {}
    refused: Counter[str] = Counter()
    unproven: Counter[str] = Counter()
    for result in results:
        for life in result.recording.lives.lives.values():
            name = f"{life.strategy or 'unknown'} on {life.key}"
            groups.setdefault(name, []).append(life)
        for outcome in result.recording.lives.outcomes:
            found = result.recording.lives.get(outcome.client_id)
            if found is None:
                continue
            name = f"{found.strategy or 'unknown'} on {found.key}"
            refused[name] += outcome.outcome == "rejected" and outcome.action != "place"
            unproven[name] += outcome.outcome == "unknown"
    return pd.DataFrame(
        {name: _order_statistics(lives, refused[name], unproven[name]) for name, lives in groups.items()}
    )


def _order_statistics(lives: Sequence[OrderLife], refused_changes: int, unproven: int) -> dict[str, float]:
    placed = [life for life in lives if not life.adopted]
    ends = {
        end: sum(life.end == end for life in lives)
        for end in ("filled", "cancelled", "rejected", "expired", "not_sent")
    }
    quoted = sum(life.quoted for life in lives)
    filled = sum(life.filled for life in lives)
    stood = [(life.ended_ns - life.placed_ns) / 1e9 for life in placed if life.ended_ns and life.acked_ns]
    return {
        "placed": len(placed),
        "taken over from before": len(lives) - len(placed),
        "acknowledged": sum(life.acked_ns > 0 for life in placed),
        "amends sent": sum(life.amends for life in lives),
        "cancels sent": sum(life.cancels for life in lives),
        "ended filled": ends["filled"],
        "ended cancelled": ends["cancelled"],
        "ended expired": ends["expired"],
        "rejected": ends["rejected"],
        "never sent": ends["not_sent"],
        "amends or cancels refused": refused_changes,
        "answers that prove nothing": unproven,
        "not proven ended": sum(not life.end for life in lives),
        "orders with an execution, share": sum(life.filled > 0 for life in lives) / max(len(lives), 1),
        "lots filled of lots quoted, share": filled / max(quoted, 1),
        "median life, s": float(np.median(stood)) if stood else float("nan"),
        "longest life, s": max(stood, default=float("nan")),
    }


# ---- Latency -------------------------------------------------------------------------------------------------

STREAMED = {
    "BookDelta": "book update: venue's stamp to receipt",
    "TopOfBook": "best bid and ask: venue's stamp to receipt",
    "TradePrint": "public trade: venue's stamp to receipt",
    "MarkPrice": "mark price: venue's stamp to receipt",
    "OrderUpdate": "own order, private stream: venue's stamp to receipt",
    "Fill": "own execution, private stream: venue's stamp to receipt",
}


def latency_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """What the journal's own times tell, ms. A delay by the venue's stamp holds its clock's error and rounding."""
    samples: dict[str, list[int]] = {}
    for result in results:
        for action, times in result.recording.lives.answers.items():
            samples.setdefault(f"{action}: decision to the venue's answer", []).extend(times)
        for kind, text in STREAMED.items():
            samples.setdefault(text, []).extend(result.recording.feed_delays.get(kind, []))
    return pd.DataFrame.from_dict(
        {name: _quantiles(times) for name, times in samples.items() if times},
        orient="index",
        columns=["count", "p50, ms", "p90, ms", "p99, ms", "most, ms"],
    )


def _quantiles(times_ns: Sequence[int]) -> list[float]:
    return [float(len(times_ns)), *(float(q) / MS_NS for q in np.quantile(times_ns, [0.5, 0.9, 0.99, 1.0]))]


# ---- Limits --------------------------------------------------------------------------------------------------

LIMIT_TEXTS = {
    "max_order_notional": "largest order",
    "max_position_notional": "worst case of one position, open orders filled",
    "max_gross_notional": "worst case of all positions together",
    "max_daily_loss": "most that a day was down",
    "collar_bps": "farthest order from the mid, bps",
    "max_open_orders": "open orders of one instrument",
    "message_burst": "message budget used",
    "max_executions": "executions of one strategy in the window",
}


def limit_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """The most used of each limit, by the session that used the greatest share; money in the reporting currency.

    A share is NaN where a limit is not set; `complete` is False where a price was missing at some time.
    """
    rows = [_limit_row(name, text, results) for name, text in LIMIT_TEXTS.items()]
    return pd.DataFrame(rows).set_index("limit")


def _limit_row(name: str, text: str, results: Sequence[SessionResult]) -> Mapping[str, object]:
    best: tuple[float, Peak, float] = (-1.0, NOTHING, 0.0)
    for result in results:
        limit = float(getattr(result.recording.config.limits, name))
        peak = _peak(name, result)
        share = float(peak.value) / limit if limit else float("nan")
        if not share <= best[0]:
            best = (share, peak, limit)
    share, peak, limit = best
    return {
        "limit": name,
        "measure": text,
        "allowed": limit,
        "most used": float(peak.value),
        "share": share,
        "where": peak.where,
        "when": time_text(peak.time_ns),
        "complete": not peak.unknown,
    }


def _peak(name: str, result: SessionResult) -> Peak:
    if name != "max_daily_loss":
        return result.recording.usage.peaks.get(name, NOTHING)
    worst, when = largest_day_loss([result])
    return Peak(
        Decimal(f"{worst:.8f}"), int(when.value) if when is not None else 0, "", bool(result.total.missing)
    )


# ---- Provenance ----------------------------------------------------------------------------------------------


def provenance_table(results: Sequence[SessionResult]) -> pd.DataFrame:
    """What the sessions ran on, and the digests of what this report was read from."""
    return pd.DataFrame({result.session: _provenance(result) for result in results})


def _provenance(result: SessionResult) -> dict[str, str]:
    recording = result.recording
    header = recording.header
    sources = "".join(f"{name}={digest}\n" for name, digest in sorted(header.source_hashes.items()))
    return {
        "began": time_text(recording.started_ns),
        "ended": time_text(recording.ended_ns),
        "end": recording.ended.reason if recording.ended else "no end recorded",
        "predecessor": header.predecessor or "none",
        "account": header.account,
        "commit": header.commit,
        "lock": header.lock_hash,
        "processor flags": _digest(header.cpu_flags.encode()),
        "sources": f"{len(header.source_hashes)} modules, {_digest(sources.encode())}",
        "configuration": _digest(header.config),
        "state at the start": header.state_hash or "empty",
        "journal": str(recording.directory),
        **{
            path.name: f"{path.stat().st_size} bytes, {_file_digest(path)}"
            for path in sorted(recording.directory.glob("*.t[jc]"))
        },
        "cut short": "; ".join(recording.truncated) or "nothing",
    }


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
