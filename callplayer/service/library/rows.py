"""A recording as a row of the library's table `incidents`, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, overload

import msgspec

from callplayer.recordings.facts import IncidentFacts
from callplayer.recordings.recording import Recording

COLUMNS = "id, path, parties, duration_s, created_at_us, ended_at_us, growing, live_from_s, facts"
SELECT = f"SELECT {COLUMNS} FROM incidents"  # noqa: S608 - both ours
INSERT = f"INSERT INTO incidents ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
MAY_LIVE = "(growing OR live_from_s IS NOT NULL)"
"""What the index of live incidents is about; a query that says so too uses it."""

IS_LIVE = "(growing OR coalesce(live_from_s + duration_s > :now_s, FALSE))"
"""A condition; `:now_s` is the monotonic clock, by which recordings played as if live go."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_facts_decoder = msgspec.json.Decoder(IncidentFacts)


def to_row(recording: Recording, base: Path | None) -> tuple[Any, ...]:
    """Return the row; a path inside of `base` is kept relative to it, so that it can be moved."""
    path = recording.path
    if base is not None and path.is_relative_to(base):
        path = path.relative_to(base)
    return (
        recording.id,
        str(path),
        ",".join(recording.parties),
        recording.duration_s,
        microseconds(recording.created_at),
        microseconds(recording.ended_at),
        recording.growing,
        recording.live_from_s,
        msgspec.json.encode(recording.facts),
    )


def from_row(row: tuple[Any, ...], base: Path | None, bucket: str = "") -> Recording:
    """Return the recording of a row.

    With a `bucket`, its address, a relative path is the name of an object there.
    """
    identifier, path, parties, duration_s, created, ended, growing, live_from_s, facts = row
    is_object = bool(bucket) and not path.startswith("/")
    return Recording(
        id=identifier,
        path=Path(path) if base is None or is_object else base / path,
        bucket=bucket if is_object else "",
        parties=tuple(parties.split(",")),
        duration_s=duration_s,
        created_at=_EPOCH + timedelta(microseconds=created),
        ended_at=None if ended is None else _EPOCH + timedelta(microseconds=ended),
        growing=bool(growing),
        live_from_s=live_from_s,
        facts=_facts_decoder.decode(facts),
    )


@overload
def microseconds(moment: datetime) -> int: ...
@overload
def microseconds(moment: None) -> None: ...
def microseconds(moment: datetime | None) -> int | None:
    """Return a time as the tables keep it: whole microseconds since 1970."""
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)
