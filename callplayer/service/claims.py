"""Whose a participant id is: one client's, for as long as a stream token for it is good."""

from __future__ import annotations

MAX_CLAIMS = 10_000


class Claims:
    """Participant ids of incidents, each held by the client that was last given a token for it.

    A second client that was let in under the same id would take over the first one's room.
    """

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._held: dict[tuple[str, str], tuple[str, float]] = {}

    def is_others(
        self, incident_id: str, participant_id: str, client_id: str, now_s: float
    ) -> bool:
        """Tell whether another client holds the participant id."""
        holder, until_s = self._held.get((incident_id, participant_id), (client_id, 0.0))
        return holder != client_id and now_s < until_s

    def hold(self, incident_id: str, participant_id: str, client_id: str, now_s: float) -> None:
        """Note that the client was given a token; beyond 10,000 the oldest claim is forgotten."""
        if len(self._held) >= MAX_CLAIMS:
            self._held = {key: entry for key, entry in self._held.items() if entry[1] > now_s}
        self._held.pop((incident_id, participant_id), None)
        while len(self._held) >= MAX_CLAIMS:
            del self._held[next(iter(self._held))]
        self._held[incident_id, participant_id] = (client_id, now_s + self._ttl_s)
