"""What a library tells: pages of incidents, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass

from callplayer.recordings.recording import Recording
from callplayer.words import Word


@dataclass(frozen=True)
class Page:
    """One page of incidents, and the number of the next one, if any."""

    recordings: tuple[Recording, ...]
    next_page: int | None


@dataclass(frozen=True)
class Created:
    """An incident is new."""

    recording: Recording


@dataclass(frozen=True)
class Ended:
    """A live call is over; its incident goes on as a recording."""

    recording: Recording


@dataclass(frozen=True)
class WordsCame:
    """One message of words of one speaker, as it was put."""

    incident_id: str
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Removed:
    """An incident is gone, with its sound and its words."""

    incident_id: str


Change = Created | Ended | WordsCame | Removed
