"""Who a stream belongs to, and what keeps that for all services of a library."""

from __future__ import annotations

import contextlib
from typing import Protocol

Owner = tuple[str, str, str]
"""The owner of a stream: client, incident, participant."""


class ParticipantClaims(Protocol):
    """Which client a participant id of an incident belongs to, for all services of a library."""

    def owned(
        self, client_id: str, incident_id: str, participant_id: str, ttl_s: float
    ) -> contextlib.AbstractContextManager[None]:
        """Give the participant id to the client for `ttl_s`; take it back if the block raises.

        Raise ParticipantTakenError if it is another client's.
        """
