"""What the tests of promotion share: sessions of any stage, reports with findings, settings with gates to suit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from tests.live.desks import write_settings
from tests.live.promoted import NAME
from tests.sessions import Rehearsal
from titan.live.configure import strategy_configs
from titan.live.provenance import source_hashes
from titan.live.stages import identity_of
from titan.reports.findings import Findings
from titan.settings import Settings, load
from titan.store.journal import Header

ACCOUNTS = {
    "research": "backtest.{session}",
    "shadow": "loopback.main@shadow on 127.0.0.1:80",
    "paper": "loopback.main@paper on 127.0.0.1:80",
    "canary": "loopback.main@account at a.example, key 01234567",
    "live": "loopback.main@account at a.example, key 01234567",
    "loopback": "loopback.main@89abcdef",
}
GATES = {
    "promotion__least_hours_a_day": 0.001,
    "promotion__least_days_paper": 1,
    "promotion__least_days_canary": 1,
    "promotion__least_fills": 5,
    "promotion__least_parity_days": 1,
}


def write_desk(folder: Path, **changes: object) -> Path:
    """Settings in `folder`, with gates that a session of seconds can pass."""
    folders = {f"project__{name}": folder / name for name in ("promotions", "data")}
    wanted = {**GATES, **folders, "reports__out": folder / "reports", **changes}
    return write_settings(folder, **wanted)


def read_desk(folder: Path) -> Settings:
    return load(folder / "settings.ini", environment={})


class Staged(Rehearsal):
    """A session of a stage, by the settings' own parameters."""

    def __init__(
        self, journals: Path, stage: str, seed: int = 7, sources: dict[str, str] | None = None, **changes: Any
    ) -> None:
        self._stage, self._sources = stage, sources

        def configure(config: Any) -> Any:
            share = 0.5 if stage == "canary" else 1.0
            strategies = tuple(msgspec.structs.replace(each, **changes) for each in config.strategies)
            return msgspec.structs.replace(config, size_share=share, strategies=strategies)

        super().__init__(journals, seed=seed, configure=configure)

    def _header(self, config: Any) -> Header:
        codes = [strategy.code for strategy in config.strategies]
        return msgspec.structs.replace(
            super()._header(config),
            account=ACCOUNTS[self._stage].format(session=self.session_id),
            source_hashes=source_hashes(codes) | (self._sources or {}),
        )


def hold_session(journals: Path, stage: str, seconds: float = 20.0, **changes: Any) -> Path:
    """A whole session of a stage; its directory."""
    session = Staged(journals, stage, **changes)
    session.start()
    session.run(seconds)
    session.stop()
    return session.directory


def write_report(folder: Path, name: str, *findings: Findings) -> Path:
    """A notebook that was run, with these findings among its outputs."""
    outputs = [
        {"output_type": "execute_result", "metadata": {}, "data": each._repr_mimebundle_()}
        for each in findings
    ]
    text = {"output_type": "stream", "name": "stdout", "text": "said"}
    cells = [
        {"cell_type": "markdown", "source": "# A study", "metadata": {}},
        {"cell_type": "code", "source": "findings", "metadata": {}, "outputs": [text, *outputs]},
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def sharpe(settings: Settings, dsr: float, **changes: Any) -> Findings:
    """What a study of backtests finds of the strategy as it is now."""
    identity = identity_of(strategy_configs(settings, NAME), settings.strategy[NAME])
    identity = msgspec.structs.replace(identity, **changes)
    return Findings(study="backtest_study", strategy=NAME, measured={"dsr": dsr}, identity=identity)


def parity(session: str, difference_bps: float) -> Findings:
    """What a study of parity finds of a session."""
    measured = {"parity_bps": difference_bps}
    return Findings(study="parity", strategy=NAME, measured=measured, sessions=(session,))
