"""`titan data` from the command line: what it prints, and how it ends."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tests.store.tapes import SYMBOL, capture_lines
from tests.store.test_archives import FUTURES
from tests.venues.test_archives import WANTED, Archive, zipped
from titan.cli import main
from titan.store.catalogue import load
from titan.store.hftbacktest import validate_events

STEPS = [
    ("snapshot", ({999: 5}, {1_001: 6}), False),
    ("depth", ({999: 4}, {}), False),
    ("top", ({999: 4}, {1_001: 6}), False),
    ("trade", 1_001, True),
]


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "captures" / "v-1.capture.gz"
    path.parent.mkdir()
    path.write_bytes(b"".join(capture_lines(STEPS, [250])))
    return path


def run(capsys, *words):
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_verify_and_its_old_name(capsys, capture):
    code, out, err = run(capsys, "data", "verify", capture.parent, "--json")
    (report,) = json.loads(out)["files"]
    assert (code, err, report["checked"], report["ok"]) == (0, "", 1, True)
    assert run(capsys, "capture", "verify", capture, "--json") == (
        0,
        out,
        "titan: 'capture verify' is now 'data verify'; the old name goes in 0.3\n",
    )
    capture.write_bytes(capture.read_bytes()[:-9])
    code, out, _ = run(capsys, "data", "verify", capture)
    assert code == 1
    assert "torn line 4 is cut short" in out
    assert "first 2024-08-08T23:54:15.000Z" in out
    code, _, err = run(capsys, "data", "verify", capture.parent / "none")
    assert (code, "cannot be opened" in err) == (2, True)


def test_convert_to_a_catalogue_and_list_it(capsys, capture, tmp_path):
    root = tmp_path / "catalogue"
    code, out, _ = run(capsys, "data", "convert", capture.parent, "--out", root, "--json")
    (row,) = json.loads(out)["written"]
    assert (code, row["symbol"], row["events"], row["bytes_per_event"]) == (0, SYMBOL, 7, 21)
    assert len(load(root, "binance", SYMBOL)) == 7
    code, out, _ = run(capsys, "data", "ls", tmp_path, "--json")
    (listed,) = json.loads(out)["holds"]
    assert (listed["what"], listed["path"], listed["first"]) == (
        "capture",
        str(capture),
        "2024-08-08T23:54:15.000Z",
    )
    code, out, _ = run(capsys, "data", "ls", root)
    assert code == 0
    assert "venue binance  symbol BTCUSDT  day 2024-08-08  source v-1  events 7" in out


def test_convert_to_hftbacktest(capsys, capture, tmp_path):
    code, out, _ = run(
        capsys,
        "data",
        "convert",
        capture,
        "--to",
        "hftbacktest",
        "--out",
        tmp_path / "npz",
        "--json",
        "--top",
    )
    (row,) = json.loads(out)["written"]
    assert (code, row["events"]) == (0, 7)
    with np.load(row["path"]) as found:
        validate_events(found["data"])
    assert row["path"].endswith("v-1-BTCUSDT-2024-08-08.npz")


def test_fetch_and_convert(capsys, tmp_path):
    archive = Archive()
    archive.put(WANTED, zipped(FUTURES))
    for address, content in archive.files.items():
        path = tmp_path / "served" / address.removeprefix("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    serve = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    serve.func.log_message = lambda *args: None
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        asked = (
            "data", "fetch", "--symbols", SYMBOL, "--from", "2024-01-02", "--out", tmp_path / "got",
            "--base-url", f"http://127.0.0.1:{server.server_port}", "--json",
        )  # fmt: skip
        try:
            code, out, err = run(capsys, *asked)
            later_code, later_out, later_err = run(capsys, *asked, "--to", "2024-01-03")
        finally:
            server.shutdown()
            thread.join()
    assert (code, err) == (0, "")
    (row,) = json.loads(out)["files"]
    assert row["state"] == "fetched"
    later = json.loads(later_out)
    assert (later_code, later["files"][0]["state"], len(later["failed"])) == (1, "present", 1)
    assert "the archive has no such file" in later_err
    code, out, _ = run(capsys, "data", "convert", row["path"], "--out", tmp_path / "catalogue")
    assert code == 0
    assert load(tmp_path / "catalogue", "binance", SYMBOL).columns.price_ticks.tolist() == [420_001, 420_002]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ls", "nowhere"), "no such folder"),
        (("convert", "nowhere", "--out", "x"), "cannot be opened"),
        (
            ("fetch", "--symbols", "A", "--from", "2024-01-02", "--to", "2024-01-01", "--out", "x"),
            "lies before",
        ),
        (
            ("fetch", "--symbols", "A", "--from", "2024-01-02", "--kinds", "klines", "--out", "x"),
            "kinds klines: must be of",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(capsys, monkeypatch, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "data", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("words", [("--from", "soon"), ("--from", "2024-01-02", "--base-latency-us", "-1")])
def test_a_day_and_a_number_are_checked(capsys, words):
    with pytest.raises(SystemExit):
        main(["data", "fetch", "--symbols", "A", "--out", "x", *words])


def test_a_damaged_file_in_a_catalogue_is_one_line(capsys, capture, tmp_path):
    run(capsys, "data", "convert", capture, "--out", tmp_path / "catalogue")
    (path,) = (tmp_path / "catalogue").rglob("*.events.parquet")
    path.write_bytes(b"noise")
    code, _, err = run(capsys, "data", "ls", tmp_path / "catalogue")
    assert (code, "convert its capture again" in err) == (2, True)
