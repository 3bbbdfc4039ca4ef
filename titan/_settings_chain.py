"""The sections of the chain from research to production: what a promotion takes, and what is run once a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from titan._settings_sections import Section, generated
from titan.engine.promotion import Gates


def _of_a_day(text: str) -> str:
    """Refuse an hour that no day has."""
    if text >= "24":
        raise ValueError("must be an hour from 00 to 23, and minutes")
    return text


TimeOfDay = Annotated[str, Field(pattern=r"^([0-2]\d:[0-5]\d)?$"), AfterValidator(_of_a_day)]

if TYPE_CHECKING:

    class Promotion(Section):
        """From research to real money; see `titan.engine.promotion.Gates` for its other fields."""

        require_from: Literal["shadow", "paper", "canary"] = "canary"

else:
    Promotion = generated(
        "Promotion",
        "The gates that 'titan promote' holds a strategy's evidence against, stage by stage (docs/promotion.md).",
        Gates,
        require_from=(
            Literal["shadow", "paper", "canary"],
            Field(
                "canary",
                description="The first mode that a strategy needs a record of promotion for; canary and live need one "
                "always, loopback and a backtest never.",
            ),
        ),
    )


class Schedule(Section):
    """The jobs that 'titan schedule' runs once a day, each on the UTC day before (docs/scheduling.md)."""

    daily_risk: TimeOfDay = Field("00:05", description="Time of the daily report, UTC; empty: never.")
    calibration: TimeOfDay = Field("", description="Time of 'titan calibrate', UTC; empty: never.")
    parity: TimeOfDay = Field("", description="Time of 'titan report parity', UTC; empty: never.")
    daily_risk_arguments: str = Field(
        "--date {date}",
        description="What 'titan report daily' is given; {date} is the day, {compact} the same without dashes.",
    )
    calibration_arguments: str = Field(
        "var/data/*-{compact}T*.capture.gz",
        description="What 'titan calibrate' is given; a pattern stands for the files that match it, beside the "
        "settings file.",
    )
    parity_arguments: str = Field(
        "-p session={session}",
        description="What 'titan report parity' is given, stated alike; {session} is the folder of a session that "
        "began on the day on paper or for money, and the command runs for each.",
    )
    attempts: int = Field(3, ge=1, le=20, description="How often a job is tried before it has failed.")
    retry_s: float = Field(
        60.0, ge=0, le=3_600, description="Wait before the second attempt, in seconds; it doubles each time."
    )
    longest_retry_s: float = Field(
        900.0, ge=0, le=86_400, description="Longest wait before an attempt, in seconds."
    )
    time_limit_s: float = Field(
        3_600.0,
        ge=1,
        le=86_400,
        description="Time after which an attempt is ended and counts as failed, in seconds.",
    )
    alert_command: str = Field(
        "",
        description="Program that is told of a job that failed, by one line on its standard input; empty: the log "
        "alone.",
    )
