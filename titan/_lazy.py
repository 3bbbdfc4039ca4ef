"""Packages that import their modules when these are first used (PEP 562)."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def module_names(paths: Iterable[str]) -> list[str]:
    """Return the public modules and packages found directly under ``paths``, sorted."""
    return sorted({found.name for found in pkgutil.iter_modules(paths) if not found.name.startswith("_")})


def lazy_package(
    name: str, paths: Iterable[str], functions: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for the package ``name``.

    Parameters
    ----------
    name
        The package's ``__name__``.
    paths
        The package's ``__path__``, read at each call so that a module added later is found.
    functions
        Functions that the package shows as its own, and the module each is in.

    Returns
    -------
    tuple
        The two functions that a package assigns to ``__getattr__`` and ``__dir__``.
    """

    shown = functions or {}

    def get_attribute(attribute: str) -> Any:
        if attribute in shown:
            return getattr(importlib.import_module(shown[attribute]), attribute)
        if attribute in module_names(paths):
            return importlib.import_module(f"{name}.{attribute}")
        raise AttributeError(f"package {name!r} has no module {attribute!r}; it has {module_names(paths)}")

    def list_names() -> list[str]:
        return sorted({*vars(sys.modules[name]), *module_names(paths), *shown})

    return get_attribute, list_names
