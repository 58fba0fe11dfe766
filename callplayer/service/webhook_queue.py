"""The webhooks that wait to be delivered, in the library: those of one on disk outlive the service.

A body is kept as it will be sent, so what it tells of an incident is kept as long as the incident
is, at most. The signature is made when it is sent; neither secret nor address is kept.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class WaitingWebhook:
    """One webhook of an incident; it is given up `give_up_at_s` seconds after 1970."""

    id: str
    incident_id: str
    body: bytes
    give_up_at_s: float


class WebhookQueue:
    """The table `webhooks` of a library's database. `wall_clock` tells s since 1970.

    Its methods raise sqlite3.Error.
    """

    def __init__(
        self, connection: sqlite3.Connection, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._db = connection
        self.now_s = wall_clock

    def put(self, waiting: WaitingWebhook) -> None:
        """Keep one until `done`, or until its incident is removed."""
        self._db.execute(
            "INSERT INTO webhooks (id, incident_id, body, give_up_at_s) VALUES (?, ?, ?, ?)",
            (waiting.id, waiting.incident_id, waiting.body, waiting.give_up_at_s),
        )

    def done(self, webhook_id: str) -> None:
        """Keep it no longer; nothing happens if it is not there."""
        self._db.execute("DELETE FROM webhooks WHERE id = ?", (webhook_id,))

    def rows(self) -> list[WaitingWebhook]:
        """Return those that wait, in the order in which they were put."""
        rows = self._db.execute(
            "SELECT id, incident_id, body, give_up_at_s FROM webhooks ORDER BY number"
        )
        return [WaitingWebhook(*row) for row in rows]
