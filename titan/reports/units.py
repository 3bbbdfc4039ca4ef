"""systemd's units for the jobs of a day, for a machine whose own timer shall run them."""

from __future__ import annotations

import sys
from pathlib import Path

from titan.reports.jobs import ENDING_S, Desk, Job


def write_units(desk: Desk, jobs: dict[str, Job], folder: Path) -> list[Path]:
    """Write a .service and a .timer for each job that has a time; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for job in jobs.values():
        if job.at is None:
            continue
        name = f"titan-{job.name.replace('_', '-')}"
        for suffix, text in (("service", _service(desk, job)), ("timer", _timer(job))):
            path = folder / f"{name}.{suffix}"
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def _service(desk: Desk, job: Job) -> str:
    command = [sys.executable, "-m", "titan.cli", "schedule", "--once", job.name]
    command += ["--settings", str(desk.settings_file)]
    return (
        "[Unit]\n"
        f"Description=Titan: {job.name} of the day before\n"
        "After=network-online.target\n"
        "Wants=network-online.target\n"
        "\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"WorkingDirectory={_escaped(str(desk.settings_file.parent))}\n"
        f"ExecStart={' '.join(map(_quoted, command))}\n"
        f"TimeoutStartSec={_longest_s(desk)}\n"
    )


def _timer(job: Job) -> str:
    return (
        "[Unit]\n"
        f"Description=Titan: {job.name} once a day\n"
        "\n"
        "[Timer]\n"
        f"OnCalendar=*-*-* {job.at:%H:%M}:00 UTC\n"
        "Persistent=true\n"
        "\n"
        "[Install]\n"
        "WantedBy=timers.target\n"
    )


def _longest_s(desk: Desk) -> int:
    """What all attempts and the waits between them may take for one day, and a minute."""
    stated = desk.stated
    waits = [
        min(stated.retry_s * 2.0**number, stated.longest_retry_s) for number in range(stated.attempts - 1)
    ]
    return round(stated.attempts * (stated.time_limit_s + ENDING_S) + sum(waits)) + 60


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """A word of a command line, whatever it holds."""
    text = _escaped(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{text}"'
