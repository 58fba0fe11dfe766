"""Words from files: the demo calls' JSON, STM, RTTM, WebVTT and SRT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from callplayer.errors import UsageError
from callplayer.recordings.words.cues import parse_cues
from callplayer.recordings.words.pieces import Piece, TranscriptError, attribute, words_of
from callplayer.recordings.words.rttm import parse_rttm
from callplayer.recordings.words.sidecar import parse_sidecar_words
from callplayer.recordings.words.stm import parse_stm
from callplayer.words import Speaker, Word

MAX_FILE_BYTES = 16_000_000
SUFFIXES = (".json", ".stm", ".rttm", ".vtt", ".srt")

__all__ = ["MAX_FILE_BYTES", "SUFFIXES", "read_words", "words_beside"]


def read_words(
    paths: Sequence[Path], call_started_at: datetime, names: Mapping[str, Speaker] | None = None
) -> tuple[Word, ...]:
    """Return the words of a call from its transcript files, by time.

    Two files are words, and who speaks: an RTTM file that has turns only. `names` says who is
    meant by a name in the files. Raise UsageError if a file cannot be read or understood, or if
    there are two of a kind, whose words would be there twice.
    """
    words: list[Word] = []
    pieces: list[Piece] = []
    turns: list[Piece] = []
    kinds: list[str] = []
    for path in paths:
        text, kind = _read(path), "words"
        try:
            match path.suffix.lower():
                case ".json":
                    words += parse_sidecar_words(text.encode(), call_started_at)
                case ".stm":
                    pieces += parse_stm(text)
                case ".rttm":
                    spoken, told = parse_rttm(text)
                    pieces, turns = pieces + spoken, turns + told
                    kind = "words" if spoken else "turns"
                case _:
                    pieces += parse_cues(text)
        except TranscriptError as error:
            raise UsageError(f"{path}, {error}.", "Mend that file.") from None
        kinds.append(kind)
    if len(kinds) != len(set(kinds)):
        raise UsageError(
            f"{', '.join(map(str, paths))} are transcripts of one kind.",
            "Give one --words; or two, if one of them is RTTM with turns only.",
        )
    words += words_of(attribute(pieces, turns), call_started_at, names or {})
    if paths and not words:
        raise UsageError(
            f"There are no words in {', '.join(map(str, paths))}.",
            "RTTM turns say who speaks: give the words with a second --words."
            if turns
            else "Check that it is the transcript.",
        )
    return tuple(sorted(words, key=lambda word: word.started_at))


def words_beside(sound: Path, call_started_at: datetime) -> tuple[Word, ...]:
    """Return the words of the sidecar `<name>.json` beside a sound file, if it is there.

    Raise UsageError if it cannot be read or understood.
    """
    path = sound.with_suffix(".json")
    if not path.exists():
        return ()
    try:
        return parse_sidecar_words(_read(path).encode(), call_started_at)
    except TranscriptError as error:
        raise UsageError(f"{path}, {error}.", "Mend that file.") from None


def _read(path: Path) -> str:
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
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8.", "Save it as UTF-8.") from None
