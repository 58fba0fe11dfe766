"""JSON of others, read tolerantly and within bounds. Pure."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from callplayer.vendor.values import WireError

MAX_VALUES = 200
"""The most values in one text: more are no message but a flood."""

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_BLANK = " \t\r\n\0\x1e\ufeff,;"
"""What may stand between values: white space, NUL, the record separator of RFC 7464, a list's."""

_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)


def parse_json(text: bytes, most_bytes: int) -> Any:
    """Return the one value in `text`; raise WireError if it is too long or not JSON.

    A byte order mark, and NULs at the end, are passed over.
    """
    if len(text) > most_bytes:
        raise WireError(f"{len(text)} bytes of JSON; {most_bytes} are the most")
    try:
        return msgspec.json.decode(text)
    except _ERRORS:
        pass
    try:
        value = json.loads(_decoded(text).strip(_BLANK), parse_constant=_nothing)
    except _ERRORS as error:
        raise WireError("the text is not JSON") from error
    return value


def parse_json_values(text: bytes, most_bytes: int) -> list[Any]:
    """Return all values in `text`: one, or several one after another or on a line each.

    What stands behind the first place that is not JSON is left out. Raise WireError if the text is
    too long or does not begin with JSON.
    """
    if len(text) > most_bytes:
        raise WireError(f"{len(text)} bytes of JSON; {most_bytes} are the most")
    try:
        return [msgspec.json.decode(text)]
    except _ERRORS:
        pass
    values = list[Any]()
    try:
        rest = _decoded(text)
        decoder = json.JSONDecoder(parse_constant=_nothing)
        at = _next_place(rest, 0)
        while at < len(rest) and len(values) < MAX_VALUES:
            value, at = decoder.raw_decode(rest, at)
            values.append(value)
            at = _next_place(rest, at)
    except _ERRORS as error:
        if not values:
            raise WireError("the text is not JSON") from error
    if not values:
        raise WireError("the text is empty")
    return values


def _decoded(text: bytes) -> str:
    for mark, encoding in _BOMS:
        if text.startswith(mark):
            return text[len(mark) :].decode(encoding)
    return text.decode()


def _next_place(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _nothing(_constant: str) -> None:
    """Read NaN and Infinity, which Python's own `json` writes, as null."""
