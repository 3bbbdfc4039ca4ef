"""ccxt signs and sends, and costs as little as it can."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from titan.venues import ccxt_client
from titan.venues.ccxt_client import DEAD_URL, Answer, ClientConfig, RestClient, _Signer
from titan.venues.weights import RateLimits, WeightBudget

_IMPORTED = """
import sys
import titan.venues.ccxt_client
print("ccxt" in sys.modules, sum(name.startswith("ccxt.") for name in sys.modules))
print("ccxt.async_support.binanceusdm" in sys.modules, "ccxt.async_support.kraken" in sys.modules)
"""


class _Clock:
    def now_ns(self) -> int:
        return 1_723_118_400_000_000_000


def _config() -> ClientConfig:
    return ClientConfig(
        rest_url="http://127.0.0.1:1", api_key="key", api_secret="secret", timeout_s=1.0, recv_window_ms=5_000
    )


def test_the_hundred_other_exchanges_are_not_imported(repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    run = subprocess.run(
        [sys.executable, "-c", _IMPORTED], env=environment, capture_output=True, text=True, check=True
    )
    first, second = run.stdout.splitlines()
    assert first.startswith("False ")
    assert int(first.split()[1]) < 60
    assert second == "True False"


def test_a_missing_ccxt_is_named() -> None:
    with pytest.raises(ImportError, match="no_such_package is not installed"):
        ccxt_client._empty_package("no_such_package")


def test_an_import_after_somebody_elses_gives_the_same_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", ccxt_client._empty_package("ccxt"))
    monkeypatch.setitem(sys.modules, "ccxt.async_support", ccxt_client._empty_package("ccxt.async_support"))
    assert ccxt_client._one_exchange() is ccxt_client._binanceusdm


async def test_addresses_that_are_not_used_lead_nowhere() -> None:
    client = RestClient(_config(), _Clock(), WeightBudget(RateLimits()))
    signer = _Signer(_config(), client)
    assert signer.urls["api"]["fapiPrivateV3"] == "http://127.0.0.1:1/fapi/v3"
    assert signer.urls["api"]["private"] == DEAD_URL
    assert signer.urls["api"]["sapi"] == DEAD_URL
    assert signer.nonce() == 1_723_118_400_000


async def test_closing_what_was_never_opened() -> None:
    client = RestClient(_config(), _Clock(), WeightBudget(RateLimits()))
    await client.close()
    assert "secret" not in repr(_config())


def test_a_body_that_is_no_json_has_no_value() -> None:
    assert Answer(200, b"{").value is None
    assert Answer(200, b'{"a":1}').value == {"a": 1}
