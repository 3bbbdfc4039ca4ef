"""What `import titan` costs, and what a running titan-live has loaded."""

from __future__ import annotations

import pytest

from bench import imports
from bench.__main__ import COLUMNS


def test_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "RUNS", 1)
    monkeypatch.setattr(
        imports, "trade", lambda: ({"cpu_to_first_quote_s": 1.5}, ["numpy", "pandas", "titan"])
    )
    monkeypatch.setattr(imports, "cpu_ms", {"import titan": 30.0, "pass": 15.0}.get)
    cost, loaded, quote = imports.run()
    assert set(cost) == set(loaded) == set(quote) == set(COLUMNS)
    assert (cost["value"], cost["peer_value"], cost["ratio"], cost["met"]) == (30.0, 15.0, 2.0, True)
    assert (loaded["value"], loaded["peer"], loaded["met"]) == (1, "pandas", False)
    assert (quote["value"], quote["target"]) == (1.5, None)


def test_processor_time_of_a_statement() -> None:
    assert 0.0 < imports.cpu_ms("pass", runs=1) < 10_000.0


def test_a_process_that_fails_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="ended with code 1"):
        imports.cpu_ms("raise ValueError", runs=1)


def test_a_running_titan_live_loads_no_research_library() -> None:
    summary, loaded = imports.trade(seconds=1)
    assert summary["orders_acked"] > 0
    assert {"ccxt", "titan"} <= set(loaded)
    assert imports.banned(loaded) == []
