"""LiveKit tokens, each for one room and one participant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from callplayer.config import Secret

DEFAULT_STREAM_TTL_S = 6 * 3600.0


@dataclass(frozen=True)
class RoomTokens:
    """Makes LiveKit tokens with the room server's API key; each is for one room and participant."""

    api_key: str
    api_secret: Secret
    listener_ttl_s: float = DEFAULT_STREAM_TTL_S

    def for_listener(self, room: str, identity: str) -> str:
        """Return a token that may join, hear and send data, but publish no media."""
        grants = {"can_publish": False, "can_subscribe": True, "can_publish_data": True}
        return self._sign(identity, self.listener_ttl_s, room_join=True, room=room, **grants)

    def for_bot(self, room: str, identity: str) -> str:
        """Return a token that may make the room and publish in it; used at once, so short-lived."""
        grants = {"can_publish": True, "can_subscribe": True, "can_publish_data": True}
        return self._sign(identity, 600.0, room_join=True, room_create=True, room=room, **grants)

    def for_publisher(self, room: str, identity: str) -> str:
        """Return a token that may publish sound in the room, and neither hear nor send data."""
        return self._sign(
            identity,
            3600.0,
            room_join=True,
            room=room,
            can_publish=True,
            can_publish_sources=["microphone"],
            can_subscribe=False,
            can_publish_data=False,
        )

    def for_recorder(self, room: str, identity: str) -> str:
        """Return a token that may make the room and hear it unseen; used at once."""
        grants = {"can_publish": False, "can_subscribe": True, "can_publish_data": False}
        return self._sign(
            identity, 600.0, room_join=True, room_create=True, room=room, hidden=True, **grants
        )

    def for_asking(self) -> str:
        """Return a token that may ask which rooms there are; used at once."""
        return self._sign("asker", 60.0, room_list=True)

    def _sign(self, identity: str, ttl_s: float, **grants: Any) -> str:
        from livekit import api

        token = api.AccessToken(self.api_key, self.api_secret.reveal())
        token = token.with_identity(identity).with_ttl(timedelta(seconds=ttl_s))
        return token.with_grants(api.VideoGrants(**grants)).to_jwt()
