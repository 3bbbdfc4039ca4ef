"""The page about the exchange names every call it answers and every code it refuses with."""

from __future__ import annotations

import re
from pathlib import Path

from titan.loopback.refusals import CODES
from titan.loopback.rest import ENDPOINTS
from titan.matching.types import RefusalReason

SEEN_NOWHERE = {RefusalReason.BAD_PARAMETER}  # parameters are refused before they reach the core


def test_every_call_is_on_the_page(repository: Path):
    page = (repository / "docs" / "exchange.md").read_text()
    named = {
        (method, path)
        for row in re.findall(r"^\| ([A-Z, ]+) \| (/fapi.*) \|$", page, re.MULTILINE)
        for method in row[0].split(", ")
        for path in row[1].split(", ")
    }
    assert named == set(ENDPOINTS)


def test_every_code_is_on_the_page(repository: Path):
    page = (repository / "docs" / "exchange.md").read_text()
    named = {int(code) for code in re.findall(r"-\d{4}\b", page)}
    assert {code for reason, (code, _) in CODES.items() if reason not in SEEN_NOWHERE} <= named
