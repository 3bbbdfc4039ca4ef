"""Packages that import their modules when these are first used (PEP 562)."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable
from types import ModuleType


def module_names(paths: Iterable[str]) -> list[str]:
    """Return the public modules and packages found directly under ``paths``, sorted."""
    return sorted({found.name for found in pkgutil.iter_modules(paths) if not found.name.startswith("_")})


def lazy_package(
    name: str, paths: Iterable[str]
) -> tuple[Callable[[str], ModuleType], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for the package ``name``.

    Parameters
    ----------
    name
        The package's ``__name__``.
    paths
        The package's ``__path__``, read at each call so that a module added later is found.

    Returns
    -------
    tuple
        The two functions that a package assigns to ``__getattr__`` and ``__dir__``.
    """

    def get_attribute(attribute: str) -> ModuleType:
        if attribute in module_names(paths):
            return importlib.import_module(f"{name}.{attribute}")
        raise AttributeError(f"package {name!r} has no module {attribute!r}; it has {module_names(paths)}")

    def list_names() -> list[str]:
        return sorted({*vars(sys.modules[name]), *module_names(paths)})

    return get_attribute, list_names
