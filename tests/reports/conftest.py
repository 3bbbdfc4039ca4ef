"""One recorded session that the tests of reports share; they only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sessions import Rehearsal, make_session


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A session of 30 s with executions, a funding settlement and a good end."""
    return make_session(tmp_path_factory.mktemp("journals"), seconds=30.0, funding_interval_s=20)


@pytest.fixture(scope="session")
def journals(rehearsal: Rehearsal) -> Path:
    """The folder that holds it."""
    return rehearsal.directory.parent
