"""Subtitles: WebVTT and SubRip (SRT), cues of a time and some lines of text.

A speaker is told by WebVTT's `<v NAME>`, or by `NAME:` before a line where that names a party.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator

from callplayer.recordings.words.pieces import Piece, TranscriptError, checked
from callplayer.vendor.parties import party_named
from callplayer.wire import MAX_CALL_MS

_CLOCK = r"(?:(\d{1,3}):)?([0-5]?\d):([0-5]\d)[.,](\d{1,3})"
_TIMING = re.compile(rf"\s*{_CLOCK}\s+-->\s+{_CLOCK}(?:\s.*)?")
_INNER_TIME = re.compile(rf"<{_CLOCK}>")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>]*)>")
_TAG = re.compile(r"<[^>]*>")
_TAGS = re.compile(r"(<[^>]*>)")
_PREFIX = re.compile(r"\s*-?\s*([^:<>]{1,40}):\s")


def parse_cues(text: str) -> list[Piece]:
    """Return what the cues say; raise TranscriptError for a cue whose time is wrong."""
    pieces: list[Piece] = []
    cue: Piece | None = None
    lines: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if "-->" in line:
            cue, lines = _cue(line, number), []
        elif line.strip():
            lines.append(line)
        elif cue is not None:
            pieces += _said(cue, lines)
            cue = None
    return pieces


def _cue(line: str, number: int) -> Piece:
    match = _TIMING.fullmatch(line)
    if match is None:
        raise TranscriptError(f"line {number}: a cue's time is not HH:MM:SS.mmm --> HH:MM:SS.mmm")
    start_s, end_s = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
    if end_s > MAX_CALL_MS / 1000:
        raise TranscriptError(f"line {number}: a cue's time is past the end of any call")
    return checked(Piece(start_s, end_s, ""), number)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, whole_s, fraction = (part or "0" for part in parts)
    return int(hours) * 3600 + int(minutes) * 60 + int(whole_s) + int(fraction.ljust(3, "0")) / 1000


def _said(cue: Piece, lines: list[str]) -> Iterator[Piece]:
    """Yield the pieces of one cue: it is cut where the speaker changes or an inner time stands."""
    start_s, speaker = cue.start_s, ""
    parts: list[tuple[str, str]] = []  # speaker and text, since the last inner time
    for token in _tokens(lines):
        if (time := _INNER_TIME.fullmatch(token)) is not None:
            at_s = min(max(_seconds(time.groups()), start_s), cue.end_s)
            yield from _shared(parts, start_s, at_s)
            start_s, parts = at_s, []
        elif (voice := _VOICE.fullmatch(token)) is not None:
            speaker = html.unescape(voice[1]).strip()
        elif _TAG.fullmatch(token) is None:
            parts.append((speaker, html.unescape(token)))
    yield from _shared(parts, start_s, cue.end_s)


def _tokens(lines: list[str]) -> Iterator[str]:
    """Yield the texts and tags of a cue; a line's `NAME:` as the tag that says the same."""
    for line in lines:
        prefix = _PREFIX.match(line)
        if prefix is not None and party_named(prefix[1]) is not None:
            yield f"<v {prefix[1].strip()}>"
            yield from _TAGS.split(line[prefix.end() :])
        else:
            yield from _TAGS.split(line)
        yield " "


def _shared(parts: list[tuple[str, str]], start_s: float, end_s: float) -> Iterator[Piece]:
    """Yield a piece a run of one speaker, the time shared out by the lengths of their texts."""
    runs = [
        (speaker, "".join(text for _, text in run).strip())
        for speaker, run in itertools.groupby(parts, key=lambda part: part[0])
    ]
    spoken = [(speaker, text) for speaker, text in runs if text]
    second_s = (end_s - start_s) / max(sum(len(text) for _, text in spoken), 1)
    for speaker, text in spoken:
        until_s = min(start_s + len(text) * second_s, end_s)
        yield Piece(start_s, until_s, text, speaker)
        start_s = until_s
