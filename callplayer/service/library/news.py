"""Changes of a library as the services that share it send them to each other.

A notice names what has changed and carries none of it: PostgreSQL takes 8,000 bytes at most, and
who receives it reads what there is by then.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from callplayer.recordings.recording import Recording
from callplayer.service.catalog import CallEnded, Change, Created, Removed, WordsCame
from callplayer.service.library.rows import microseconds
from callplayer.vendor.transcript import Word


class _LibraryNews(msgspec.Struct, frozen=True):
    """`speaker` and `started_at_us` are those of a message's first word."""

    change: str
    incident_id: str
    speaker: str = ""
    started_at_us: int = 0


_decoder = msgspec.json.Decoder(_LibraryNews)


def encode_news(change: Created | CallEnded | WordsCame | Removed) -> str:
    """Return the notice of a change."""
    match change:
        case WordsCame(incident_id=incident_id, words=words):
            first = words[0]
            notice = _LibraryNews(
                "words", incident_id, first.speaker, microseconds(first.started_at)
            )
        case Removed(incident_id=incident_id):
            notice = _LibraryNews("removed", incident_id)
        case Created(recording=recording):
            notice = _LibraryNews("created", recording.id)
        case CallEnded(recording=recording):
            notice = _LibraryNews("ended", recording.id)
    return msgspec.json.encode(notice).decode()


def decode_news(
    news: str,
    recording_of: Callable[[str], Recording | None],
    words_from: Callable[[str, str, int], tuple[Word, ...]],
) -> Change | None:
    """Return the change that a notice names; None if it is none, or is over already.

    `words_from` returns the words of an incident and a speaker from a start on, in microseconds.
    """
    try:
        notice = _decoder.decode(news)
    except msgspec.MsgspecError:
        return None
    incident_id = notice.incident_id
    if notice.change == "removed":
        return Removed(incident_id)
    if notice.change == "words":
        words = words_from(incident_id, notice.speaker, notice.started_at_us)
        return WordsCame(incident_id, words, is_own=False) if words else None
    recording = recording_of(incident_id)
    if recording is None:
        return None
    return Created(recording) if notice.change == "created" else CallEnded(recording)
