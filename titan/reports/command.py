"""``titan report``: the daily report and the studies, each an .ipynb and an .html."""

from __future__ import annotations

import argparse
from pathlib import Path

from titan.live.errors import UsageError
from titan.reports.errors import ReportError
from titan.reports.parameters import DailyParameters, read_parameters
from titan.reports.run import Artefacts, run_daily, run_study
from titan.reports.studies import INDEX, chosen, list_studies, parse_values
from titan.settings import load as load_settings
from titan.store.framing import JournalError


def run(options: argparse.Namespace) -> str:
    """Carry out the command; what was wrong with a report that stands all the same, or nothing."""
    if options.command == "calibrate":
        options.given = _calibration(options)
    if not options.name:
        for study in list_studies().values():
            print(f"{study.name:20} {study.claim}\n{'':20} {', '.join(study.defaults)}")
        return ""
    try:
        made = _make(options)
    except (ReportError, JournalError) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}; name another folder with --out") from None
    print(made.notebook)
    print(made.page)
    return made.failure


def _calibration(options: argparse.Namespace) -> list[str]:
    """What the command adds to the parameters that it was given: files, and the desk's own folder and venue."""
    settings = load_settings(options.settings)
    named = {text.partition("=")[0] for text in options.given}
    ours = {
        "captures": ",".join(str(path.absolute()) for path in options.captures),
        "venue": settings.live.venue,
        "artefacts": str(settings.project.artefacts.absolute()),
    }
    return [*options.given, *(f"{name}={value}" for name, value in ours.items() if name not in named)]


def _make(options: argparse.Namespace) -> Artefacts:
    out = Path(options.out or load_settings(options.settings).reports.out).absolute()
    if options.name in {"daily", "daily_risk"}:
        return run_daily(_daily_parameters(options), out)
    if options.session or options.date:
        raise ReportError(f"--session and --date belong to daily; give {options.name} its parameters by -p")
    study = chosen(options.name)
    values = parse_values(study, options.given)
    if study.name == INDEX:
        values.setdefault("reports", str(out))
    return run_study(study, values, out)


def _daily_parameters(options: argparse.Namespace) -> DailyParameters:
    if options.given:
        raise ReportError("daily is asked by --session, --date and --settings, not by -p")
    session, journals = str(options.session), ""
    if session and Path(session).is_dir():
        folder = Path(session).resolve()
        session, journals = folder.name, str(folder.parent)
    settings = "" if options.settings is None else str(options.settings)
    return read_parameters(
        {"session": session, "date": options.date, "journals": journals, "settings": settings}
    )
