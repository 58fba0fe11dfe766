"""What is known of a call besides its sound: beside the file, in its name, in its head.

Read are our own `incident` object, the sidecars of trunk-recorder and rdio-scanner (`start_time` or
`dateTime`, `talkgroup`, `srcList` or `sources`), what SDRTrunk writes into names and tags, and the
date of a broadcast wave. A field that cannot be read costs that field, and a line is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from callplayer.errors import UsageError
from callplayer.recordings.words.heard import as_dicts, number
from callplayer.recordings.words.timed_text import TimedText
from callplayer.text import plain_text
from callplayer.vendor.times import parse_datetime

MAX_SIDECAR_BYTES = 16_000_000
E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_EPOCH_MS_FROM = 1e11
"""A time since 1970 that is larger is in ms: as s it lies after the year 5000."""

_LAST_EPOCH_S = 7_258_118_400  # the year 2200
_OPEN_TURN_S = 3600.0
_SDRTRUNK = re.compile(r"(\d{8}_\d{6})\D.*?_TO_(\w+?)(?:_FROM_(\w+))?$")
_SDRTRUNK_DATE = re.compile(r"Date:(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?);")
_HAS_ZONE = re.compile(r"(?:Z|UTC|[+-]\d\d:?\d\d)\s*$")

Warn = Callable[[str], None]


class CallerLocation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a caller is, in the vendor's words; `lat` and `lng` in degrees."""

    lat: float
    lng: float
    class_of_service: str = ""
    created_at: str = ""
    source: str = ""


class IncidentFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of an incident; `talkgroup` is of a radio call, its number and name."""

    caller_phone_number: str = ""
    created_at: str = ""
    caller_location: CallerLocation | None = None
    talkgroup: str = ""


@dataclass(frozen=True)
class Beside:
    """The facts of a call, when it began, and who speaks when, where a file says it."""

    facts: IncidentFacts = field(default_factory=IncidentFacts)
    started_at: datetime | None = None
    turns: tuple[TimedText, ...] = ()


def read_beside(sound: Path, warn: Warn) -> Beside:
    """Return what `<name>.json` beside a sound file and the file's name say of the call.

    `warn` is given a line on every field that cannot be read. Nothing is raised.
    """
    path = sound.with_suffix(".json")
    named = _by_name(sound)
    content = _content(path, warn)
    if content is None:
        return named
    try:
        data = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = plain_text(str(error), 120).rstrip(".")
        warn(f"{plain_text(path.name)} is no JSON, and left out: {reason}")
        return named
    if not isinstance(data, dict):
        return named

    def say(line: str) -> None:
        warn(f"{plain_text(path.name)}: {line}")

    own = data.get("incident")
    if own is not None and not isinstance(own, dict):
        say("its incident is no object, and left out")
    own = own if isinstance(own, dict) else {}
    started_at = _time(own, ("created_at",), say) or _time(
        data, ("start_time", "dateTime", "timestamp"), say
    )
    return Beside(
        IncidentFacts(
            caller_phone_number=_phone(own.get("caller_phone_number"), say),
            caller_location=_location(own.get("caller_location"), say),
            talkgroup=_talkgroup(data) or named.facts.talkgroup,
        ),
        started_at or named.started_at,
        _turns(data) or named.turns,
    )


def started_by_tags(tags: Mapping[str, str]) -> datetime | None:
    """Return the start of a call that SDRTrunk has written into a recording's tags."""
    for text in tags.values():
        if (found := _SDRTRUNK_DATE.search(text)) is not None:
            moment = parse_datetime(found[1])
            return None if moment is None else local_time(moment)
    return None


def local_time(moment: datetime) -> datetime:
    """Return a time without a zone as this machine's, in UTC; of two such hours the first."""
    return moment.replace(tzinfo=None).astimezone().astimezone(UTC)


