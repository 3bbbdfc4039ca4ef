"""Parameters of a REST call: strings in, typed values or Binance's refusal out."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TypeVar

import msgspec

from titan.loopback import errors

Choice = TypeVar("Choice")


class Params:
    """The parameters of one call, query string and body together.

    Parameters
    ----------
    values : mapping of str to str
        As decoded from the request.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __contains__(self, name: str) -> bool:
        return bool(self._values.get(name))

    def text(self, name: str) -> str:
        """A mandatory string."""
        value = self._values.get(name, "")
        if not value:
            raise errors.missing(name)
        return value

    def optional(self, name: str, default: str = "") -> str:
        """A string that may be absent."""
        return self._values.get(name) or default

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number; mandatory when there is no default."""
        value = self._values.get(name, "")
        if not value and default is not None:
            return default
        if not value:
            raise errors.missing(name)
        try:
            return int(value)
        except ValueError:
            raise errors.missing(name) from None

    def decimal(self, name: str) -> Decimal:
        """A mandatory finite decimal number."""
        try:
            value = Decimal(self.text(name))
        except InvalidOperation:
            raise errors.missing(name) from None
        if not value.is_finite():
            raise errors.missing(name)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """``true`` or ``false``, in any case."""
        value = self._values.get(name, "").lower()
        if value in ("true", "false"):
            return value == "true"
        if value:
            raise errors.illegal(name)
        return default

    def required_flag(self, name: str) -> bool:
        """A mandatory ``true`` or ``false``."""
        self.text(name)
        return self.flag(name)

    def choice(self, name: str, choices: Mapping[str, Choice], refusal: errors.VenueError) -> Choice:
        """One of the known words; absent is -1102, anything else is `refusal`."""
        value = self.text(name)
        if value not in choices:
            raise refusal
        return choices[value]

    def limit(self, default: int, most: int) -> int:
        """The page size, at least 1 and at most `most`."""
        value = self.integer("limit", default)
        if value < 1:
            raise errors.illegal("limit")
        return min(value, most)

    def json_list(self, *names: str) -> list[object]:
        """A JSON array given under any of `names`; mandatory."""
        for name in names:
            if self._values.get(name):
                try:
                    return msgspec.json.decode(self._values[name], type=list[object])
                except msgspec.DecodeError:
                    raise errors.missing(names[0]) from None
        raise errors.missing(names[0])
