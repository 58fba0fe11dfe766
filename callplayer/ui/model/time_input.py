"""A place typed by a person: an offset, a step, a share of the call, or a clock time. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo

import msgspec

from callplayer.ui.model.format import clock_text

MAX_CHARS = 24
_BEGUN = re.compile(r"[+\-−@]?\s*(\d{1,4}:){0,2}(\d{0,6}|\d{1,2}\.\d{0,3})\s*", re.ASCII)
"""What more letters may make a place of."""

NO_PLACE = "That is no place in the call."
EXAMPLES = "1:23  83  +10  -10  50%  @14:03:11"

_STEP = re.compile(r"([+\-−])(.+)", re.ASCII)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%", re.ASCII)
_HOURS = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)(?:\.(\d{1,3}))?", re.ASCII)
_MINUTES = re.compile(r"(\d{1,4}):([0-5]\d)(?:\.(\d{1,3}))?", re.ASCII)
_CLOCK = re.compile(
    r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,3}))?)?(?:\s*([A-Za-z]{1,6}|[+-]\d\d:?\d\d))?",
    re.ASCII,
)
_SECONDS = re.compile(r"(\d{1,6})(?:\.(\d{1,3}))?", re.ASCII)


class CallFacts(msgspec.Struct, frozen=True):
    """What a typed place is measured against.

    `here_ms` is where the call is heard, `duration_ms` how long it is by now, `growing` whether it
    goes on; `began` is the wall-clock time of its first moment, None if it is not known; `zone` is
    where clock times are meant.
    """

    here_ms: int
    duration_ms: int
    growing: bool = False
    began: datetime | None = None
    zone: tzinfo | None = None


class TimeTarget(msgspec.Struct, frozen=True):
    """A place in the call, held inside it, and how to say it."""

    position_ms: int
    text: str


def read_place(text: str, call: CallFacts) -> TimeTarget | str:
    """Return the place that `text` means, or one line why it means none.

    `+` and `-` step from where the call is heard; `@` is a clock time. `h:mm:ss` without one is an
    offset as far as the call is that long, else a clock time.
    """
    text = text.strip()
    if call.duration_ms <= 0:
        return "The length of the call is not known yet."
    if percent := _PERCENT.fullmatch(text):
        return _share_target(float(percent[1]) / 100, call)
    if text.startswith("@"):
        return _clock_target(text[1:].strip(), call)
    step = _STEP.fullmatch(text)
    offset_ms = read_offset_ms(step[2].strip() if step else text)
    if offset_ms is None:
        return _unread(text)
    if step:
        offset_ms = call.here_ms + (offset_ms if step[1] == "+" else -offset_ms)
    elif offset_ms > call.duration_ms and text.count(":") == 2 and call.began is not None:
        return _clock_target(text, call)
    return _target(offset_ms, call)


def is_begun(text: str) -> bool:
    """Return whether more letters could make a place of a text that is none: `1:`, `1:0`, `@14`."""
    return _BEGUN.fullmatch(text.strip()) is not None


def read_offset_ms(text: str) -> int | None:
    """Return the ms of `83`, `83.5`, `1:23`, `1:23.4`, `1:02:03`; None if it is none of these."""
    if seconds := _SECONDS.fullmatch(text):
        return int(seconds[1]) * 1000 + _fraction_ms(seconds[2])
    if minutes := _MINUTES.fullmatch(text):
        return (int(minutes[1]) * 60 + int(minutes[2])) * 1000 + _fraction_ms(minutes[3])
    hours = _HOURS.fullmatch(text)
    if hours is None:
        return None
    whole_s = (int(hours[1]) * 60 + int(hours[2])) * 60 + int(hours[3])
    return whole_s * 1000 + _fraction_ms(hours[4])


def at_clock(position_ms: int, call: CallFacts) -> str:
    """Return the wall-clock time of a position with its zone, `14:03:11 UTC`; "" if unknown."""
    if call.began is None:
        return ""
    moment = (call.began + timedelta(milliseconds=position_ms)).astimezone(call.zone)
    return f"{moment:%H:%M:%S} {zone_name(moment)}".strip()


def zone_name(moment: datetime) -> str:
    """Return the zone's short name, or its offset from UTC where it has none."""
    return moment.tzname() or f"{moment:%z}"


def _share_target(share: float, call: CallFacts) -> TimeTarget | str:
    if call.growing:
        return "A share of a call that goes on is no fixed place."
    return _target(round(min(share, 1.0) * call.duration_ms), call)


def _clock_target(text: str, call: CallFacts) -> TimeTarget | str:
    if call.began is None:
        return "When this call began is not known."
    typed = _CLOCK.fullmatch(text)
    if typed is None:
        return _unread(text)
    try:
        asked = time(int(typed[1]), int(typed[2]), int(typed[3] or 0))
    except ValueError:
        return _unread(text)
    fraction = timedelta(milliseconds=_fraction_ms(typed[4]))
    last = call.began + timedelta(milliseconds=call.duration_ms)
    for moment in _moments(asked, typed[5] or "", call):
        since = moment + fraction - call.began
        if timedelta(seconds=-1) < since and moment <= last:
            return _target(round(since.total_seconds() * 1000), call)
    first, end = call.began.astimezone(call.zone), last.astimezone(call.zone)
    zones = dict.fromkeys((zone_name(first), zone_name(end)))
    return f"The call was from {first:%H:%M:%S} to {end:%H:%M:%S} {', '.join(zones)}."


def _moments(asked: time, zone: str, call: CallFacts) -> Iterator[datetime]:
    """Yield when a clock shows `asked`, from the day the call began on, in order.

    A call may run over midnight, or over a change of daylight time, when an hour comes twice, its
    zone's name saying which, or not at all. `zone` is such a name, or UTC, or "" for any.
    """
    assert call.began is not None
    zones: tuple[tzinfo | None, ...] = (call.zone,)
    if zone.upper() in ("UTC", "GMT", "Z"):
        zones = (call.zone, UTC)
    for day in range(2):
        for place in zones:
            date = (call.began.astimezone(place) + timedelta(days=day)).date()
            for fold in (0, 1):
                shown = datetime.combine(date, asked).replace(fold=fold)
                # A time without a zone is the machine's: astimezone() knows its rules.
                moment = shown.replace(tzinfo=place) if place else shown.astimezone()
                back = moment.astimezone(UTC).astimezone(place)
                named = not zone or zone.casefold() in _names_of(back)
                if named and back.replace(tzinfo=None, fold=0) == shown.replace(fold=0):
                    yield moment.astimezone(UTC)


def _names_of(moment: datetime) -> tuple[str, ...]:
    offset = f"{moment:%z}"
    return zone_name(moment).casefold(), offset, f"{offset[:3]}:{offset[3:]}"


def _target(position_ms: int, call: CallFacts) -> TimeTarget:
    held_ms = min(max(position_ms, 0), call.duration_ms)
    clock = at_clock(held_ms, call)
    said = clock_text(held_ms, call.duration_ms) + (f"   {clock}" if clock else "")
    return TimeTarget(held_ms, said)


def _fraction_ms(digits: str | None) -> int:
    return int(digits.ljust(3, "0")) if digits else 0


def _unread(text: str) -> str:
    return f"Type a place: {EXAMPLES}" if not text else NO_PLACE
