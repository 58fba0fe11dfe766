"""The LiveKit room of one incident: audio tracks in, status in, commands out.

The SDK's objects stay inside this folder. What happens is passed on to a
RoomListener: frames on a thread of the SDK's, all else on the engine's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from livekit import rtc

from callplayer import livekit_ffi
from callplayer.engine.room.audio_frames import Frames, read_frames
from callplayer.engine.room.data_streams import OPTIONS as STREAM_OPTIONS
from callplayer.engine.room.data_streams import DataStreams
from callplayer.engine.room.data_throttle import throttle_data
from callplayer.engine.room.receive_stats import Counters
from callplayer.engine.room.received_data import ReceivedData
from callplayer.engine.room.resubscription import Resubscription
from callplayer.engine.room.trust import SenderTrust, Standing
from callplayer.errors import StreamTokenRefusedError, UnreachableError
from callplayer.vendor.parties import TrackNames
from callplayer.vendor.status import StatusUpdate

LOG = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
SEND_TIMEOUT_S = 8.0
"""A resume of the SDK takes 3.1 s and delivers what was sent meanwhile: that is no failure."""

STATS_TIMEOUT_S = 1.0
REFUSED = re.compile(r"\b40[13]\b|unauthorized", re.IGNORECASE)
UNTRUSTED = re.compile(r"certificate|\btls\b", re.IGNORECASE)


class RoomListener(Protocol):
    """What is done about what comes from the room."""

    def on_frame(self, track_id: str, pcm: npt.NDArray[np.int16]) -> None:
        """A frame of sound, as `frames.TakeFrame` takes it, has come."""

    def on_track(self, track_id: str, names: TrackNames) -> None:
        """An audio track has been subscribed."""

    def on_track_renewed(self, track_id: str) -> None:
        """A track has a new subscription, and its frames come out of a new jitter buffer."""

    def on_track_names(self, track_id: str, names: TrackNames) -> None:
        """What the publisher of a track says of it has changed."""

    def on_track_gone(self, track_id: str) -> None:
        """A track has ended."""

    def on_statuses(self, updates: Sequence[StatusUpdate]) -> None:
        """Statuses have come from the server side, in one message."""

    def on_senders_left(self) -> None:
        """All participants that have sent sound have left the room."""

    def on_link(self, up: bool) -> None:
        """The SDK lost the connection and tries again (False), or has it back (True)."""

    def on_closed(self, reason: str) -> None:
        """The room is gone for good."""


class Room:
    """A joined room. Make one with `connect`."""

    def __init__(
        self,
        listener: RoomListener,
        sdk_room: rtc.Room | None = None,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        self._listener = listener
        self._connect_timeout_s = connect_timeout_s
        self._room = sdk_room or rtc.Room()
        self._tracks: dict[str, rtc.RemoteAudioTrack] = {}
        self._frames: dict[str, Frames] = {}
        self._taken: dict[str, int] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._senders: set[str] = set()
        self._resubscription = Resubscription()
        self._closing = False
        self._trust = SenderTrust()
        self._data_streams = DataStreams(self._room, self._take)
        self._wire_events()

    async def connect(self, url: str, token: str) -> None:
        """Join; raise StreamTokenRefusedError or, if no server answers, UnreachableError."""
        options = rtc.RoomOptions(
            auto_subscribe=True, dynacast=False, connect_timeout=5.0, data_stream=STREAM_OPTIONS
        )
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await livekit_ffi.join_room(self._room, url, token, options)
        except (rtc.ConnectError, TimeoutError) as error:
            # The SDK's text may hold the URL with the token in its query: it is not passed on.
            text = str(getattr(error, "message", ""))
            LOG.info("joining failed: %s", type(error).__name__)
            if REFUSED.search(text):
                raise StreamTokenRefusedError(
                    "The room server refuses the stream token.",
                    "Check CALLPLAYER_STREAM_URL: it must be the server the token is for.",
                ) from None
            raise UnreachableError(
                "The room server does not answer.",
                "Check the network and CALLPLAYER_STREAM_URL.",
                may_pass=not UNTRUSTED.search(text),
            ) from None
        throttle_data(self._room, self._take)

    def audio_tracks_announced(self) -> int:
        """Return how many audio tracks the participants publish, subscribed or not."""
        return sum(
            publication.kind == rtc.TrackKind.KIND_AUDIO
            for participant in self._room.remote_participants.values()
            for publication in participant.track_publications.values()
        )

    async def send(self, payload: bytes) -> None:
        """Send a data message, reliable; raise UnreachableError if it does not get out in time."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._room.local_participant.publish_data(payload, reliable=True)
        except Exception as error:  # the SDK raises no narrower class where a room has gone
            raise UnreachableError(
                "A command could not be sent.", "The connection is being restored."
            ) from error

    async def counters(self, track_id: str) -> Counters | None:
        """Return a track's receive counters, all 0 until a packet has come.

        None if it has ended or the SDK does not say.
        """
        track = self._tracks.get(track_id)
        if track is None:
            return None
        try:
            async with asyncio.timeout(STATS_TIMEOUT_S):
                entries = await track.get_stats()
        except Exception as error:  # the SDK raises no narrower class
            LOG.info("no statistics: %s", type(error).__name__)
            return None
        return replace(_counters(entries) or Counters(), taken=self._taken.get(track_id, 0))

    async def renew_subscriptions(self) -> None:
        """Have every track anew, out of a new jitter buffer; one that is not back has ended."""
        publications = [
            publication
            for participant in self._room.remote_participants.values()
            for publication in participant.track_publications.values()
            if publication.sid in self._tracks
        ]
        for track_id in await self._resubscription.run(publications):
            self._end_track(track_id)

    async def close(self) -> None:
        """Leave the room; no frame is read any more, and nothing passed on but tracks that end.

        That takes time where the link is down: what comes from it meanwhile is dropped.
        """
        self._closing = True
        self._data_streams.close()
        for track_id in list(self._tracks):
            self._end_track(track_id)
        await asyncio.gather(*self._ending, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await self._room.disconnect()

    def _wire_events(self) -> None:
        room, listener = self._room, self._listener

        def subscribed(track: Any, publication: Any, participant: Any) -> None:
            if isinstance(track, rtc.RemoteAudioTrack) and not self._closing:
                self._take_track(track, publication, participant)

        def unsubscribed(track: Any, publication: Any, _participant: Any) -> None:
            self._drop_track(publication.sid)

        def data(packet: rtc.DataPacket) -> None:
            sender = packet.participant.identity if packet.participant else ""
            self._take(ReceivedData(sender, packet.data))

        def link(up: bool) -> None:
            if not self._closing:
                listener.on_link(up)

        def closed(reason: Any) -> None:
            if not self._closing:
                listener.on_closed(rtc.DisconnectReason.Name(reason))

        room.on("track_subscribed", subscribed)
        room.on("track_unsubscribed", unsubscribed)
        room.on("track_unpublished", lambda each, _: self._resubscription.unpublished(each.sid))
        room.on("participant_metadata_changed", lambda each, *_: self._rename_tracks(each))
        room.on("participant_name_changed", lambda each, *_: self._rename_tracks(each))
        room.on("participant_attributes_changed", lambda _, each: self._rename_tracks(each))
        room.on("participant_disconnected", self._note_left)
        room.on("data_received", data)
        room.on("reconnecting", lambda: link(False))
        room.on("reconnected", lambda: link(True))
        room.on("disconnected", closed)

    def _note_left(self, participant: Any) -> None:
        was_sender = participant.identity in self._senders
        remain = self._senders.intersection(self._room.remote_participants)
        if was_sender and not remain and not self._closing:
            self._listener.on_senders_left()

    def _take(self, data: ReceivedData) -> None:
        # What the SDK still has of a room that was left is not of the next one.
        if not self._closing and self._trust.admits(data, self._standing(data.sender)):
            self._listener.on_statuses(data.statuses)

    def _standing(self, sender: str) -> Standing:
        if not sender:
            return Standing.UNNAMED
        participant = self._room.remote_participants.get(sender)
        publications = participant.track_publications.values() if participant else ()
        sends = any(each.kind == rtc.TrackKind.KIND_AUDIO for each in publications)
        return Standing.SENDS_SOUND if sends else Standing.LISTENER

    def _take_track(self, track: rtc.RemoteAudioTrack, publication: Any, participant: Any) -> None:
        if self._resubscription.arrived(publication.sid):
            self._tracks[publication.sid] = track
            self._listener.on_track_renewed(publication.sid)
            self._read(track, publication.sid)
        else:
            self._start_track(track, publication, participant)

    def _drop_track(self, track_id: str) -> None:
        if self._resubscription.awaits(track_id):
            self._read_no_more(track_id)
        else:
            self._end_track(track_id)

    def _start_track(self, track: rtc.RemoteAudioTrack, publication: Any, participant: Any) -> None:
        track_id = publication.sid
        self._end_track(track_id)  # one reader a track, though it may be announced twice
        self._tracks[track_id] = track
        self._senders.add(participant.identity)
        self._listener.on_track(track_id, _names(publication, participant))
        self._read(track, track_id)

    def _rename_tracks(self, participant: Any) -> None:
        if self._closing:
            return
        for publication in participant.track_publications.values():
            if publication.sid in self._tracks:
                names = _names(publication, participant)
                self._listener.on_track_names(publication.sid, names)

    def _read(self, track: rtc.RemoteAudioTrack, track_id: str) -> None:
        def take(pcm: npt.NDArray[np.int16]) -> None:
            self._taken[track_id] += len(pcm)
            self._listener.on_frame(track_id, pcm)

        self._taken[track_id] = 0
        self._frames[track_id] = read_frames(track, take)

    def _read_no_more(self, track_id: str) -> None:
        frames = self._frames.pop(track_id, None)
        if frames is not None:
            task = asyncio.create_task(frames.close())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def _end_track(self, track_id: str) -> None:
        self._read_no_more(track_id)
        if self._tracks.pop(track_id, None) is not None:
            self._listener.on_track_gone(track_id)


def _names(publication: Any, participant: Any) -> TrackNames:
    return TrackNames(
        name=publication.name,
        identity=participant.identity,
        participant_name=participant.name,
        metadata=participant.metadata,
        attributes=dict(participant.attributes),
    )


def _counters(entries: Iterable[Any]) -> Counters | None:
    """Return what the SDK's statistics of one track say; None if it is not among them."""
    counters, round_trip_s = None, None
    monotonic_less_wall_s = time.monotonic() - time.time()
    for entry in entries:
        if entry.HasField("inbound_rtp"):
            received, inbound = entry.inbound_rtp.received, entry.inbound_rtp.inbound
            counters = Counters(
                packets=received.packets_received,
                emitted=inbound.jitter_buffer_emitted_count,
                concealed=inbound.concealed_samples,
                silent=inbound.silent_concealed_samples,
                jitter_buffer_delay_s=inbound.jitter_buffer_delay,
                last_packet_s=(
                    inbound.last_packet_received_timestamp / 1000 + monotonic_less_wall_s
                    if inbound.last_packet_received_timestamp
                    else None
                ),
                jitter_s=received.jitter,
                lost=received.packets_lost,
                played=inbound.total_samples_received,
            )
        elif entry.HasField("candidate_pair"):
            pair = entry.candidate_pair.candidate_pair
            if pair.nominated and pair.responses_received:
                round_trip_s = pair.current_round_trip_time
    return replace(counters, round_trip_s=round_trip_s) if counters else None
