"""The parameters of the daily report, checked: papermill itself only warns of a misspelt one and guesses at types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from titan.reports.errors import ParameterProblem
from titan.reports.studies import plain_values
from titan.settings import SettingsError
from titan.settings import load as load_settings
from titan.store.session import SESSION_PATTERN

NAMES = ("session", "date", "journals", "settings")


class DailyParameters(NamedTuple):
    """What a report is asked for: a session, or a UTC day, or (neither) the session last begun."""

    journals: Path
    session: str
    day: date | None


def read_parameters(given: Mapping[str, object]) -> DailyParameters:
    """Check the parameters of a notebook, or of a command line.

    Parameters
    ----------
    given : mapping of str to object
        Name to value; a notebook gives its ``globals()``, of which modules, functions and private names are
        left aside. `session` is a session's name; `date` is YYYY-MM-DD or YYYYMMDD, as text or as the number
        that papermill makes of it; `journals` is the folder of the sessions, a relative one is below the
        working folder; `settings` is the settings file that names the journals where `journals` does not.

    Raises
    ------
    ParameterProblem
        One line that names the parameter, its value and what is allowed.
    """
    plain = plain_values(given, NAMES)
    session, day = _session(plain.get("session", "")), day_of(plain.get("date", ""))
    if session and day is not None:
        raise ParameterProblem("parameters session and date exclude each other: give one of them")
    return DailyParameters(_journals(plain), session, day)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ParameterProblem(f"parameter {name} = {value!r} is a {type(value).__name__}; give text")
    return value.strip()


def _session(value: object) -> str:
    session = _text("session", value)
    if session and not SESSION_PATTERN.fullmatch(session):
        raise ParameterProblem(
            f"parameter session = {session!r} is no session's name (YYYYMMDDTHHMMSSZ-xxxxxx)"
        )
    return session


def day_of(value: object) -> date | None:
    """The day that a parameter `date` names, None if it is empty; `ParameterProblem` if it is no day."""
    if value == "" or value is None:
        return None
    digits = str(value) if isinstance(value, int) and not isinstance(value, bool) else _text("date", value)
    form = "%Y%m%d" if re.fullmatch(r"\d{8}", digits) else "%Y-%m-%d"
    try:
        return datetime.strptime(digits, form).date()
    except ValueError:
        raise ParameterProblem(
            f"parameter date = {value!r} is no day; write YYYY-MM-DD or YYYYMMDD"
        ) from None


def _journals(plain: Mapping[str, object]) -> Path:
    return journals_folder(
        _text("journals", plain.get("journals", "")), _text("settings", plain.get("settings", ""))
    )


def journals_folder(named: str, settings: str) -> Path:
    """The folder of the sessions: as named, else as the settings file says (empty takes the nearest).

    Raises
    ------
    ParameterProblem
        If there is no such folder, or the settings cannot be read.
    """
    if named:
        folder = Path(named).expanduser().absolute()
    else:
        try:
            folder = load_settings(settings or None).project.journals
        except SettingsError as error:
            raise ParameterProblem(
                f"{error}; or give parameter journals, the folder of the sessions"
            ) from None
    if not folder.is_dir():
        raise ParameterProblem(
            f"journals folder {folder} does not exist; run titan-live first, or name another one"
        )
    return folder


def session_directory(name: str, parameter: str, journals: str, settings: str) -> Path:
    """The directory of a session that is given by its name or its directory.

    Raises
    ------
    ParameterProblem
        If it is no session; the message names the parameter.
    """
    if not name:
        raise ParameterProblem(f"parameter {parameter} is empty: give a session's name, or its directory")
    if not SESSION_PATTERN.fullmatch(name):
        directory = Path(name).expanduser().absolute()
        if SESSION_PATTERN.fullmatch(directory.name) and directory.is_dir():
            return directory
        raise ParameterProblem(
            f"parameter {parameter} = {name!r} is no session's name (YYYYMMDDTHHMMSSZ-xxxxxx) and no directory of one"
        )
    directory = journals_folder(journals, settings) / name
    if not directory.is_dir():
        raise ParameterProblem(f"parameter {parameter} = {name}: not in {directory.parent}")
    return directory
