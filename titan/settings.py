"""The settings of a desk: settings.ini, settings.local.ini beside it, and the environment over both.

``titan.settings()`` is :func:`load`; the module is callable, so that one name serves both.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import (
    Field,
    ValidationError,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from titan._settings_chain import Promotion, Schedule
from titan._settings_errors import Origins, SettingsError, explain, nearest
from titan._settings_sections import (
    Live,
    Name,
    Paper,
    Project,
    Quoting,
    Reports,
    Risk,
    Signals,
    Store,
    Strategy,
    Venue,
)

__all__ = [
    "Live",
    "Paper",
    "Project",
    "Promotion",
    "Quoting",
    "Reports",
    "Risk",
    "Schedule",
    "Settings",
    "SettingsError",
    "Signals",
    "Store",
    "Strategy",
    "Venue",
    "load",
]

FILE = "settings.ini"
LOCAL_FILE = "settings.local.ini"
PREFIX = "TITAN_"
SECRETS = ("api_key", "api_secret")


class Settings(BaseSettings):
    """All settings, checked."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    project: Project = Field(default_factory=Project, description="Where a desk keeps its things.")
    live: Live = Field(default_factory=Live, description="The runner.")
    venue: dict[Name, Venue] = Field(default_factory=dict, description="One exchange account each.")
    paper: Paper = Field(default_factory=Paper, description="The account of mode paper.")
    strategy: dict[Name, Strategy] = Field(default_factory=dict, description="One strategy each.")
    risk: Risk = Field(default_factory=Risk, description="Limits that no strategy can pass.")
    quoting: Quoting = Field(
        default_factory=Quoting, description="How every strategy's quotes answer inventory and danger."
    )
    signals: Signals = Field(default_factory=Signals, description="How danger is measured.")
    store: Store = Field(default_factory=Store, description="The journal.")
    reports: Reports = Field(default_factory=Reports, description="The reports.")
    promotion: Promotion = Field(default_factory=Promotion, description="From research to real money.")
    schedule: Schedule = Field(default_factory=Schedule, description="What is run once a day.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take :func:`load`'s merged layers alone: it names the layer in its errors."""
        return (init_settings,)


Tree = dict[str, Any]


def _place(tree: Tree, path: tuple[str, ...], value: str | Tree, origin: str) -> None:
    """Set ``value`` at ``path`` in the nested ``tree``."""
    at = tree
    for part in path[:-1]:
        at = at.setdefault(part, {})
        if not isinstance(at, dict):
            raise SettingsError(f"{origin}: {part!r} is a key and cannot hold others")
    at[path[-1]] = value


def _read_ini(file: Path) -> Tree:
    """Return the sections of ``file`` as a tree, refusing secrets."""
    parser = configparser.ConfigParser(interpolation=None, default_section="\0", inline_comment_prefixes=None)
    try:
        parser.read_string(file.read_text(encoding="utf-8"), source=str(file))
    except (configparser.Error, OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {error}") from error
    tree: Tree = {}
    for section in parser.sections():
        path = _section_path(section, str(file))
        for key, value in parser[section].items():
            if key in SECRETS:
                name = "__".join((*path, key)).upper()
                raise SettingsError(
                    f"{file}: [{section}] {key} is a secret and must not stand in a file; remove it, "
                    f"replace the key at the venue, and set {PREFIX}{name} in the environment"
                )
            _place(tree, (*path, key), value, str(file))
        if len(path) > 1 and not parser.options(section):
            _place(tree, path, {}, str(file))
    return tree


def _section_path(section: str, origin: str) -> tuple[str, ...]:
    """Split a section's name: two parts for a venue, two or three for a strategy, one for the rest."""
    kind, _, rest = section.partition(".")
    if kind not in Settings.model_fields:
        raise SettingsError(f"{origin}: unknown section [{section}]{nearest(kind, Settings.model_fields)}")
    if kind not in ("venue", "strategy"):
        if rest:
            raise SettingsError(f"{origin}: [{section}] cannot be divided; write [{kind}]")
        return (kind,)
    path = (kind, *rest.split(".", 1)) if kind == "strategy" else (kind, rest)
    if not all(path):
        raise SettingsError(f"{origin}: [{section}] needs a name: [{kind}.NAME]")
    return path


def _read_environment(environment: Mapping[str, str], origins: Origins) -> Tree:
    """Return TITAN_SECTION__KEY and TITAN_VENUE__NAME__KEY as a tree; other names are no settings."""
    tree: Tree = {}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or "__" not in variable:
            continue
        path = tuple(variable.removeprefix(PREFIX).lower().split("__"))
        lengths = {"venue": (3,), "strategy": (3, 4)}.get(path[0], (2,))
        if path[0] not in Settings.model_fields:
            raise SettingsError(
                f"{variable}: unknown section {path[0]!r}{nearest(path[0], Settings.model_fields)}"
            )
        if len(path) not in lengths or not all(path):
            raise SettingsError(f"{variable}: write {PREFIX}SECTION__KEY or {PREFIX}VENUE__NAME__KEY")
        if len(path) == 4:
            path = (*path[:2], path[2].upper(), path[3])
        _place(tree, path, environment[variable], variable)
        origins.note(path, variable)
    return tree


def _merged(below: Tree, above: Tree) -> Tree:
    """Return ``below`` with every leaf of ``above`` over it."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        result[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return result


def find(start: Path | None = None) -> Path:
    """Return the nearest settings.ini in ``start`` (the working folder) or above it.

    Raises
    ------
    SettingsError
        If there is none.
    """
    folder = (start or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / FILE).is_file():
            return candidate / FILE
    raise SettingsError(f"no {FILE} in {folder} or above; name one with --settings FILE")


def _check_references(settings: Settings, origins: Origins) -> None:
    """Raise if a venue is named that has no section, or a symbol that its venue does not follow."""
    if settings.live.venue not in settings.venue:
        hint = nearest(settings.live.venue, settings.venue)
        where = origins.of("live", "venue")
        raise SettingsError(
            f"{where}: [live] venue = {settings.live.venue} has no [venue.{settings.live.venue}]{hint}"
        )
    for name, strategy in settings.strategy.items():
        venue = strategy.venue or settings.live.venue
        if venue not in settings.venue:
            hint = nearest(venue, settings.venue)
            where = origins.of("strategy", name, "venue") if strategy.venue else origins.of("live", "venue")
            raise SettingsError(f"{where}: [strategy.{name}] venue = {venue} has no [venue.{venue}]{hint}")
        followed = settings.venue[venue].symbols
        for symbol in strategy.symbols:
            if symbol not in followed:
                where = origins.of("strategy", name, "symbols")
                raise SettingsError(
                    f"{where}: [strategy.{name}] quotes {symbol}, which [venue.{venue}] does not follow; "
                    f"add it to symbols = {', '.join(followed)}"
                )
        for symbol in strategy.symbol_parameters:
            if symbol not in strategy.symbols:
                where = origins.of("strategy", name, symbol)
                raise SettingsError(
                    f"{where}: [strategy.{name}.{symbol}]: [strategy.{name}] does not quote this symbol"
                    f"{nearest(symbol, strategy.symbols)}"
                )


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Return ``settings`` with relative folders made absolute and the strategies' venues filled in."""
    project = settings.project
    paths = {
        key: folder / getattr(project, key)
        for key in ("journals", "data", "reports", "regimes", "artefacts", "promotions", "kill_file")
    }
    strategies = {
        name: strategy.model_copy(update={"venue": strategy.venue or settings.live.venue})
        for name, strategy in settings.strategy.items()
    }
    return settings.model_copy(
        update={
            "project": project.model_copy(update=paths),
            "reports": settings.reports.model_copy(update={"out": folder / settings.reports.out}),
            "strategy": strategies,
        }
    )


def _read_layers(
    file: Path, environment: Mapping[str, str], overrides: Mapping[str, str]
) -> tuple[Tree, Origins]:
    """Return the layers merged, the lowest first, and where each key was read."""
    tree = _read_ini(file)
    origins = Origins(str(file))
    origins.note_tree(tree, str(file))
    local = file.with_name(LOCAL_FILE)
    if local.is_file() and local != file:
        above = _read_ini(local)
        origins.note_tree(above, str(local))
        tree = _merged(tree, above)
    tree = _merged(tree, _read_environment(environment, origins))
    for name, value in overrides.items():
        section, _, key = name.rpartition(".")
        path = (*_section_path(section, "command line"), key)
        _place(tree, path, value, "command line")
        origins.note(path, "command line")
    return tree, origins


def load(
    file: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Settings:
    """Read and check the settings.

    Parameters
    ----------
    file
        The settings file; without it, settings.ini in the working folder or the nearest folder above.
    environment
        The environment; ``os.environ`` unless given.
    overrides
        ``section.key`` -> value, as a command line gives them; they rank above everything.

    Returns
    -------
    Settings
        Frozen, with folders made absolute.

    Raises
    ------
    SettingsError
        Naming the file or variable, the key, its value, the allowed range and, for an unknown name, the
        nearest known one.
    """
    chosen = Path(file).resolve() if file is not None else find()
    if not chosen.is_file():
        raise SettingsError(f"{chosen}: no such settings file")
    tree, origins = _read_layers(chosen, os.environ if environment is None else environment, overrides or {})
    try:
        settings = Settings(**tree)
    except ValidationError as error:
        # The cause is dropped on purpose: pydantic's message may show a secret's value.
        raise SettingsError(explain(error, Settings, origins)) from None
    _check_references(settings, origins)
    return _anchored(settings, chosen.parent)


class _CallableModule(ModuleType):
    """Lets ``titan.settings()`` read the settings while ``titan.settings.load`` stays a plain function."""

    def __call__(self, file: Path | str | None = None) -> Settings:
        return load(file)


sys.modules[__name__].__class__ = _CallableModule
