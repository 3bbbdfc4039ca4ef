"""`titan record` and `titan data`: recorded markets, from the venue's streams to a catalogue."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from titan.live.errors import CLEAN, UsageError
from titan.settings import load as load_settings

_MARKETS = ("usdm", "coinm", "spot")
_KINDS = ("trades", "aggTrades", "bookTicker")
_NS_PER_S = 1_000_000_000


def add_data_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], seconds: Callable[[str], float]
) -> None:
    """Add ``record``, ``data`` and the old name of ``data verify``; `seconds` reads a duration."""
    _add_record(commands, seconds)
    data = commands.add_parser("data", help="recorded market data: list, verify, convert, fetch")
    actions = data.add_subparsers(dest="action", required=True)
    _add_ls(actions)
    _add_verify(actions).set_defaults(run=_verify)
    _add_convert(actions)
    _add_fetch(actions)
    old = commands.add_parser("capture", help="deprecated: 'titan data verify'")
    _add_verify(old.add_subparsers(dest="action", required=True)).set_defaults(run=_verify_by_its_old_name)


def _add_record(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], seconds: Callable[[str], float]
) -> None:
    record = commands.add_parser(
        "record", help="record a venue's public streams as raw captures; no key is needed"
    )
    record.add_argument("--venue", required=True, metavar="V", help="the [venue.NAME] to record")
    record.add_argument(
        "--symbols", default="", metavar="A,B", help="what is recorded (default: the venue's symbols)"
    )
    record.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the captures")
    record.add_argument(
        "--channels",
        default="",
        metavar="A,B",
        help="streams of each symbol (default: depth@100ms,bookTicker,trade,markPrice@1s)",
    )
    record.add_argument(
        "--duration", type=seconds, default=0.0, metavar="S", help="seconds; without it until Ctrl-C"
    )
    record.add_argument(
        "--rotate", type=_whole, default=3_600, metavar="S", help="a new file each S seconds (default 3600)"
    )
    record.add_argument(
        "--rotate-mb", type=_whole, default=256, metavar="MB", help="and at so many megabytes (default 256)"
    )
    record.add_argument(
        "--flush",
        type=seconds,
        default=1.0,
        metavar="S",
        help="what came becomes readable each S seconds (default 1): a kill loses no more",
    )
    record.add_argument("--settings", type=Path, help="settings file (default: the nearest settings.ini)")
    record.add_argument("--json", action="store_true", help="end with one JSON object on stdout")
    record.set_defaults(run=_record)


def _add_ls(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    ls = actions.add_parser("ls", help="what a folder holds: captures, and days of a catalogue")
    ls.add_argument("folder", type=Path, metavar="DIR")
    ls.add_argument("--json", action="store_true")
    ls.set_defaults(run=_ls)


def _add_verify(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    verify = actions.add_parser(
        "verify", help="rebuild the books of captures and report what is wrong; exit code 1 if anything is"
    )
    verify.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a capture, or a folder of recorded ones"
    )
    verify.add_argument("--snapshot", type=Path, metavar="FILE", help="the book at the first file's start")
    verify.add_argument("--json", action="store_true")
    return verify


def _add_convert(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    convert = actions.add_parser(
        "convert", help="captures, or archives that were fetched, to a catalogue or to hftbacktest's npz"
    )
    convert.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a capture, an archive's zip, or a folder of captures",
    )
    convert.add_argument("--out", type=Path, required=True, metavar="DIR")
    convert.add_argument("--to", choices=["parquet", "hftbacktest"], default="parquet")
    convert.add_argument(
        "--venue", default="binance", metavar="V", help="name of the venue in the catalogue (default binance)"
    )
    convert.add_argument("--snapshot", type=Path, metavar="FILE", help="the book at the first file's start")
    convert.add_argument(
        "--top", action="store_true", help="hftbacktest: with the venue's own best bid and ask"
    )
    convert.add_argument(
        "--base-latency-us",
        type=_whole,
        default=0,
        metavar="US",
        help="hftbacktest: latency of the fastest message, where the recorder's clock ran behind (default 0)",
    )
    convert.add_argument("--json", action="store_true")
    convert.set_defaults(run=_convert)


def _add_fetch(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    fetch = actions.add_parser("fetch", help="fetch days of Binance's public history archive")
    fetch.add_argument("--market", choices=_MARKETS, default="usdm")
    fetch.add_argument("--symbols", required=True, metavar="A,B")
    fetch.add_argument(
        "--kinds", default="trades", metavar="A,B", help=f"of {', '.join(_KINDS)} (default trades)"
    )
    fetch.add_argument("--from", dest="first", type=_day, required=True, metavar="YYYY-MM-DD")
    fetch.add_argument("--to", dest="last", type=_day, metavar="YYYY-MM-DD", help="default: that one day")
    fetch.add_argument("--out", type=Path, required=True, metavar="DIR")
    fetch.add_argument("--base-url", default="", metavar="URL", help="default: [store] archive_url")
    fetch.add_argument("--settings", type=Path, help="settings file (default: the nearest settings.ini)")
    fetch.add_argument("--json", action="store_true")
    fetch.set_defaults(run=_fetch)


def _whole(text: str) -> int:
    number = int(text)
    if not 0 <= number < 10**9:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number of 0 or more")
    return number


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: write a day as YYYY-MM-DD") from None


def _listed(text: str, what: str, known: Sequence[str] = ()) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    strange = [name for name in names if known and name not in known]
    if strange:
        raise UsageError(f"{what} {', '.join(strange)}: must be of {', '.join(known)}")
    return names


# ---- What they do ----------------------------------------------------------------------------------------


def _record(options: argparse.Namespace) -> int:
    from titan.live.record import RecordOptions, record
    from titan.store.capture_writer import Rotation
    from titan.venues.binance_streams import CHANNELS

    wanted = RecordOptions(
        venue=options.venue,
        out=options.out,
        symbols=_listed(options.symbols, "symbols"),
        channels=_listed(options.channels, "channels") or CHANNELS,
        duration_s=options.duration,
        rotation=Rotation(max(options.rotate, 1), max(options.rotate_mb, 1) << 20),
        flush_s=options.flush,
    )
    settings = load_settings(options.settings)
    done = asyncio.run(record(settings, wanted, lambda line: print(line, file=sys.stderr, flush=True)))
    _print_rows([msgspec.to_builtins(done)], options.json, "recorded")
    return CLEAN


def _ls(options: argparse.Namespace) -> int:
    from titan.store.captures import SUFFIX, CaptureError, read_capture

    if not options.folder.is_dir():
        raise UsageError(f"{options.folder}: no such folder")
    rows: list[dict[str, Any]] = []
    try:
        for path in sorted(options.folder.rglob(f"*{SUFFIX}")):
            torn: list[str] = []
            first = next(iter(read_capture(path, torn.append)), None)
            rows.append(
                {
                    "what": "capture",
                    "first": _moment(first.time_ns) if first else "",
                    "bytes": path.stat().st_size,
                    "path": str(path),
                }
            )
        rows += _catalogued(options.folder)
    except CaptureError as error:
        raise UsageError(str(error)) from None
    _print_rows(rows, options.json, "holds")
    return CLEAN


def _catalogued(folder: Path) -> list[dict[str, Any]]:
    """The days of a catalogue, if there are any; only then is its library needed."""
    if next(folder.glob("venue=*/symbol=*/day=*"), None) is None:
        return []
    catalogue = _catalogue()
    try:
        found = catalogue.entries(folder)
    except catalogue.CatalogueError as error:
        raise UsageError(str(error)) from None
    return [
        {
            "what": "day",
            "venue": entry.venue,
            "symbol": entry.symbol,
            "day": entry.day.isoformat(),
            "source": entry.source,
            "events": entry.events,
            "first": _moment(entry.first_ns),
            "last": _moment(entry.last_ns),
            "left_out": entry.left_out,
            "torn": entry.torn,
            "bytes": entry.size_bytes,
        }
        for entry in found
    ]


def _catalogue() -> Any:
    try:
        from titan.store import catalogue
    except ModuleNotFoundError as error:
        raise UsageError(f"a catalogue needs {error.name}: install titan-mm[research]") from None
    return catalogue


def _verify(options: argparse.Namespace) -> int:
    from titan.store.capture_verify import verify_captures
    from titan.store.captures import CaptureError, captures_in

    try:
        reports = verify_captures(captures_in(options.files), options.snapshot)
    except CaptureError as error:
        raise UsageError(str(error)) from None
    rows = [msgspec.to_builtins(report) for report in reports]
    ok = all(row["ok"] for row in rows)
    if options.json:
        print(json.dumps({"files": rows, "ok": ok}))
    else:
        for row in rows:
            row["first"], row["last"] = _moment(row.pop("first_ns")), _moment(row.pop("last_ns"))
            row["events"] = " ".join(f"{kind}={count}" for kind, count in row["events"].items()) or "none"
            print("  ".join(f"{name} {value}" for name, value in row.items() if value != ""))
    return CLEAN if ok else 1


def _verify_by_its_old_name(options: argparse.Namespace) -> int:
    print(
        "titan: 'capture verify' is now 'data verify'; the old name goes in 0.3", file=sys.stderr, flush=True
    )
    return _verify(options)


def _convert(options: argparse.Namespace) -> int:
    from titan.store.archives import archive_part, is_archive
    from titan.store.capture_tapes import parts_of
    from titan.store.captures import CaptureError, captures_in
    from titan.store.tape import TapeError

    try:
        files = captures_in(options.files)
        captures = [path for path in files if not is_archive(path)]
        parts = chain(
            (archive_part(path, options.venue) for path in files if is_archive(path)),
            parts_of(captures, options.venue, options.snapshot) if captures else (),
        )
        write = _write_npz if options.to == "hftbacktest" else _write_parquet
        rows = write(parts, options)
    except (CaptureError, TapeError) as error:
        raise UsageError(str(error)) from None
    _print_rows(rows, options.json, "written")
    return CLEAN


def _write_parquet(parts: Iterable[Any], options: argparse.Namespace) -> list[dict[str, Any]]:
    catalogue = _catalogue()
    try:
        return [_row(part, catalogue.write_part(options.out, part)) for part in parts]
    except catalogue.CatalogueError as error:
        raise UsageError(str(error)) from None


def _write_npz(parts: Iterable[Any], options: argparse.Namespace) -> list[dict[str, Any]]:
    from titan.store.captures import plain_name
    from titan.store.hftbacktest import EventsError, to_events, write_events

    rows = []
    try:
        for part in parts:
            symbol = part.tape.instrument.symbol
            path = options.out / f"{plain_name(part.source)}-{symbol}-{part.day.isoformat()}.npz"
            events = to_events(part.tape, top=options.top, base_latency_ns=options.base_latency_us * 1_000)
            write_events(path, events)
            rows.append(_row(part, path) | {"events": len(events)})
    except EventsError as error:
        raise UsageError(str(error)) from None
    return rows


def _row(part: Any, path: Path) -> dict[str, Any]:
    return {
        "symbol": part.tape.instrument.symbol,
        "day": part.day.isoformat(),
        "events": len(part.tape),
        "bytes_per_event": part.tape.bytes_per_event,
        "left_out": part.left_out,
        "torn": part.torn,
        "path": str(path),
    }


def _fetch(options: argparse.Namespace) -> int:
    from titan.venues.archives import ArchiveError, Wanted, days_between, fetch_all

    last = options.last or options.first
    if last < options.first:
        raise UsageError(f"--to {last} lies before --from {options.first}; give the later day")
    wanted = [
        Wanted(options.market, kind, symbol, day)
        for symbol in _listed(options.symbols, "symbols")
        for kind in _listed(options.kinds, "kinds", _KINDS)
        for day in days_between(options.first, last)
    ]
    base_url = options.base_url or load_settings(options.settings).store.archive_url
    found = asyncio.run(fetch_all(wanted, options.out, base_url))
    failed = [each for each in found if isinstance(each, ArchiveError)]
    rows = [
        {"state": each.state, "resumed_at": each.resumed_at, "path": str(each.path)}
        for each in found
        if not isinstance(each, ArchiveError)
    ]
    for error in failed:
        print(f"titan: {error}", file=sys.stderr, flush=True)
    _print_rows(rows, options.json, "files", failed=[str(error) for error in failed])
    return 1 if failed else CLEAN


def _moment(time_ns: int) -> str:
    """A time for people, UTC to the millisecond."""
    if not time_ns:
        return ""
    whole = datetime.fromtimestamp(time_ns // _NS_PER_S, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{time_ns % _NS_PER_S // 1_000_000:03d}Z"


def _print_rows(rows: list[dict[str, Any]], as_json: bool, name: str, **more: object) -> None:
    if as_json:
        print(json.dumps({name: rows, **more}), flush=True)
        return
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items() if value != ""), flush=True)
