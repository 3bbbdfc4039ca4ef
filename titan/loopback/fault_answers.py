"""What a fault makes of an answer or a frame: one wording for whatever carries them, in memory or over sockets."""

from __future__ import annotations

import re
from collections.abc import Mapping

from titan.loopback.answer import RestAnswer
from titan.loopback.faults import Fault, Kind

_NOT_CARRIED_OUT: dict[Kind, tuple[int, bytes]] = {
    Kind.SERVER_ERROR: (503, b'{"code":-1000,"msg":"Unknown error, please check your request or try again later."}'),
    Kind.BAD_TIMESTAMP: (
        400, b'{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}'
    ),
}  # fmt: skip
_CARRIED_OUT: dict[Kind, tuple[int, bytes]] = {
    Kind.SERVER_ERROR_AFTER: (503, b"Service Unavailable"),
    Kind.UNKNOWN_RESULT: (
        408, b'{"code":-1007,"msg":"Timeout waiting for response from backend server. Send status unknown."}'
    ),
    Kind.DUPLICATE_ID: (400, b'{"code":-4116,"msg":"ClientOrderId is duplicated."}'),
}  # fmt: skip
_UPDATE_ID = re.compile(rb'"lastUpdateId":(\d+)')
_LIE = 12


def named_order(params: Mapping[str, str | int]) -> str:
    """The client id of the one order that a call is about; empty if it names none."""
    return str(params.get("newClientOrderId") or params.get("origClientOrderId") or "")


def instead(fault: Fault | None, now_ns: int) -> RestAnswer | None:
    """The answer to a call that is not carried out; None if it is.

    Parameters
    ----------
    now_ns : int
        The exchange's clock, from which a ban counts, ns UTC.
    """
    if fault is None:
        return None
    if fault.kind in _NOT_CARRIED_OUT:
        status, body = _NOT_CARRIED_OUT[fault.kind]
        return RestAnswer(status, {}, body)
    seconds = max(int(fault.delay_s), 1)
    if fault.kind is Kind.RATE_LIMITED:
        return RestAnswer(429, {"Retry-After": str(seconds)}, b'{"code":-1003,"msg":"Too many requests."}')
    if fault.kind is Kind.BANNED:
        until_ms = now_ns // 1_000_000 + seconds * 1_000
        text = f'{{"code":-1003,"msg":"Way too many requests; IP banned until {until_ms}."}}'
        return RestAnswer(418, {}, text.encode())
    return None


def spoiled(answer: RestAnswer, fault: Fault | None) -> RestAnswer:
    """The answer to a call that was carried out, as the fault leaves it; a refusal stays as it is."""
    kind = fault.kind if fault else None
    if kind is None or answer.status != 200:
        return answer
    if kind in _CARRIED_OUT:
        status, body = _CARRIED_OUT[kind]
        return RestAnswer(status, answer.headers, body)
    if kind is Kind.HALF_ANSWER:
        return answer._replace(body=answer.body[: len(answer.body) // 2])
    if kind is Kind.LYING_SNAPSHOT:
        lie = _UPDATE_ID.sub(lambda found: b'"lastUpdateId":%d' % (int(found[1]) + _LIE), answer.body)
        return answer._replace(body=lie)
    return answer


def torn(fault: Fault | None, answer: RestAnswer) -> bool:
    """Whether the connection breaks in the middle of this answer."""
    return fault is not None and fault.kind is Kind.TRUNCATE_ANSWER and answer.status == 200


def spoiled_frame(payload: bytes, kind: Kind | None) -> bytes:
    """A frame as the fault leaves it."""
    if kind is Kind.MALFORM_FRAME:
        return payload[:-1] + b"\x00"
    if kind is Kind.TRUNCATE_FRAME:
        return payload[: len(payload) // 2]
    return payload
