"""Samples of what nbs/risk/denials.ipynb exports."""

from __future__ import annotations

from tests.exports.sample import Sample
from titan.risk.denials import Denial, denial_table, explain

SAMPLES: tuple[Sample, ...] = (
    Sample(
        explain,
        {"denial": Denial.LIMIT_NOT_SET},
        changes={"denial": Denial.DAILY_LOSS},
    ),
    Sample(denial_table, {}),
)
