"""Running a report: papermill executes the notebook, and what it leaves is an .ipynb and an .html."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from titan.reports.daily import report_name
from titan.reports.errors import ReportError
from titan.reports.parameters import DailyParameters
from titan.reports.studies import RESEARCH, Study, run_name

NOTEBOOK = RESEARCH / "daily_risk.ipynb"
VERDICTS = frozenset({"IdentityError", "ParityError"})
"""Errors by which a notebook judges what it has shown whole, and not its own failing."""


class Artefacts(NamedTuple):
    """What a report left behind; `failure` is empty if it stands."""

    notebook: Path
    page: Path
    failure: str


def run_daily(parameters: DailyParameters, out: Path) -> Artefacts:
    """Make the daily report.

    A report whose check fails is written all the same, and says so; the run is judged by the error that the
    notebook raised, not by what papermill notes in its metadata. Call it from a plain process: papermill brings
    an event loop of its own.

    Parameters
    ----------
    parameters : DailyParameters
        Already checked; the notebook checks them again.
    out : Path
        Folder of the artefacts, made if it is absent.

    Raises
    ------
    ReportError
        If the notebook is absent, or could not be carried to its end.
    """
    if not NOTEBOOK.is_file():
        raise ReportError(f"{NOTEBOOK} is not there: reports are run from a checkout of Titan")
    _check_installed()
    name = report_name(parameters.journals, parameters.session, parameters.day)
    asked = {"date": name} if parameters.day else {"session": name}
    values = {**asked, "journals": str(parameters.journals)}
    return _execute(NOTEBOOK, out, f"daily-{name}", f"Titan daily report {name}", values)


def run_study(study: Study, values: Mapping[str, object], out: Path) -> Artefacts:
    """Run a study with its parameters; what it leaves is as of `run_daily`, and so are the errors."""
    _check_installed()
    return _execute(study.path, out, run_name(study, values), f"Titan {study.name}", values)


def _check_installed() -> None:
    missing = [name for name in ("ipykernel", "nbconvert", "papermill") if find_spec(name) is None]
    if missing:
        raise ReportError(f"reports need {', '.join(missing)}: install titan-mm[reports]")


def _execute(notebook: Path, out: Path, name: str, title: str, values: Mapping[str, object]) -> Artefacts:
    """Carry a notebook out; a run that stopped is rendered as far as it came, and is an error."""
    # Imported here: they cost a second, which no error of the command line should wait for.
    import papermill
    from papermill.exceptions import PapermillExecutionError

    from titan.reports.page import write_page

    out.mkdir(parents=True, exist_ok=True)
    target, page = out / f"{name}.ipynb", out / f"{name}.html"
    failure, ended = "", True
    try:
        papermill.execute_notebook(
            notebook,
            target,
            parameters=dict(values),
            kernel_name="python3",
            language="python",
            progress_bar=sys.stderr.isatty(),
            log_output=False,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
    except PapermillExecutionError as error:
        failure = f"{error.ename}: {error.evalue}"
        ended = error.ename in VERDICTS
    write_page(target, page, title)
    if not ended:
        raise ReportError(f"the report stopped before its end: {failure}; what there is stands in {page}")
    return Artefacts(target, page, failure)
