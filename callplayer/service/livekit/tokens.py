"""LiveKit tokens, each for one room and one participant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from callplayer.config import Secret

if TYPE_CHECKING:
    from livekit.api import VideoGrants


DEFAULT_STREAM_TTL_S = 6 * 3600.0


@dataclass(frozen=True)
class RoomTokens:
    """Makes LiveKit tokens with the room server's API key; each is for one room and participant."""

    api_key: str
    api_secret: Secret
    listener_ttl_s: float = DEFAULT_STREAM_TTL_S

    def for_listener(self, room: str, identity: str) -> str:
        """Return a token that may join, hear and send data, but publish no media."""
        from livekit import api

        grants = api.VideoGrants(
            room_join=True,
            room=room,
            can_publish=False,
            can_subscribe=True,
            can_publish_data=True,
        )
        return self._sign(identity, grants, self.listener_ttl_s)

    def for_bot(self, room: str, identity: str) -> str:
        """Return a token that may make the room and publish in it; used at once, so short-lived."""
        from livekit import api

        grants = api.VideoGrants(
            room_join=True,
            room_create=True,
            room=room,
            can_publish=True,
            can_subscribe=True,
            can_publish_data=True,
        )
        return self._sign(identity, grants, 600.0)

    def for_publisher(self, room: str, identity: str) -> str:
        """Return a token that may publish sound in the room, and neither hear nor send data."""
        from livekit import api

        grants = api.VideoGrants(
            room_join=True,
            room=room,
            can_publish=True,
            can_publish_sources=["microphone"],
            can_subscribe=False,
            can_publish_data=False,
        )
        return self._sign(identity, grants, 3600.0)

    def for_recorder(self, room: str, identity: str) -> str:
        """Return a token that may make the room and hear it unseen; used at once."""
        from livekit import api

        grants = api.VideoGrants(
            room_join=True,
            room_create=True,
            room=room,
            hidden=True,
            can_publish=False,
            can_subscribe=True,
            can_publish_data=False,
        )
        return self._sign(identity, grants, 600.0)

    def for_asking(self) -> str:
        """Return a token that may ask which rooms there are; used at once."""
        from livekit import api

        return self._sign("asker", api.VideoGrants(room_list=True), 60.0)

    def _sign(self, identity: str, grants: VideoGrants, ttl_s: float) -> str:
        from livekit import api

        token = api.AccessToken(self.api_key, self.api_secret.reveal())
        token = token.with_identity(identity).with_ttl(timedelta(seconds=ttl_s))
        return token.with_grants(grants).to_jwt()
