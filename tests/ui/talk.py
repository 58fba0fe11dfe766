"""A short conversation as the engine tells it, and a very long one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from callplayer.engine.messages import WordsEvent
from callplayer.words import Speaker, Transcript, Word, in_messages

BEGAN = datetime(2026, 1, 15, 10, 30, 0, 250_000, tzinfo=UTC)
UNSURE = frozenset(("Maple", "Elm"))

TURNS: tuple[tuple[float, Speaker, str], ...] = (
    (70.2, "CallTaker", "911, what is the address of your emergency?"),
    (73.6, "Caller", "It's 42 Maple Street, the house on the corner of Elm."),
    (78.4, "CallTaker", "42 Maple Street. Tell me exactly what happened."),
    (82.1, "Caller", "There is smoke coming out of the kitchen and my father is still inside."),
    (87.9, "CallTaker", "Okay, I am sending the fire department now."),
    (88.6, "Caller", "Please hurry."),
    (91.5, "CallTaker", "Are you outside of the house? Do not go back in for any reason."),
    (97.0, "Caller", "Yes, I am outside, on the street. I can see the smoke."),
    (103.2, "CallTaker", "Help is on the way. Stay on the line with me."),
)


def word(at_s: float, text: str, speaker: Speaker = "Caller", long_s: float = 0.25) -> Word:
    start = BEGAN + timedelta(seconds=at_s)
    return Word(
        word=text,
        speaker=speaker,
        confidence=0.4 if text.strip(",.") in UNSURE else 0.93,
        started_at=start,
        ended_at=start + timedelta(seconds=long_s),
        duration=long_s,
        start_offset=at_s,
    )


def words_of(turns: tuple[tuple[float, Speaker, str], ...] = TURNS) -> list[Word]:
    return [
        word(round(at_s + 0.3 * n, 3), text, speaker)
        for at_s, speaker, line in turns
        for n, text in enumerate(line.split())
    ]


def events_of(words: list[Word]) -> tuple[WordsEvent, ...]:
    return tuple(WordsEvent(words=message) for message in in_messages(Transcript().apply(words)))


TALK = events_of(words_of())


def long_talk(count: int = 30_000) -> tuple[WordsEvent, ...]:
    """Return a call of `count` words, one each 0.36 s: three hours for 30,000."""
    speakers: tuple[Speaker, Speaker] = ("Caller", "CallTaker")
    return events_of(
        [word(round(n * 0.36, 3), f"word{n}", speakers[n // 25 % 2], 0.3) for n in range(count)]
    )
