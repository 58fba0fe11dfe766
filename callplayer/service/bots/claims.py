"""Whose a participant id is: one client's, for as long as a stream token for it is good."""

from __future__ import annotations

from collections.abc import Callable

MAX_CLAIMS = 10_000


class Claims:
    """Participant ids of incidents, each held by the client that was last given a token for it.

    Each client's streams are its own, whatever they are called; but a second client of the same
    name is most likely a mistake, and is better told so than heard by nobody.
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

    def hold(
        self, incident_id: str, participant_id: str, client_id: str, now_s: float
    ) -> Callable[[], None]:
        """Note that the client is given a token; return how to undo that, if it gets none.

        Beyond 10,000 the oldest claim is forgotten.
        """
        key = (incident_id, participant_id)
        if len(self._held) >= MAX_CLAIMS:
            self._held = {key: entry for key, entry in self._held.items() if entry[1] > now_s}
        before = self._held.pop(key, None)
        while len(self._held) >= MAX_CLAIMS:
            del self._held[next(iter(self._held))]
        mine = self._held[key] = (client_id, now_s + self._ttl_s)

        def undo() -> None:
            if self._held.get(key) is not mine:
                return
            del self._held[key]
            if before is not None:
                self._held[key] = before

        return undo
