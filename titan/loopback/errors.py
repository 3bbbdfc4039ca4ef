"""Binance's error codes: one class, and constructors for the ones this exchange answers with."""

from __future__ import annotations


class VenueError(Exception):
    """A refusal as the venue words it.

    Parameters
    ----------
    code : int
        Binance's code, for example -1121.
    message : str
        Binance's text.
    status : int
        HTTP status of the answer.
    """

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status

    def body(self) -> dict[str, object]:
        """The JSON body of the answer."""
        return {"code": self.code, "msg": self.message}


class ExchangeStartError(Exception):
    """The exchange cannot start; the message is one line that says what to do (the CLI ends with code 3)."""


def missing(name: str) -> VenueError:
    """A mandatory parameter is absent, empty or unreadable."""
    return VenueError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str) -> VenueError:
    """A parameter holds a value outside its domain."""
    return VenueError(-1130, f"Data sent for parameter '{name}' is not valid.")


def unknown_symbol() -> VenueError:
    """The symbol is not listed."""
    return VenueError(-1121, "Invalid symbol.")


def precision() -> VenueError:
    """A price or quantity has more decimals than the symbol allows."""
    return VenueError(-1111, "Precision is over the maximum defined for this asset.")


def off_tick() -> VenueError:
    """A price lies between two ticks."""
    return VenueError(-4014, "Price not increased by tick size.")


def off_step() -> VenueError:
    """A quantity lies between two lots."""
    return VenueError(-4023, "Qty not increased by step size.")


def bad_listen_key() -> VenueError:
    """There is no listen key for the account, or it has expired."""
    return VenueError(-1125, "This listenKey does not exist.")
