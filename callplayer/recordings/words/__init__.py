"""Words from files: recognisers' and the vendor's JSON, STM, RTTM, WebVTT and SRT."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from callplayer.errors import UsageError
from callplayer.recordings.words.cues import parse_cues
from callplayer.recordings.words.names import Names
from callplayer.recordings.words.rttm import parse_rttm
from callplayer.recordings.words.sidecar import parse_json
from callplayer.recordings.words.stm import parse_stm
from callplayer.recordings.words.timed_text import (
    TimedText,
    TranscriptError,
    Warn,
    attribute,
    words_of,
)
from callplayer.text import plain_text
from callplayer.vendor.transcript import Speaker, Word

MAX_FILE_BYTES = 16_000_000
SUFFIXES = (".json", ".stm", ".rttm", ".vtt", ".srt")
LATE_S = 5.0
"""Words may begin so far after the end of the sound: recognisers round, recorders cut."""

__all__ = ["MAX_FILE_BYTES", "SUFFIXES", "CallTimes", "read_words", "words_beside"]

log = logging.getLogger("callplayer.service")


@dataclass(frozen=True)
class CallTimes:
    """When a call began, and how long it is in s; None: nothing says it."""

    started_at: datetime
    duration_s: float | None = None


def read_words(
    paths: Sequence[Path],
    call: CallTimes,
    names: Mapping[str, Speaker] | None = None,
    turns: Sequence[TimedText] = (),
    warn: Warn = log.warning,
) -> tuple[Word, ...]:
    """Return the words of a call from its transcript files, by time.

    Two files are words, and who speaks: an RTTM file that has turns only; or `turns` say it.
    `names` says who is meant by a name in the files. `warn` is given a line on what is left out.
    Raise UsageError if a file cannot be read or understood, if there are two of a kind, whose words
    would be there twice, or if words lie beyond the end of the call.
    """
    files = _Files(call, Names(names or {}), list(turns), warn)
    kinds = [files.read(path) for path in paths]
    if len(kinds) != len(set(kinds)):
        raise UsageError(
            f"{', '.join(map(str, paths))} are transcripts of one kind.",
            "Give one --words; or two, if one of them is RTTM with turns only.",
        )
    words = files.all_words()
    if paths and not words:
        raise UsageError(
            f"There are no words in {', '.join(map(str, paths))}.",
            "RTTM turns say who speaks: give the words with a second --words."
            if "turns" in kinds
            else "Check that it is the transcript.",
        )
    _check_within(words, call, paths)
    for name in files.names.not_met():
        warn(f"no words are by {plain_text(name, 80)}, which --caller or --call-taker names")
    return words


def words_beside(
    sound: Path, call: CallTimes, turns: Sequence[TimedText] = (), warn: Warn = log.warning
) -> tuple[Word, ...]:
    """Return the words that stand beside a sound file under its name; () if there are none.

    Those of `<name>.json` go before those of `.vtt`, `.srt`, `.stm` and `.rttm`; an `.rttm` beside
    subtitles says who speaks. What cannot be read or understood costs the words, and `warn` is
    given a line on it.
    """
    said_by = sound.with_suffix(".rttm")
    for suffix in (".json", ".vtt", ".srt", ".stm", ".rttm"):
        path = sound.with_suffix(suffix)
        if path == sound or not path.exists():
            continue
        with_turns = suffix in (".vtt", ".srt", ".stm") and said_by.exists()
        paths = [path, said_by] if with_turns else [path]
        files = _Files(call, Names(), list(turns), warn)
        try:
            for each in paths:
                files.read(each)
            words = files.all_words()
            _check_within(words, call, paths)
        except UsageError as error:
            warn(f"the words beside {plain_text(sound.name)} are left out: {error.what}")
            continue
        if words:
            return words
    return ()


@dataclass
class _Files:
    """What is read from transcript files, one after the other."""

    call: CallTimes
    names: Names
    turns: list[TimedText]
    warn: Warn
    words: list[Word] = field(default_factory=list)
    pieces: list[TimedText] = field(default_factory=list)

    def read(self, path: Path) -> str:
        """Read one file; return "words", or "turns" if it says who speaks only."""

        def warn(line: str) -> None:
            self.warn(f"{plain_text(str(path))}: {line}")

        text, kind = _read(path, warn), "words"
        try:
            match path.suffix.lower():
                case ".json":
                    words, pieces = parse_json(
                        text.encode(), self.call.started_at, warn, self.names
                    )
                    self.words += words
                    self.pieces += pieces
                case ".stm":
                    self.pieces += parse_stm(text, warn)
                case ".rttm":
                    spoken, named = parse_rttm(text, warn)
                    self.pieces += spoken
                    self.turns += named
                    kind = "words" if spoken else "turns"
                case _:
                    self.pieces += parse_cues(text, warn, self.names)
        except TranscriptError as error:
            raise UsageError(f"{plain_text(str(path))}, {error}.", "Correct that file.") from None
        return kind

    def all_words(self) -> tuple[Word, ...]:
        """Return all words, by time."""
        try:
            spoken = words_of(attribute(self.pieces, self.turns), self.call.started_at, self.names)
        except TranscriptError as error:
            raise UsageError(f"The words cannot be kept: {error}.", "Shorten them.") from None
        return tuple(sorted((*self.words, *spoken), key=lambda word: word.started_at))


def _check_within(words: Sequence[Word], call: CallTimes, paths: Sequence[Path]) -> None:
    """Raise UsageError if words lie beyond the end of the call, with a guess at why."""
    if call.duration_s is None or not words:
        return
    last_s = max(word.start_offset for word in words)
    if last_s <= call.duration_s + LATE_S:
        return
    first_s = min(word.start_offset for word in words)
    is_json = all(path.suffix.lower() == ".json" for path in paths)
    if is_json and last_s / 1000 <= call.duration_s + LATE_S and first_s > 1:
        guess = "the times seem to be milliseconds, where seconds are meant"
    elif 3600 <= first_s < 86_400:
        guess = "the times seem to be those of a clock"
    else:
        guess = "it may be the transcript of another call"
    raise UsageError(
        f"Words of {', '.join(plain_text(str(path)) for path in paths)} lie beyond the end of the"
        f" call: at {last_s:.1f} s of {call.duration_s:.1f} s; {guess}.",
        "Correct the times, or name the right file.",
    )


def _read(path: Path, warn: Warn) -> str:
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{path} is no transcript that can be read.",
            f"Name a file that ends in {', '.join(SUFFIXES)}.",
        )
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from None
    if len(content) > MAX_FILE_BYTES:
        raise UsageError(f"{path} is larger than 16 MB.", "Shorten it.")
    try:
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return content.decode("utf-16")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        warn("it is not UTF-8, and read as Windows-1252")
        return content.decode("cp1252", errors="replace").removeprefix("ï»¿")
