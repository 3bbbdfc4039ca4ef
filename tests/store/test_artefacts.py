"""Artefacts are named by what they say, and put in place whole."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from titan.store.artefacts import (
    Artefact,
    ArtefactError,
    Source,
    Value,
    current_artefact,
    folder_of,
    read_artefact,
    write_artefact,
)

FOUND = Artefact(
    venue="binance",
    symbol="BTCUSDT",
    values=(Value("mean_fill_depth_bps", 0.5, 0.4, 0.6, "bps"),),
    quality={"orders": 5_000.0},
    doubt="",
    data=(Source("day.gz", "ab" * 32, 1, 2, 3),),
    made_ns=2,
    expires_ns=3,
    study="calibration_review 12ab",
    sources={"titan.calibration.intensity": "34cd"},
    commit="c" * 40,
)


def test_what_is_written_is_read_and_current(tmp_path: Path) -> None:
    path = write_artefact(tmp_path, FOUND)
    assert path.stem == FOUND.id
    assert read_artefact(path) == FOUND
    assert write_artefact(tmp_path, FOUND) == path
    other = msgspec.structs.replace(FOUND, doubt="few orders")
    assert other.id != FOUND.id
    write_artefact(tmp_path, other)
    assert current_artefact(tmp_path, "binance", "BTCUSDT") == other
    assert read_artefact(path) == FOUND
    assert sorted(each.name for each in path.parent.iterdir()) == sorted(
        [f"{FOUND.id}.json", f"{other.id}.json", "current"]
    )
    assert FOUND.value("mean_fill_depth_bps") == FOUND.values[0]
    assert FOUND.value("other") is None


def test_what_is_not_there_or_was_changed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"no artefact of binance:BTCUSDT .* run 'titan calibrate' first"):
        current_artefact(tmp_path, "binance", "BTCUSDT")
    path = write_artefact(tmp_path, FOUND)
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.9"))
    with pytest.raises(ArtefactError, match="was changed after it was written"):
        current_artefact(tmp_path, "binance", "BTCUSDT")
    path.write_bytes(b"{}")
    with pytest.raises(ArtefactError, match="missing required field"):
        read_artefact(path)
    path.unlink()
    with pytest.raises(ArtefactError, match="No such file"):
        current_artefact(tmp_path, "binance", "BTCUSDT")


def test_a_pointer_to_another_instrument_is_refused(tmp_path: Path) -> None:
    path = write_artefact(tmp_path, msgspec.structs.replace(FOUND, symbol="ETHUSDT"))
    folder = folder_of(tmp_path, "binance", "BTCUSDT")
    folder.mkdir()
    (folder / path.name).write_bytes(path.read_bytes())
    (folder / "current").write_text(path.stem)
    with pytest.raises(ArtefactError, match="is of binance:ETHUSDT, not of binance:BTCUSDT"):
        current_artefact(tmp_path, "binance", "BTCUSDT")
