"""Reading records of earlier versions: each step turns the body of one version into the next one's.

Notes
-----
A record carries the version of its body. When a field of an event, a command or the header changes its
meaning or loses its default, a step is added here under (kind, tag, old version), and a journal written
before the change stays in the tests. Adding a field with a default needs no step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Body = dict[str, Any]
Step = Callable[[Body], Body]
StepKey = tuple[str, str, int]
"""(kind, tag, version it starts from); kind is event, command or header, the header's tag is ``header``."""

STEPS: Mapping[StepKey, Step] = {}
"""No body has changed since version 1."""


class RecordTooNew(ValueError):
    """A record of a version that this program does not know."""


class Upcasters:
    """A set of steps, and with it the current version of every body.

    Parameters
    ----------
    steps : mapping of (kind, tag, version) to function
        The function takes the body as plain data of that version and returns it as the next version's.

    Raises
    ------
    ValueError
        If a chain of steps has a hole.
    """

    def __init__(self, steps: Mapping[StepKey, Step] = STEPS) -> None:
        self._steps = dict(steps)
        for kind, tag, version in self._steps:
            if version > 1 and (kind, tag, version - 1) not in self._steps:
                raise ValueError(
                    f"{kind} {tag}: there is a step from version {version} but none from {version - 1}"
                )

    def current(self, kind: str, tag: str) -> int:
        """The version that is written today."""
        version = 1
        while (kind, tag, version) in self._steps:
            version += 1
        return version

    def read(self, kind: str, version: int, body: bytes) -> bytes:
        """The body as today's version, still msgpack.

        Raises
        ------
        RecordTooNew
            If it was written by a later version of the program.
        """
        if not self._steps and version == 1:
            return body
        plain: Body = msgspec.msgpack.decode(body)
        tag = str(plain.get("type", kind))
        now = self.current(kind, tag)
        if version > now:
            raise RecordTooNew(
                f"{kind} {tag} has version {version}, this program reads up to {now}: use the newer one"
            )
        if version == now:
            return body
        for step in range(version, now):
            plain = self._steps[kind, tag, step](plain)
        return msgspec.msgpack.encode(plain)
