"""ccxt signs and sends, and costs as little as it can."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from titan.venues import binance_calls, ccxt_client
from titan.venues.ccxt_client import DEAD_URL, Answer, ClientConfig, Endpoint, RestClient, _Signer
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


ENDPOINTS = {name: each for name, each in vars(binance_calls).items() if isinstance(each, Endpoint)}


async def _refused(config: ClientConfig, said: str) -> set[str]:
    """Names of the calls that this connection refuses by itself, of all that the adapter makes."""
    client = RestClient(config, _Clock(), WeightBudget(RateLimits(weight=10**6)))
    client.open()
    answers = {name: await client.call(endpoint, {}) for name, endpoint in ENDPOINTS.items()}
    await client.close()
    refused = {name for name, answer in answers.items() if said in answer.failure}
    assert not any(answers[name].sent for name in refused)
    return refused


async def test_without_a_key_only_what_everybody_may_ask_is_sent() -> None:
    refused = await _refused(msgspec.structs.replace(_config(), api_key="", api_secret=""), "there is no key")
    assert set(ENDPOINTS) - refused == {"EXCHANGE_INFO", "DEPTH"}


async def test_a_connection_that_only_reads_changes_nothing() -> None:
    refused = await _refused(msgspec.structs.replace(_config(), read_only=True), "this connection only reads")
    assert refused == {"PLACE", "AMEND", "CANCEL", "CANCEL_ALL", "KEEP_ALIVE"}
    assert await _refused(_config(), "not sent") == set()
