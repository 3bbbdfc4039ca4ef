"""ccxt with nothing changed, its addresses neither: the venue's host names resolve to this machine.

Only so are its tables of errors real, which it chooses by address. Any other host name is refused.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import ccxt
import ccxt.pro
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from titan.loopback.main import LOCKSTEP, ExchangeOptions, build_desk, serving

BTC = "BTC/USDT:USDT"
HOSTS = ("fapi.binance.com", "fstream.binance.com")


class OneExchange(AbstractResolver):
    """Sends the venue's futures hosts to one port of this machine, and nothing anywhere else."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in HOSTS:
            raise OSError(f"{host} is not served here")
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": self.port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that signs itself, for the venue's hosts; (certificate, key) as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback exchange")])
    today = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(host) for host in HOSTS] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_path, key_path


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[Any]:
    certificate, key = _certificate(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    desk = build_desk(ExchangeOptions(speed=LOCKSTEP))
    async with serving(desk, tls=server) as port:
        connector = aiohttp.TCPConnector(
            resolver=OneExchange(port), ssl=ssl.create_default_context(cafile=str(certificate))
        )
        async with aiohttp.ClientSession(connector=connector) as session:
            client = ccxt.pro.binanceusdm(
                {
                    "apiKey": "loopback-key",
                    "secret": "loopback-secret",
                    "enableRateLimit": False,
                    "session": session,
                    "cafile": str(certificate),
                    "options": {"fetchCurrencies": False, "adjustForTimeDifference": True},
                }
            )
            await client.load_markets()
            yield client
            await client.close()


@pytest.mark.parametrize(
    ("order", "error", "code"),
    [
        ((BTC, "limit", "buy", 900, 59_000), ccxt.InsufficientFunds, "-2019"),
        ((BTC, "limit", "buy", 0.01, 62_000, {"timeInForce": "GTX"}), ccxt.OrderNotFillable, "-5022"),
        ((BTC, "limit", "sell", 0.01, 62_000, {"reduceOnly": True}), ccxt.InvalidOrder, "-2022"),
        ((BTC, "limit", "buy", 0.01, 70_000), ccxt.BadRequest, "-4016"),
        ((BTC, "limit", "buy", 0.001, 100), ccxt.InvalidOrder, "-4164"),
    ],
)
async def test_refusals_are_of_the_class_that_ccxt_gives_the_real_venue(venue, order, error, code):
    with pytest.raises(error, match=code):
        await venue.create_order(*order)


async def test_a_duplicate_client_id_and_an_unknown_order(venue):
    await venue.create_order(BTC, "limit", "buy", 0.01, 59_000, {"clientOrderId": "one"})
    with pytest.raises(ccxt.InvalidOrder, match="-4116"):
        await venue.create_order(BTC, "limit", "buy", 0.01, 59_000, {"clientOrderId": "one"})
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await venue.fetch_order("99999999", BTC)


async def test_streams_come_over_wss(venue):
    watching = asyncio.create_task(venue.watch_orders(BTC))
    while not any("listenKey" in url and client.isConnected for url, client in venue.clients.items()):
        await asyncio.sleep(0.01)
    await venue.create_order(BTC, "limit", "buy", 0.01, 59_000)
    assert (await watching)[-1]["status"] == "open"


async def test_no_other_host_can_be_reached(venue):
    with pytest.raises(ccxt.NetworkError):
        await venue.sapiGetSystemStatus()
