"""A protection of the runner, the duty that it keeps, and a way to take it away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from titan.chaos.schedule import Schedule, draw_schedule

Patch = tuple[Any, str, Any]


class Protection(NamedTuple):
    """One protection.

    Parameters
    ----------
    duty : str
        What it keeps.
    patches : tuple of Patch
        What is put in its place.
    setting : tuple of Patch
        The desk on which it is needed: other protections that stand before it are away there, or limits are tight. It
        holds with the protection and without it, so that what is found is found for want of this one.
    scene : str
        The setting in words; empty is the usual desk.
    schedule : function of int
        Draws a trial from its seed.
    """

    duty: str
    patches: tuple[Patch, ...]
    setting: tuple[Patch, ...] = ()
    scene: str = ""
    schedule: Callable[[int], Schedule] = draw_schedule

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The desk on which it is needed, with it, until the context ends."""
        with patched(self.setting):
            yield

    @contextmanager
    def taken_away(self) -> Iterator[None]:
        """The same desk without it, until the context ends."""
        with patched(self.setting), patched(self.patches):
            yield


@contextmanager
def patched(patches: Sequence[Patch]) -> Iterator[None]:
    """Put things in the place of others, and put those back."""
    with ExitStack() as stack:
        for owner, name, instead in patches:
            if name in vars(owner):
                stack.callback(setattr, owner, name, vars(owner)[name])
            else:
                stack.callback(delattr, owner, name)  # it is inherited
            setattr(owner, name, instead)
        yield
