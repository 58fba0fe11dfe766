"""The vendor's status of a stream, as it comes over the room's data channel. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec

from callplayer.vendor.json_text import parse_json_values
from callplayer.vendor.values import ENCODER, MAX_CALL_MS, WireError

MAX_DEPTH = 6

MAX_OBJECTS = 200

MAX_UPDATES = 50
"""The most statuses in one packet; of more the newest count."""

_KINDS = ("kind", "type", "event")

_NOT_A_NAME = re.compile(r"[^a-z]")

_TRUE = frozenset({"true", "yes", "on", "1"})

_FALSE = frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True)
class StatusUpdate:
    """What one message says of the server's cursor; None where it says nothing.

    `position` and `duration` are in ms, in 0…MAX_CALL_MS. A position may be beyond the duration: a
    duration of 0, or one that shrinks, is one that the server does not know yet.
    """

    position: int | None = None
    duration: int | None = None
    paused: bool | None = None
    at_end: bool | None = None
    call_over: bool | None = None


_FIELDS = {name.name.replace("_", ""): name.name for name in fields(StatusUpdate)}


def read_status_updates(payload: bytes) -> list[StatusUpdate]:
    """Return the statuses in a packet, in its order; raise WireError if it holds none.

    An object is a status if its `kind` says so, in any letter case. One without a kind is a status
    if it stands under a key `status`, or has a position or pause state and another field of one.
    """
    found = _updates(parse_json_values(payload, MAX_STATUS_BYTES))
    if not found:
        raise WireError("not a status of the contract")
    return found[-MAX_UPDATES:]


def merge_updates(known: StatusUpdate, update: StatusUpdate) -> StatusUpdate:
    """Return what is known after `update`: its word where it has one, else the word before."""
    said = {each.name: getattr(update, each.name) for each in fields(StatusUpdate)}
    return replace(known, **{name: value for name, value in said.items() if value is not None})


def complete_status(
    known: StatusUpdate, update: StatusUpdate, *, position_ms: int, paused: bool
) -> Status:
    """Return the whole status that `update` stands for; `known` is all that came, this included.

    `position_ms` is where the cursor must be now by the clock: that is taken if the update says no
    position. `paused` is taken if the server has never said it. A duration that was never said is
    0, which means that it is not known.
    """
    return Status(
        position=position_ms if update.position is None else update.position,
        duration=known.duration or 0,
        paused=paused if known.paused is None else known.paused,
        at_end=bool(known.at_end),
        call_over=bool(known.call_over),
    )


def _updates(values: list[Any]) -> list[StatusUpdate]:
    """Return the statuses among the values and in what they hold; one that is found is not opened.

    What stands under `status`, or in an object whose kind says status, is one without a kind, too.
    """
    waiting = [(value, False, 0) for value in reversed(values)]
    found = list[StatusUpdate]()
    seen = 0
    while waiting and seen < MAX_OBJECTS:
        value, named, depth = waiting.pop()
        seen += 1
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            value = _parsed(value)
        inner: list[tuple[Any, bool]] = []
        if isinstance(value, list):
            inner = [(each, named) for each in value[:MAX_OBJECTS]]
        elif isinstance(value, dict):
            update = _update(value, named)
            if update is not None:
                found.append(update)
            else:
                named = named or _is_status_kind(value)
                inner = [(each, named or _folded(key) == "status") for key, each in value.items()]
        if depth < MAX_DEPTH:
            waiting += [(*each, depth + 1) for each in reversed(inner[:MAX_OBJECTS])]
    return found


def _parsed(text: str) -> Any:
    try:
        return parse_json_values(text.encode("utf-8", "replace"), MAX_STATUS_BYTES)
    except WireError:
        return None


def _update(entry: dict[str, Any], named: bool) -> StatusUpdate | None:
    said = dict[str, Any]()
    for key, value in entry.items():
        name = _FIELDS.get(_folded(key))
        if name is None:
            continue
        read = _milliseconds(value) if name in ("position", "duration") else _truth(value)
        if read is not None:
            said[name] = read
    if not said:
        return None
    if not _is_status_kind(entry):
        if any(_folded(key) in (*_KINDS, "cmd") for key in entry):
            return None
        if not (named or (len(said) > 1 and ("position" in said or "paused" in said))):
            return None
    return StatusUpdate(**said)


def _is_status_kind(entry: dict[str, Any]) -> bool:
    kinds = [value for key, value in entry.items() if _folded(key) in _KINDS]
    return any(isinstance(kind, str) and _folded(kind) == "status" for kind in kinds)


def _folded(name: str) -> str:
    """Return a name without letter case and separators: `call_over` and `callOver` are one."""
    return _NOT_A_NAME.sub("", name[:40].lower())


def _milliseconds(value: Any) -> int | None:
    if isinstance(value, str):
        value = value.strip()
        try:
            value = float(value) if len(value) < 40 and value.isascii() else None
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return round(min(max(value, 0), MAX_CALL_MS))


def _truth(value: Any) -> bool | None:
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    if isinstance(value, bool):
        return value
    return bool(value) if value in (0, 1) else None


MAX_STATUS_BYTES = 15_000


class Status(msgspec.Struct, frozen=True, tag_field="kind", tag="status", rename="camel"):
    """Where the server's cursor is.

    `position` and `duration` are ms from the start of the call, `duration` grows on a live call;
    `at_end`: the cursor is at the call's end; `call_over`: the 911 call has ended.
    """

    position: int
    duration: int
    paused: bool
    at_end: bool
    call_over: bool


def encode_status(status: Status) -> bytes:
    """Return the status as the vendor's JSON, UTF-8."""
    return ENCODER.encode(status)
