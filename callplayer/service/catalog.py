"""The catalog of incidents as the rest of the service knows it, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from callplayer.errors import ServiceError
from callplayer.recordings.recording import Recording
from callplayer.vendor.transcript import Word


class LibraryError(ServiceError):
    """The library cannot do what is asked of it now."""


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
class CallEnded:
    """A live call is over; its incident goes on as a recording."""

    recording: Recording


@dataclass(frozen=True)
class WordsCame:
    """One message of words of one speaker, as it was put.

    `is_own`: by this service, so that of several that share a library one alone passes it on.
    """

    incident_id: str
    words: tuple[Word, ...]
    is_own: bool = True


@dataclass(frozen=True)
class Removed:
    """An incident is gone, with its sound and its words."""

    incident_id: str


@dataclass(frozen=True)
class NewsMissed:
    """Some of what other services have changed may not have been published."""


Change = Created | CallEnded | WordsCame | Removed | NewsMissed


class Catalog(Protocol):
    """The incidents that are served, wherever they are kept.

    All raise LibraryError if that cannot be reached now.
    """

    def get(self, incident_id: str) -> Recording | None:
        """Return one incident's recording; None if there is none of that id."""

    def existing(self, incident_ids: Collection[str]) -> frozenset[str]:
        """Return those of the ids that there is an incident of."""

    def list(
        self,
        *,
        is_audio_live: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page: int = 1,
        now_s: float | None = None,
    ) -> Page:
        """Return one page of the incidents created at `since` or later and before `until`.

        Newest first. `now_s` is the monotonic clock; None reads it now.
        """

    def words(self, incident_id: str) -> tuple[Word, ...]:
        """Return the words of an incident in the order in which they were said."""

    def count(self) -> tuple[int, int]:
        """Return how many incidents there are, and how many of them are live now."""

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Have `listener` called for every change from now on; return how to end that."""
