"""New subscriptions to the tracks of a room, each with a new jitter buffer.

The server negotiates no more often than every 150 ms: two tracks are back after 0.24 and 0.42 s.
What is given up and asked for again at once, within one such step, may never come back where there
are two tracks (livekit 1.2.1 with livekit-server 1.13.5): so some time lies between, and what is
not back in time is asked for once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

LOG = logging.getLogger(__name__)

TRIES = 2


@dataclass(frozen=True)
class ResubscriptionLimits:
    """How long a track is left before it is asked for again, and waited for then, in s."""

    apart_s: float = 0.1
    alone_apart_s: float = 0.05
    again_apart_s: float = 0.5
    back_s: float = 1.5


class Publication(Protocol):
    """What this needs of the SDK's RemoteTrackPublication."""

    @property
    def sid(self) -> str: ...

    def set_subscribed(self, subscribed: bool) -> None: ...


class Resubscription:
    """One at a time: `run`, while the room passes on what it hears of the tracks."""

    def __init__(self, limits: ResubscriptionLimits = ResubscriptionLimits()) -> None:
        self._limits = limits
        self._awaited: dict[str, asyncio.Event] = {}
        self._gone: set[str] = set()

    def awaits(self, track_id: str) -> bool:
        """Return whether the track has been given up only to be subscribed to anew."""
        return track_id in self._awaited

    def arrived(self, track_id: str) -> bool:
        """Take note that a track is subscribed; return whether it was awaited."""
        event = self._awaited.pop(track_id, None)
        if event is not None:
            event.set()
        return event is not None

    def unpublished(self, track_id: str) -> None:
        """Take note that there is no such track any more."""
        if track_id in self._awaited:
            self._gone.add(track_id)
            self._awaited[track_id].set()

    async def run(self, publications: Sequence[Publication]) -> tuple[str, ...]:
        """Have all `publications` anew; return the ids of those that do not come back."""
        self._gone.clear()
        events = {each.sid: asyncio.Event() for each in publications}
        self._awaited = dict(events)
        limits = self._limits
        apart_s = limits.apart_s if len(publications) > 1 else limits.alone_apart_s
        for number in range(TRIES):
            left = [each for each in publications if self._is_due(each.sid)]
            for publication in left:
                publication.set_subscribed(False)
            await asyncio.sleep(limits.again_apart_s if number else apart_s)
            for publication in left:
                publication.set_subscribed(True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limits.back_s):
                    for publication in left:
                        await events[publication.sid].wait()
            if not any(self._is_due(each.sid) for each in publications):
                break
            LOG.warning("a track that was subscribed anew has not come back")
        lost, self._awaited = tuple(self._awaited), {}
        return lost

    def _is_due(self, track_id: str) -> bool:
        return track_id in self._awaited and track_id not in self._gone
