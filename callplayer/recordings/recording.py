"""Recordings: which there are, and what is known of each.

A recording is a sound file of one or two channels; of two, the left is the caller and the right the
call taker. `<name>.json` beside it may describe the incident.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from callplayer.errors import UsageError
from callplayer.recordings.containers.formats import SUFFIXES
from callplayer.recordings.containers.sound_file import SoundFile, open_sound
from callplayer.recordings.facts import (
    E164,
    Beside,
    CallerLocation,
    IncidentFacts,
    Warn,
    local_time,
    read_beside,
    started_by_tags,
)  # fmt: skip
from callplayer.recordings.named_file import incident_id
from callplayer.text import plain_text
from callplayer.vendor.parties import Channel

MAX_RECORDINGS = 10_000
MAX_DURATION_S = 8 * 3600

_LOSSLESS = (".wav", ".flac")
_SAME_CALL_S = 2.0

__all__ = [
    "E164", "MAX_DURATION_S", "SUFFIXES", "CallerLocation", "IncidentFacts", "Recording",
    "find_recordings", "incident_id", "one_of_each", "read_beside", "start_of_call",
]  # fmt: skip

log = logging.getLogger("callplayer.service")


@dataclass(frozen=True)
class Recording:
    """One file that is served as an incident.

    `live_from_s` is the reading of the monotonic clock at which it begins as if live; None: it is
    a call of the past, or a live one whose sound is still being written to `path` (`growing`).
    `ended_at` None: it ended, if it did, `duration_s` after it was created. With a `bucket`, its
    address, `path` is the name of an object there.
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
    bucket: str = ""

    @property
    def location(self) -> str:
        """Where the sound is: an absolute path, or s3://BUCKET/PREFIX/NAME."""
        return f"{self.bucket}/{self.path}" if self.bucket else str(self.path.resolve())

    @property
    def is_here(self) -> bool:
        """Whether this machine can read the sound, as far as one can know without asking."""
        return bool(self.bucket) or self.path.exists()

    def is_live(self, now_s: float) -> bool:
        """Return whether the call is still going on."""
        as_if_live = self.live_from_s is not None and now_s < self.live_from_s + self.duration_s
        return self.growing or as_if_live


def find_recordings(
    paths: Iterable[Path],
    *,
    live_from_s: float | None = None,
    strict: bool = False,
    warn: Warn = log.warning,
) -> dict[str, Recording]:
    """Return the recordings in `paths` (files and folders, not deeper) by id.

    A file that cannot be served costs that file, and `warn` is given a line; with `strict`, and
    where none is left, it raises UsageError. So do two that have one name.
    """
    found: dict[str, Recording] = {}
    refused: list[UsageError] = []
    for path in one_of_each(_audio_files(paths), warn):
        try:
            recording = _inspect(path, live_from_s, warn)
        except UsageError as error:
            if strict:
                raise
            refused.append(error)
            warn(f"left out: {error.what}")
            continue
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
        raise _none_to_serve(refused)
    return found


def _none_to_serve(refused: list[UsageError]) -> UsageError:
    if refused:
        return refused[0]
    return UsageError(
        "There is no recording to serve.",
        "Name a folder or sound files; docs/recordings.md lists the formats.",
    )


def one_of_each(paths: Iterable[Path], warn: Warn) -> list[Path]:
    """Return the files, of those of one call (the same name and length) the lossless one only.

    Recorders such as trunk-recorder leave a WAV and an M4A of each call.
    """
    ordered = list(dict.fromkeys(paths))
    of_name: dict[Path, list[Path]] = {}
    for path in ordered:
        of_name.setdefault(path.with_suffix(""), []).append(path)
    left_out: set[Path] = set()
    for group in of_name.values():
        if len(group) > 1:
            best = min(group, key=lambda path: path.suffix.lower() not in _LOSSLESS)
            others = [path for path in group if path != best and _is_same_call(path, best)]
            for path in others:
                warn(f"{path.name} is the call of {best.name}, and left out")
            left_out.update(others)
    return [path for path in ordered if path not in left_out]


def _is_same_call(path: Path, other: Path) -> bool:
    try:
        with open_sound(path) as one, open_sound(other) as two:
            return abs(one.duration_s - two.duration_s) <= _SAME_CALL_S
    except UsageError:
        return False


def start_of_call(path: Path, sound: SoundFile, beside: Beside) -> datetime:
    """Return when a call began: by its sidecar or name, its head or tags, else by its file.

    A file is closed when its call is over: its time less its length is the start.
    """
    if beside.started_at is not None:
        return beside.started_at
    if sound.recorded_at is not None:
        return local_time(sound.recorded_at)
    by_tags = started_by_tags(sound.tags)
    if by_tags is not None:
        return by_tags
    return datetime.fromtimestamp(path.stat().st_mtime, UTC) - timedelta(seconds=sound.duration_s)


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
        elif not path.exists():
            raise UsageError(f"There is no file {plain_text(str(path))}.", "Check the path.")
        elif path.suffix.lower() in SUFFIXES:
            yield path
        else:
            raise UsageError(
                f"{path} is no recording that can be served.",
                "Name a folder or sound files; docs/recordings.md lists the formats.",
            )


def _inspect(path: Path, live_from_s: float | None, warn: Warn) -> Recording:
    beside = read_beside(path, warn)
    with open_sound(path) as sound:
        duration_s, channels = sound.duration_s, sound.channels
        began = start_of_call(path, sound, beside)
    if duration_s > MAX_DURATION_S:
        raise UsageError(
            f"{path} lasts {duration_s:.0f} s; up to {MAX_DURATION_S // 3600} h can be served.",
            "Name another recording, or cut this one.",
        )
    return Recording(
        id=incident_id(path.name),
        path=path,
        parties=parties_of(path, channels),
        duration_s=duration_s,
        created_at=began if live_from_s is None else _wall_time(live_from_s),
        facts=beside.facts,
        live_from_s=live_from_s,
    )


def _wall_time(monotonic_s: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=time.monotonic() - monotonic_s)


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
