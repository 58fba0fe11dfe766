"""Bringing calls into a library on disk: sound, words and facts of all, or of none.

The sound is written under temporary names and brought to the disk; then one transaction adds all
incidents and, as its last step, gives the files their names. A process killed before that leaves
files that are in no list; one killed after it has done all.
"""

from __future__ import annotations

import contextlib
import logging
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from callplayer.errors import ServiceError, UsageError
from callplayer.recordings.bucket import Bucket, BucketError
from callplayer.recordings.containers.sound_file import opened_sound
from callplayer.recordings.convert import Layout, check_length, convert
from callplayer.recordings.facts import E164, CallerLocation, IncidentFacts, read_beside
from callplayer.recordings.recording import Recording, start_of_call
from callplayer.recordings.words import CallTimes, read_words, words_beside
from callplayer.service.catalog import LibraryError
from callplayer.service.library import folder as library_folder
from callplayer.service.library.library import Library
from callplayer.service.library.place import LibraryPlace
from callplayer.service.library.unsent import sweep_bucket
from callplayer.text import plain_text
from callplayer.vendor.transcript import Speaker, Word

log = logging.getLogger("callplayer.service")


@dataclass(frozen=True)
class ImportJob:
    """A call to import. What is None is taken from the sidecar `<name>.json`, if there is one.

    `sources` is one file, or two of one channel each: the caller, the call taker. `words` are
    transcript files; `names` maps a name in them to its party.
    """

    sources: tuple[Path, ...]
    words: tuple[Path, ...] = ()
    started_at: datetime | None = None
    phone: str | None = None
    location: CallerLocation | None = None
    names: Mapping[str, Speaker] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)


@dataclass(frozen=True)
class Reports:
    """What hears of an import: each call that is taken up, each line on what is left out."""

    begin: Callable[[ImportJob], None] = lambda _call: None
    warn: Callable[[str], None] = log.warning


@dataclass(frozen=True)
class _Prepared:
    part: Path
    recording: Recording
    words: tuple[Word, ...]


def import_calls(
    place: LibraryPlace,
    calls: Sequence[ImportJob],
    reports: Reports = Reports(),
    *,
    skip_bad: bool = False,
) -> list[Recording]:
    """Import all calls into the library at `place`, or none; return their recordings.

    With `skip_bad` a call that cannot be imported costs that call, unless it is the only one. Raise
    UsageError for what cannot be imported, ServiceError if the library cannot take it.
    """
    prepared: list[_Prepared] = []
    refused: list[UsageError] = []
    with Library.open(place, durable=True) as library:
        recordings = library.recordings_folder
        assert recordings is not None
        library_folder.sweep(recordings, library.paths)
        sweep_bucket(library)
        with library_folder.importing(recordings):
            try:
                for call in calls:
                    reports.begin(call)
                    try:
                        prepared.append(_prepare(call, library, reports.warn))
                    except UsageError as error:
                        if not skip_bad:
                            raise
                        refused.append(error)
                        reports.warn(f"left out: {error.what}")
                if refused and not prepared:
                    raise refused[0]
                if library.bucket is not None:
                    _send(prepared, library.bucket)
                library.add_all(
                    [(one.recording, one.words) for one in prepared],
                    before_commit=lambda: _name(prepared, library),
                )
            except OSError as error:
                raise ServiceError(
                    f"The library cannot keep the calls: {error.strerror}.",
                    "Check free space and the folder's owner.",
                ) from error
            finally:
                _forget_strays(prepared, library)
    return [one.recording for one in prepared]


def check_phone(text: str) -> str:
    """Return a phone number in E.164; raise UsageError if it is none."""
    if E164.fullmatch(text) is None:
        raise UsageError(
            f"{plain_text(text, 40)!r} is no phone number.", "Write it as +15555550142."
        )
    return text


def check_location(lat: float, lng: float) -> CallerLocation:
    """Return a place, degrees; raise UsageError if it is nowhere on earth."""
    if not (abs(lat) <= 90 and abs(lng) <= 180):
        raise UsageError(
            f"{lat:g}, {lng:g} is no place.", "Give --lat from -90 to 90, --lng from -180 to 180."
        )
    return CallerLocation(lat, lng, source="import")


def _prepare(call: ImportJob, library: Library, warn: Callable[[str], None]) -> _Prepared:
    """Write the sound under a temporary name and read the rest."""
    recordings = library.recordings_folder
    assert recordings is not None
    first = call.sources[0]
    beside = read_beside(first, warn)
    with contextlib.ExitStack() as stack:
        sounds = []
        for path in call.sources:
            sound = opened_sound(path, call.layout.rate_hz)
            sounds.append(stack.enter_context(contextlib.closing(sound)))
            check_length(sound)
        created_at = call.started_at or start_of_call(first, sounds[0], beside)
        times = CallTimes(created_at, sounds[0].duration_s)
        words = (
            read_words(call.words, times, call.names, beside.turns, warn)
            if call.words
            else words_beside(first, times, beside.turns, warn)
        )
        identifier = str(uuid.uuid4())
        part = recordings / f"{identifier}{library_folder.PART}"
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            converted = convert(sounds, fd, call.layout)
            os.fsync(fd)
        except BaseException:
            part.unlink()
            raise
        finally:
            os.close(fd)
    for note in converted.notes:
        warn(note)
    facts = beside.facts
    recording = Recording(
        id=identifier,
        path=recordings / f"{identifier}.flac"
        if library.bucket is None
        else Path(f"{identifier}.flac"),
        bucket="" if library.bucket is None else library.bucket.url,
        parties=("call",) if converted.channels == 1 else ("caller", "callTaker"),
        duration_s=converted.duration_s,
        created_at=created_at,
        facts=IncidentFacts(
            caller_phone_number=facts.caller_phone_number if call.phone is None else call.phone,
            caller_location=call.location or facts.caller_location,
            talkgroup=facts.talkgroup,
        ),
    )
    return _Prepared(part, recording, words)


def _send(prepared: Sequence[_Prepared], bucket: Bucket) -> None:
    """Write the sound as objects, before the transaction: it may take long."""
    for one in prepared:
        bucket.put(one.part, one.recording.path.name)


def _name(prepared: Sequence[_Prepared], library: Library) -> None:
    """Give the files their names, on the disk too."""
    recordings = library.recordings_folder
    if library.bucket is not None or recordings is None:
        return
    for one in prepared:
        one.part.rename(one.recording.path)
    fd = os.open(recordings, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _forget_strays(prepared: Sequence[_Prepared], library: Library) -> None:
    """Remove the files that no incident has. What fails here is left to the next sweep."""
    with contextlib.suppress(OSError, LibraryError, BucketError):
        for one in prepared:
            one.part.unlink(missing_ok=True)
        known = library.paths() | {Path(name) for name in library.names()}
        for path in {one.recording.path for one in prepared} - known:
            if library.bucket is None:
                path.unlink(missing_ok=True)
            else:
                library.bucket.remove(path.name)
