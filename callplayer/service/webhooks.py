"""Tells another service by HTTP what becomes of incidents: created, call ended.

Each is a POST of JSON, signed: `Callplayer-Signature: t=<s since 1970>,v1=<hex>`, where the hex is
HMAC-SHA256 of `<t>.<body>` with the shared secret. It is sent again, later and later, until it is
answered with 2xx or an hour has passed. Those of one incident go out one after the other. What
waits is in the library: one on disk has it sent by the next service, if this one ends before.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import sqlite3
import time
import uuid
from collections import deque
from http import HTTPStatus
from typing import Any, Literal

import httpx
import msgspec

from callplayer import __version__
from callplayer.config import Secret
from callplayer.service.incidents import describe
from callplayer.service.library import Change, Created, Ended
from callplayer.service.metrics import Metrics
from callplayer.service.pauses import pauses_s
from callplayer.service.webhook_queue import WaitingWebhook, WebhookQueue

SIGNATURE_HEADER = "Callplayer-Signature"
ANSWER_TIMEOUT_S = 10.0
GIVE_UP_S = 3600.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
MAX_WAITING = 10_000
AT_ONCE = 8

EventType = Literal["incident_event.created", "incident_event.call_ended"]
Outcome = Literal["delivered", "refused", "given up", "dropped"]

log = logging.getLogger("callplayer.service")


def sign(body: bytes, secret: Secret, at_s: int) -> str:
    """Return the signature header of a body that is sent `at_s` seconds after 1970."""
    mac = hmac.new(secret.reveal().encode(), f"{at_s}.".encode() + body, hashlib.sha256)
    return f"t={at_s},v1={mac.hexdigest()}"


class Webhooks:
    """Sends what `told` hears of. Give `told` to `Library.subscribe`; end with `close`.

    `queue` is where those are kept that wait. `first_pause_s` and `give_up_s` are the pause before
    the second try and the time after which there is none.
    """

    def __init__(
        self,
        url: str,
        secret: Secret,
        queue: WebhookQueue,
        metrics: Metrics,
        *,
        first_pause_s: float = FIRST_PAUSE_S,
        give_up_s: float = GIVE_UP_S,
    ) -> None:
        self._url = url
        self._secret = secret
        self._queue = queue
        self._metrics = metrics
        self._first_pause_s = first_pause_s
        self._give_up_s = give_up_s
        self._waiting: dict[str, deque[WaitingWebhook]] = {}
        self._lanes: set[asyncio.Task[None]] = set()
        self._at_once = asyncio.Semaphore(AT_ONCE)
        # trust_env False: a proxy of the environment must not see what is sent to this machine.
        self._client = httpx.AsyncClient(
            timeout=ANSWER_TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": f"callplayer/{__version__}", "Content-Type": "application/json"},
        )

    def take_up(self) -> None:
        """Send what the service before this one has left; call it once, before `told`."""
        for webhook in self._queue.rows():
            if webhook.give_up_at_s < self._queue.now_s():
                self._end(webhook, "given up")
            else:
                self._enqueue(webhook)

    def told(self, change: Change) -> None:
        """Take up a change to tell of; never waits for the receiver."""
        if not isinstance(change, Created | Ended):
            return
        webhook = self._webhook(change)
        if sum(map(len, self._waiting.values())) >= MAX_WAITING:
            self._end(webhook, "dropped")
            return
        try:
            self._queue.put(webhook)
        except sqlite3.Error as error:
            log.warning("a webhook of incident %s is not kept: %s", webhook.incident_id, error)
        self._enqueue(webhook)

    async def close(self) -> None:
        """Stop sending; what has not been delivered stays in the queue."""
        for task in tuple(self._lanes):
            task.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        left = sum(map(len, self._waiting.values()))
        if left:
            log.warning("%d webhooks have not been delivered", left)
        await self._client.aclose()

    def _webhook(self, change: Created | Ended) -> WaitingWebhook:
        kind: EventType = (
            "incident_event.created" if isinstance(change, Created) else "incident_event.call_ended"
        )
        identifier = str(uuid.uuid4())
        content: dict[str, Any] = {
            "id": identifier,
            "type": kind,
            "incident_event": describe(change.recording, time.monotonic()),
        }
        give_up_at_s = self._queue.now_s() + self._give_up_s
        return WaitingWebhook(
            identifier, change.recording.id, msgspec.json.encode(content), give_up_at_s
        )

    def _enqueue(self, webhook: WaitingWebhook) -> None:
        lane = self._waiting.setdefault(webhook.incident_id, deque())
        lane.append(webhook)
        if len(lane) == 1:
            task = asyncio.create_task(self._send_all(webhook.incident_id, lane))
            self._lanes.add(task)
            task.add_done_callback(self._lanes.discard)

    async def _send_all(self, incident_id: str, lane: deque[WaitingWebhook]) -> None:
        """Send the incident's webhooks in order; one leaves the lane when it is done with."""
        while lane:
            self._end(lane[0], await self._deliver(lane[0]))
            lane.popleft()
        del self._waiting[incident_id]

    async def _deliver(self, webhook: WaitingWebhook) -> Outcome:
        """Send it until that has come to an end; return how it ended."""
        for pause_s in pauses_s(self._first_pause_s, LONGEST_PAUSE_S):
            async with self._at_once:
                status = await self._post(webhook.body)
            if status is not None and 200 <= status < 300:
                return "delivered"
            if status == HTTPStatus.GONE:
                return "refused"
            if self._queue.now_s() + pause_s > webhook.give_up_at_s:
                return "given up"
            self._metrics.webhooks.labels("tried again").inc()
            await asyncio.sleep(pause_s)
        raise AssertionError("there is always another pause")

    async def _post(self, body: bytes) -> int | None:
        """Return the answer's status, None if there was no answer."""
        headers = {SIGNATURE_HEADER: sign(body, self._secret, int(time.time()))}
        try:
            async with self._client.stream(
                "POST", self._url, content=body, headers=headers
            ) as answer:
                return answer.status_code  # the body of the answer is not read
        except (httpx.HTTPError, OSError):
            return None

    def _end(self, webhook: WaitingWebhook, outcome: Outcome) -> None:
        self._metrics.webhooks.labels(outcome).inc()
        if outcome != "delivered":
            log.warning("a webhook of incident %s was %s", webhook.incident_id, outcome)
        try:
            self._queue.done(webhook.id)
        except sqlite3.Error as error:
            log.warning("a webhook of incident %s may come twice: %s", webhook.incident_id, error)
