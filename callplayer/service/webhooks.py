"""Tells another service by HTTP what becomes of incidents: created, call ended.

Each is a POST of JSON, signed: `Callplayer-Signature: t=<s since 1970>,v1=<hex>`, where the hex is
HMAC-SHA256 of `<t>.<body>` with the shared secret. It is sent again, later and later, until it is
answered with 2xx or an hour has passed. Those of one incident go out one after the other.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

import httpx
import msgspec

from callplayer import __version__
from callplayer.config import Secret
from callplayer.service.incidents import describe
from callplayer.service.library import Change, Created, Ended
from callplayer.service.metrics import Metrics

SIGNATURE_HEADER = "Callplayer-Signature"
ANSWER_TIMEOUT_S = 10.0
GIVE_UP_S = 3600.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
MAX_WAITING = 10_000
AT_ONCE = 8

EventType = Literal["incident_event.created", "incident_event.call_ended"]

log = logging.getLogger("callplayer.service")


@dataclass(frozen=True)
class _Event:
    id: str
    incident_id: str
    body: bytes
    give_up_at_s: float


def sign(body: bytes, secret: Secret, at_s: int) -> str:
    """Return the signature header of a body that is sent `at_s` seconds after 1970."""
    mac = hmac.new(secret.reveal().encode(), f"{at_s}.".encode() + body, hashlib.sha256)
    return f"t={at_s},v1={mac.hexdigest()}"


def pauses_s(first_s: float = FIRST_PAUSE_S, longest_s: float = LONGEST_PAUSE_S) -> Iterator[float]:
    """Yield how long to wait before each further try: twice as long each time, with jitter.

    The jitter, down to half, keeps the tries of many incidents apart.
    """
    pause_s = first_s
    while True:
        yield pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        pause_s = min(pause_s * 2, longest_s)


class Webhooks:
    """Sends what `told` hears of. Give `told` to `Library.subscribe`; end with `close`.

    `first_pause_s` and `give_up_s` are the pause before the second try and the time after which
    there is none.
    """

    def __init__(
        self,
        url: str,
        secret: Secret,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.monotonic,
        first_pause_s: float = FIRST_PAUSE_S,
        give_up_s: float = GIVE_UP_S,
    ) -> None:
        self._url = url
        self._secret = secret
        self._metrics = metrics
        self._clock = clock
        self._first_pause_s = first_pause_s
        self._give_up_s = give_up_s
        self._waiting: dict[str, deque[_Event]] = {}
        self._lanes: set[asyncio.Task[None]] = set()
        self._at_once = asyncio.Semaphore(AT_ONCE)
        # trust_env False: a proxy of the environment must not see what is sent to this machine.
        self._client = httpx.AsyncClient(
            timeout=ANSWER_TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": f"callplayer/{__version__}", "Content-Type": "application/json"},
        )

    def told(self, change: Change) -> None:
        """Take up a change to tell of; never waits."""
        if not isinstance(change, Created | Ended):
            return
        kind: EventType = (
            "incident_event.created" if isinstance(change, Created) else "incident_event.call_ended"
        )
        if sum(map(len, self._waiting.values())) >= MAX_WAITING:
            self._end(change.recording.id, "dropped")
            return
        event = self._event(kind, change)
        lane = self._waiting.setdefault(event.incident_id, deque())
        lane.append(event)
        if len(lane) == 1:
            task = asyncio.create_task(self._send_all(event.incident_id, lane))
            self._lanes.add(task)
            task.add_done_callback(self._lanes.discard)

    async def close(self) -> None:
        """Stop sending; what has not been delivered is given up."""
        for task in tuple(self._lanes):
            task.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        left = sum(map(len, self._waiting.values()))
        if left:
            log.warning("%d webhooks were not delivered", left)
        await self._client.aclose()

    def _event(self, kind: EventType, change: Created | Ended) -> _Event:
        now_s = self._clock()
        identifier = str(uuid.uuid4())
        content: dict[str, Any] = {
            "id": identifier,
            "type": kind,
            "incident_event": describe(change.recording, now_s),
        }
        body = msgspec.json.encode(content)
        return _Event(identifier, change.recording.id, body, now_s + self._give_up_s)

    async def _send_all(self, incident_id: str, lane: deque[_Event]) -> None:
        """Send the incident's events in order; an event leaves the lane when it is done with."""
        while lane:
            self._end(incident_id, await self._deliver(lane[0]))
            lane.popleft()
        del self._waiting[incident_id]

    async def _deliver(self, event: _Event) -> str:
        """Return how it ended: `delivered`, `refused` or `given up`."""
        for pause_s in pauses_s(self._first_pause_s):
            async with self._at_once:
                status = await self._post(event)
            if status is not None and 200 <= status < 300:
                return "delivered"
            if status == HTTPStatus.GONE:
                return "refused"
            if self._clock() + pause_s > event.give_up_at_s:
                return "given up"
            self._metrics.webhooks.labels("tried again").inc()
            await asyncio.sleep(pause_s)
        raise AssertionError("there is always another pause")

    async def _post(self, event: _Event) -> int | None:
        """Return the answer's status, None if there was no answer."""
        headers = {SIGNATURE_HEADER: sign(event.body, self._secret, int(time.time()))}
        try:
            async with self._client.stream(
                "POST", self._url, content=event.body, headers=headers
            ) as answer:
                return answer.status_code  # the body of the answer is not read
        except (httpx.HTTPError, OSError):
            return None

    def _end(self, incident_id: str, outcome: str) -> None:
        self._metrics.webhooks.labels(outcome).inc()
        if outcome != "delivered":
            log.warning("a webhook of incident %s was %s", incident_id, outcome)