def read_time(value: object) -> tuple[datetime | None, bool]:
    """Return a time in UTC, and whether its zone is this machine's because it names none.

    ISO 8601, the vendor's way, or s or ms since 1970. None: it is no time.
    """
    epoch = number(value) if not isinstance(value, dict) else None
    if epoch is not None:
        epoch_s = epoch / 1000 if epoch > _EPOCH_MS_FROM else epoch
        if not 0 < epoch_s < _LAST_EPOCH_S:
            return None, False
        return datetime.fromtimestamp(epoch_s, UTC), False
    moment = parse_datetime(value)
    if moment is None or not isinstance(value, str):
        return None, False
    if _HAS_ZONE.search(value):
        return moment.astimezone(UTC), False
    return local_time(moment), True


def _content(path: Path, warn: Warn) -> bytes | None:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SIDECAR_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        warn(f"{plain_text(path.name)} cannot be read: {error.strerror}")
        return None
    if len(content) > MAX_SIDECAR_BYTES:
        warn(f"{plain_text(path.name)} is larger than 16 MB, and left out")
        return None
    return content


def _by_name(sound: Path) -> Beside:
    """Return what SDRTrunk has put into a recording's name."""
    found = _SDRTRUNK.match(sound.stem)
    if found is None:
        return Beside()
    try:
        started_at = local_time(datetime.strptime(found[1], "%Y%m%d_%H%M%S"))
    except ValueError:
        return Beside()
    source = found[3]
    turns = (TimedText(0.0, _OPEN_TURN_S, "", source),) if source else ()
    return Beside(IncidentFacts(talkgroup=found[2]), started_at, turns)


def _time(data: dict[str, Any], keys: tuple[str, ...], say: Warn) -> datetime | None:
    for key in keys:
        value = data.get(key)
        if value is None or value == "":
            continue
        moment, is_local = read_time(value)
        if moment is None:
            say(f"its {key} is no time, and left out")
            continue
        if is_local:
            say(f"its {key} names no zone: it is taken as this machine's")
        return moment
    return None


def _phone(value: object, say: Warn) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or E164.fullmatch(value) is None:
        say("its caller_phone_number is not E.164 (such as +15555550142), and left out")
        return ""
    return value


def _location(value: object, say: Warn) -> CallerLocation | None:
    if value is None:
        return None
    place = value if isinstance(value, dict) else {}
    lat, lng = number(place.get("lat")), number(place.get("lng"))
    if lat is None or lng is None or not (abs(lat) <= 90 and abs(lng) <= 180):
        say("its caller_location is no place on earth, and left out")
        return None
    texts = {
        key: place[key]
        for key in ("class_of_service", "created_at", "source")
        if isinstance(place.get(key), str)
    }
    return CallerLocation(lat, lng, **texts)


def _talkgroup(data: dict[str, Any]) -> str:
    group = data.get("talkgroup")
    names = (data.get(key) for key in ("talkgroup_tag", "talkgroupLabel", "talkgroupTag"))
    name = next((each for each in names if isinstance(each, str) and each), "")
    known = str(group) if isinstance(group, int | str) and not isinstance(group, bool) else ""
    return plain_text(" ".join(part for part in (known, name) if part), 80)


def _turns(data: dict[str, Any]) -> tuple[TimedText, ...]:
    """Return who speaks from when on, by a radio call's sources: by their names, or numbers."""
    sources = as_dicts(data.get("srcList")) or as_dicts(data.get("sources"))
    begins: list[tuple[float, str]] = []
    for source in sources[:10_000]:
        position_s = number(source.get("pos"))
        name = source.get("tag") or source.get("src")
        if position_s is not None and position_s >= 0 and isinstance(name, str | int):
            begins.append((position_s, plain_text(str(name), 80)))
    if not begins:
        return ()
    begins.sort()
    ends = [start for start, _ in begins[1:]] + [_OPEN_TURN_S * 24]
    return tuple(
        TimedText(start, max(end, start), "", name)
        for (start, name), end in zip(begins, ends, strict=True)
    )


def check_started_at(text: str, warn: Warn) -> datetime:
    """Return a time of the command line in UTC; raise UsageError if it is none."""
    moment, is_local = read_time(text)
    if moment is None:
        raise UsageError(
            f"{plain_text(text, 40)!r} is no time.",
            "Write it as 2026-03-14T02:47:09Z, or with an offset such as +01:00.",
        )
    if is_local:
        shown = moment.astimezone()
        warn(f"--started-at names no zone: it is taken as this machine's, {shown:%Z (UTC%z)}")
    return moment
