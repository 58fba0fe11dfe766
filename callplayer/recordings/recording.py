"""Recordings: which there are, and what is known of each.

A recording is a WAV, FLAC, OGG or MP3 file of one or two channels; of two, the left is the caller
and the right the call taker. `<name>.json` beside it may describe the incident.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from callplayer.errors import UsageError
from callplayer.recordings.formats import SUFFIXES
from callplayer.recordings.named_file import incident_id
from callplayer.recordings.sound_file import open_sound
from callplayer.text import plain_text
from callplayer.vendor.parties import Channel
from callplayer.vendor.times import parse_datetime

MAX_SIDECAR_BYTES = 16_000_000
MAX_RECORDINGS = 10_000
MAX_DURATION_S = 8 * 3600
E164 = re.compile(r"\+[1-9][0-9]{1,14}")

log = logging.getLogger("callplayer.service")


class CallerLocation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a caller is, in the vendor's words; `lat` and `lng` in degrees."""

    lat: float
    lng: float
    class_of_service: str = ""
    created_at: str = ""
    source: str = ""


class IncidentFacts(msgspec.Struct, frozen=True):
    """The `incident` object of a sidecar file."""

    caller_phone_number: str = ""
    created_at: str = ""
    caller_location: CallerLocation | None = None


class _Sidecar(msgspec.Struct, frozen=True):
    incident: IncidentFacts = IncidentFacts()


@dataclass(frozen=True)
class Recording:
    """One file that is served as an incident.

    `live_from_s` is the reading of the monotonic clock at which it begins as if live; None: it is
    a call of the past, or a live one whose sound is still being written to `path` (`growing`).
    `ended_at` None: it ended, if it did, `duration_s` after it was created.
    """

    id: str
    path: Path
    parties: tuple[Channel, ...]
    duration_s: float
    created_at: datetime
    facts: IncidentFacts = field(default_factory=IncidentFacts)
    live_from_s: float | None = None
    growing: bool = False
    ended_at: datetime | None = None

    def is_live(self, now_s: float) -> bool:
        """Tell whether the call is still going on."""
        as_if_live = self.live_from_s is not None and now_s < self.live_from_s + self.duration_s
        return self.growing or as_if_live


def find_recordings(
    paths: Iterable[Path], *, live_from_s: float | None = None
) -> dict[str, Recording]:
    """Return the recordings in `paths` (files and folders, not deeper) by id.

    Raise UsageError if there are none, a file cannot be served or is cut off, or two have one name.
    """
    found: dict[str, Recording] = {}
    for path in _audio_files(paths):
        recording = _inspect(path, live_from_s)
        if recording.id in found:
            raise UsageError(
                f"Two recordings are named {path.name}: their incident ids would be the same.",
                "Rename one of them.",
            )
        found[recording.id] = recording
        if len(found) > MAX_RECORDINGS:
            raise UsageError(
                f"There are more than {MAX_RECORDINGS} recordings.", "Name fewer of them."
            )
    if not found:
        raise UsageError(
            "There is no recording to serve.",
            "Name WAV, FLAC, OGG or MP3 files, or a folder that holds some.",
        )
    return found


def read_facts(path: Path) -> IncidentFacts:
    """Return what `<name>.json` beside the sound file `path` says of the incident, if there is one.

    A phone number that is not E.164 is left out, with a warning. Raise UsageError if it is broken.
    """
    facts = read_sidecar(path)
    if facts.caller_phone_number and E164.fullmatch(facts.caller_phone_number) is None:
        log.warning("the caller_phone_number beside %s is not E.164, and left out", path.name)
        return msgspec.structs.replace(facts, caller_phone_number="")
    return facts


def _audio_files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            try:
                entries = sorted(path.iterdir())
            except OSError as error:
                raise UsageError(
                    f"The folder {path} cannot be read: {error.strerror}.", "Check its rights."
                ) from None
            yield from (entry for entry in entries if entry.suffix.lower() in SUFFIXES)
        elif path.suffix.lower() in SUFFIXES and path.exists():
            yield path
        else:
            raise UsageError(
                f"{path} is no recording that can be served.",
                "Name WAV, FLAC, OGG or MP3 files, or a folder that holds some.",
            )


def _inspect(path: Path, live_from_s: float | None) -> Recording:
    with open_sound(path) as sound:
        duration_s, channels = sound.duration_s, sound.channels
    if duration_s > MAX_DURATION_S:
        raise UsageError(
            f"{path} lasts {duration_s:.0f} s; up to {MAX_DURATION_S // 3600} h can be served.",
            "Name another recording, or cut this one.",
        )
    facts = read_facts(path)
    made_at = started_at(path, facts)
    return Recording(
        id=incident_id(path.name),
        path=path,
        parties=parties_of(path, channels),
        duration_s=duration_s,
        created_at=made_at if live_from_s is None else _wall_time(live_from_s),
        facts=facts,
        live_from_s=live_from_s,
    )


def _wall_time(monotonic_s: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=time.monotonic() - monotonic_s)


def started_at(path: Path, facts: IncidentFacts) -> datetime:
    """Return when the call of the sound file `path` began: as told beside it, or the file's own."""
    told_at = parse_datetime(facts.created_at)
    if facts.created_at and told_at is None:
        log.warning("the created_at beside %s is no time: that of the file is taken", path.name)
    try:
        return told_at or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise _unreadable(path, error) from None


def parties_of(path: Path, channels: int) -> tuple[Channel, ...]:
    """Return whose the channels are; raise UsageError for more than two."""
    if channels == 1:
        return ("call",)
    if channels == 2:
        return ("caller", "callTaker")
    raise UsageError(
        f"{path} has {channels} channels.",
        "Mix it down to one, or to two: the caller left, the call taker right.",
    )


def read_sidecar(sound: Path) -> IncidentFacts:
    """Return what `<name>.json` beside the file `sound` says, as it is; see `read_facts`."""
    path = sound.with_suffix(".json")
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SIDECAR_BYTES + 1)
    except FileNotFoundError:
        return IncidentFacts()
    except OSError as error:
        raise _unreadable(path, error) from None
    if len(content) > MAX_SIDECAR_BYTES:
        raise UsageError(f"{path} is larger than 16 MB.", "Shorten it, or move it away.")
    try:
        return msgspec.json.decode(content, type=_Sidecar).incident
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = plain_text(str(error), 120).rstrip(".")
        raise UsageError(
            f"{path} does not describe an incident: {reason}.", "Mend it, or move it away."
        ) from None


def _unreadable(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"{path} cannot be read: {plain_text(str(error), 160).rstrip('.')}.",
        "Check that it is a sound file that you may read.",
    )
