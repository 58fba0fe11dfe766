"""A stretch of a call, saved as a recording of its own: sound, and what is known of it beside it.

The sidecar is in the form that recordings are read in, so that a clip plays again with its words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal

import av
import msgspec
import numpy as np

from callplayer.errors import UsageError
from callplayer.paths import private_file, write_private
from callplayer.recordings.facts import IncidentFacts
from callplayer.recordings.samples import SAMPLE_RATE_HZ, Samples, soft_limited
from callplayer.text import plain_text
from callplayer.vendor.parties import Channel
from callplayer.vendor.transcript import Word, encode_transcript, format_moment

ClipFormat = Literal["flac", "wav"]

_CODECS: dict[ClipFormat, str] = {"flac": "flac", "wav": "pcm_s16le"}


@dataclass(frozen=True)
class Clip:
    """What to save: `start_ms` to `end_ms` of a call, in ms from its start.

    `parties` are the channels of the sound. `gaps_ms` are the stretches that could not be fetched
    and are silent, `unsure_ms` those that a jitter buffer made up in part. `call_started_at` is
    None where no clock time is known.
    """

    incident_id: str
    start_ms: int
    end_ms: int
    parties: tuple[Channel, ...]
    call_started_at: datetime | None = None
    facts: IncidentFacts = field(default_factory=IncidentFacts)
    words: tuple[Word, ...] = ()
    gaps_ms: tuple[tuple[int, int], ...] = ()
    unsure_ms: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class SavedClip:
    """Where a clip lies. `sha256` is of the sound's file, in hexadecimal digits."""

    sound: Path
    sidecar: Path
    sha256: str


def save_clip(
    folder: Path,
    clip: Clip,
    blocks: Iterable[Samples],
    *,
    kind: ClipFormat = "flac",
    mixed: bool = False,
) -> SavedClip:
    """Write a clip and its sidecar, both of mode 0600, under a name that is free.

    `blocks` are the sound, int16 of shape (frames, parties); `mixed` writes one channel, with what
    would overload rounded off. Raise UsageError if the folder cannot be written: nothing stays.
    """
    try:
        sound = _free_name(folder, clip, kind)
        sidecar = sound.with_suffix(".json")
        with private_file(sound) as stream:
            _encode(stream, blocks, 1 if mixed else len(clip.parties), kind)
            stream.seek(0)
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        try:
            write_private(sidecar, _sidecar(clip, sound.name, sha256, mixed=mixed))
        except BaseException:
            sound.unlink()
            raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(
            f"The clip cannot be saved in {plain_text(str(folder), 400)}: {reason}.",
            "Name a folder with room that you may write.",
        ) from None
    return SavedClip(sound, sidecar, sha256)


def _free_name(folder: Path, clip: Clip, kind: ClipFormat) -> Path:
    short = "".join(each for each in clip.incident_id if each.isalnum())[:8] or "call"
    stem = f"{short}_{_time_in_name(clip.start_ms)}_{_time_in_name(clip.end_ms)}"
    number = 1
    while True:
        path = folder / (f"{stem}.{kind}" if number == 1 else f"{stem}_{number}.{kind}")
        if not path.exists() and not path.with_suffix(".json").exists():
            return path
        number += 1


def _time_in_name(position_ms: int) -> str:
    minutes, rest_ms = divmod(position_ms, 60_000)
    return f"{minutes:02}m{rest_ms // 1000:02}s{rest_ms % 1000:03}"


def _encode(stream: BinaryIO, blocks: Iterable[Samples], channels: int, kind: ClipFormat) -> None:
    try:
        _encode_into(stream, blocks, channels, kind)
    except av.FFmpegError as error:
        # What it meets as it closes the file hides what the disk said.
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def _encode_into(
    stream: BinaryIO, blocks: Iterable[Samples], channels: int, kind: ClipFormat
) -> None:
    layout = "mono" if channels == 1 else "stereo"
    with av.open(stream, "w", format=kind) as container:
        track = container.add_stream(_CODECS[kind], rate=SAMPLE_RATE_HZ, layout=layout)
        assert isinstance(track, av.AudioStream)
        for block in blocks:
            packed = np.ascontiguousarray(_mixed(block) if channels == 1 else block)
            frame = av.AudioFrame.from_ndarray(packed.reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate = SAMPLE_RATE_HZ
            container.mux(track.encode(frame))
        container.mux(track.encode(None))


def _mixed(block: Samples) -> Samples:
    if block.shape[1] == 1:
        return block
    limited = np.rint(soft_limited(block.sum(axis=1, dtype=np.float32)))
    mono: Samples = limited.clip(-32_768, 32_767).astype(np.int16)
    return mono


def _sidecar(clip: Clip, sound_name: str, sha256: str, *, mixed: bool) -> bytes:
    """Return the sidecar's JSON: `incident` and `words` as beside any recording, and `clip`."""
    started_at = clip.call_started_at
    described: dict[str, object] = {
        "incident_id": clip.incident_id,
        "start_ms": clip.start_ms,
        "end_ms": clip.end_ms,
        "channels": ["mixed"] if mixed else list(clip.parties),
        "gaps_ms": [list(gap) for gap in clip.gaps_ms],
        "unsure_ms": [list(stretch) for stretch in clip.unsure_ms],
        "file": sound_name,
        "sha256": sha256,
    }
    incident = msgspec.to_builtins(clip.facts)
    if started_at is not None:
        began_at = started_at + timedelta(milliseconds=clip.start_ms)
        ended_at = started_at + timedelta(milliseconds=clip.end_ms)
        described |= {"began_at": format_moment(began_at), "ended_at": format_moment(ended_at)}
        incident["created_at"] = format_moment(began_at)
    content = {
        "incident": incident,
        "clip": described,
        "words": msgspec.json.decode(encode_transcript(_words(clip)))["words"],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1)


def _words(clip: Clip) -> Iterable[Word]:
    """Return the words of the stretch, timed from its start."""
    for word in clip.words:
        start_ms = word.start_offset * 1000
        if start_ms < clip.end_ms and start_ms + word.duration * 1000 > clip.start_ms:
            offset_s = max(word.start_offset - clip.start_ms / 1000, 0.0)
            yield msgspec.structs.replace(word, start_offset=round(offset_s, 3))
