"""Subtitles: WebVTT and SubRip (SRT), cues of a time and some lines of text.

Read by what is there, not by what a grammar asks for: a cue goes on to the next line that is a
time. A speaker is named by WebVTT's `<v NAME>`, by `NAME:` or `[NAME]` before a line where all
of that is a name, and changes at `>>`. (Tried: webvtt-py
0.5 loses a cue whose text comes after a blank line, pysubs2 1.8 puts a region's text into a cue and
refuses times without ms, srt 3.5 reads SRT only; none says what it left out.)
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from callplayer.recordings.words.names import Names, is_name
from callplayer.recordings.words.timed_text import TimedText, TranscriptError, Warn, checked
from callplayer.vendor.values import MAX_CALL_MS

_CLOCK = r"(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,2})(?:[.,](\d{1,9}))?"
_TIMING = re.compile(rf"\s*{_CLOCK}\s*-{{1,3}}>\s*{_CLOCK}(?:\s.*)?")
_LIKE_TIMING = re.compile(r"\s*\d[\d:.,]*\s*-{1,3}>")
_INNER_TIME = re.compile(rf"<{_CLOCK}>")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>]*)>")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>|<\d[\d:.,]*>")
_TAGS = re.compile(r"(</?[a-zA-Z][^>]*>|<\d[\d:.,]*>)")
_MARKS = re.compile(r"\s*(?:[-–—]\s+)?(>{2,3})?\s*")
_PREFIX = re.compile(r"([^:<>\[\]]{1,60}):(?:\s+|$)")
_IN_BRACKETS = re.compile(r"[\[(]([^\[\]()<>]{1,60})[\])]:?\s*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_BLOCKS = ("NOTE", "STYLE", "REGION")


@dataclass
class _Cue:
    timing: TimedText
    number: int
    lines: list[str] = field(default_factory=list)


def parse_cues(text: str, warn: Warn, names: Names) -> list[TimedText]:
    """Return what the cues say; `warn` is given a line on text that is in no cue.

    Raise TranscriptError for a cue whose time is wrong.
    """
    cues = _cues(_LINE_END.split(text), warn)
    if any("<" in line and _INNER_TIME.search(line) for cue in cues for line in cue.lines):
        _leave_out_rolled_up(cues)
    return [piece for cue in cues for piece in _said(cue.timing, cue.lines, names)]


def _cues(lines: list[str], warn: Warn) -> list[_Cue]:
    cues: list[_Cue] = []
    is_vtt = lines[0].lstrip("\ufeff").startswith("WEBVTT")
    in_block = is_vtt  # what stands right after WEBVTT is its header
    for number, line in enumerate(lines, 1):
        timing = _timing(line, number, warn)
        if timing is not None:
            in_block = False
            cues.append(_Cue(timing, number))
        elif not line.strip():
            in_block = False
            if cues:
                cues[-1].lines.append("")
        elif in_block or (is_vtt and _begins_block(lines, number - 1)):
            in_block = True
        elif _is_identifier(lines, number - 1, is_vtt=is_vtt):
            continue
        elif cues:
            cues[-1].lines.append(line)
        else:
            warn(f"line {number} is in no cue, and left out")
    return cues


def _begins_block(lines: list[str], at: int) -> bool:
    is_after_blank = at > 0 and not lines[at - 1].strip()
    return is_after_blank and lines[at].partition(" ")[0].rstrip() in _BLOCKS


def _is_identifier(lines: list[str], at: int, *, is_vtt: bool) -> bool:
    """Return whether a line is the name of the cue whose time comes next."""
    if at + 1 >= len(lines) or _TIMING.fullmatch(lines[at + 1]) is None:
        return False
    line = lines[at].lstrip("\ufeff").strip()
    if line.isdecimal():
        return True
    is_after_blank = at == 0 or not lines[at - 1].strip()
    return is_vtt and is_after_blank and " " not in line


def _timing(line: str, number: int, warn: Warn) -> TimedText | None:
    """Return the time of a cue, None for a line that is none."""
    match = _TIMING.fullmatch(line)
    if match is None:
        if _LIKE_TIMING.match(line):
            raise TranscriptError(f"line {number}: a cue's time is not HH:MM:SS.mmm")
        return None
    start_s, end_s = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
    if max(start_s, end_s) > MAX_CALL_MS / 1000:
        raise TranscriptError(f"line {number}: a cue's time is past the end of any call")
    return checked(TimedText(start_s, end_s, ""), number, warn)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, whole_s = (int(part or 0) for part in parts[:3])
    return hours * 3600 + minutes * 60 + whole_s + float(f"0.{parts[3] or 0}")


def _leave_out_rolled_up(cues: list[_Cue]) -> None:
    """Leave out the line that scrolls up: YouTube writes it again at the top of the next cue."""
    last, last_end_s = "", 0.0
    for cue in cues:
        plain = [_TAG.sub("", line).strip() for line in cue.lines]
        spoken = [line for line in plain if line]
        if spoken and spoken[0] == last and cue.timing.start_s <= last_end_s + 0.05:
            cue.lines[plain.index(last)] = ""
        if spoken:
            last, last_end_s = spoken[-1], cue.timing.end_s


def _said(cue: TimedText, lines: list[str], names: Names) -> Iterator[TimedText]:
    """Yield the pieces of one cue: it is cut where the speaker changes or an inner time stands."""
    start_s, speaker = cue.start_s, ""
    parts: list[tuple[str, str]] = []  # speaker and text, since the last inner time
    for token in _tokens(lines, names):
        if isinstance(token, _Speaker):
            speaker = token.name
        elif (time := _INNER_TIME.fullmatch(token)) is not None:
            at_s = min(max(_seconds(time.groups()), start_s), cue.end_s)
            yield from _shared(parts, start_s, at_s)
            start_s, parts = at_s, []
        elif (voice := _VOICE.fullmatch(token)) is not None:
            speaker = html.unescape(voice[1]).strip()
        elif _TAG.fullmatch(token) is None:
            parts.append((speaker, html.unescape(token)))
    yield from _shared(parts, start_s, cue.end_s)


@dataclass(frozen=True)
class _Speaker:
    name: str


def _tokens(lines: list[str], names: Names) -> Iterator[str | _Speaker]:
    """Yield the texts, tags and speakers of a cue."""
    for line in lines:
        marks = _MARKS.match(line)
        assert marks is not None  # it may be empty
        rest = line[marks.end() :]
        if marks[1]:
            yield _Speaker("")
        found = _IN_BRACKETS.match(rest) or _PREFIX.match(rest)
        if found is not None and is_name(found[1], names):
            yield _Speaker(found[1].strip())
            rest = rest[found.end() :]
        yield from _TAGS.split(rest)
        yield " "


def _shared(parts: list[tuple[str, str]], start_s: float, end_s: float) -> Iterator[TimedText]:
    """Yield a piece a run of one speaker, the time shared out by the lengths of their texts."""
    runs = [
        (speaker, "".join(text for _, text in run).strip())
        for speaker, run in itertools.groupby(parts, key=lambda part: part[0])
    ]
    spoken = [(speaker, text) for speaker, text in runs if text]
    second_s = (end_s - start_s) / max(sum(len(text) for _, text in spoken), 1)
    for speaker, text in spoken:
        until_s = min(start_s + len(text) * second_s, end_s)
        yield TimedText(start_s, until_s, text, speaker)
        start_s = until_s
