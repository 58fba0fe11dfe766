"""A LiveKit room whose participants are the parties of a live call: it is kept as they speak."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

import numpy as np
from livekit import rtc

from callplayer import livekit_ffi
from callplayer.errors import ServiceError
from callplayer.recordings.samples import SAMPLE_RATE_HZ
from callplayer.service.live.align import Aligner
from callplayer.text import plain_text

if TYPE_CHECKING:
    from callplayer.recordings.facts import IncidentFacts
    from callplayer.service.live.live_calls import LiveCall, LiveCalls
    from callplayer.vendor.parties import Channel

JOIN_TIMEOUT_S = 10.0
PUBLISH_WITHIN_S = 600.0
STEP_S = 0.02
LATE_S = 0.03
FRAME_MS = 20

log = logging.getLogger("callplayer.service")


class IngestRoom:
    """Hears one room. Call `join`, then `run` to its end.

    A participant whose identity is a party's name is that party; any other is the first party that
    is still free. One track of each is heard.
    """

    def __init__(self, parties: tuple[Channel, ...], name: str) -> None:
        self._parties = parties
        self._name = name
        self._room = rtc.Room()
        self._party_of: dict[str, Channel] = {}
        self._readers: dict[Channel, tuple[str, asyncio.Task[None]]] = {}
        self._aligner: Aligner | None = None
        self._speaks = asyncio.Event()
        self._room_ended = asyncio.Event()

    async def join(self, url: str, token: str) -> None:
        """Enter the room; raise ServiceError if that fails."""
        self._room.on("track_published", self._on_track_published)
        self._room.on("track_subscribed", self._on_track_subscribed)
        self._room.on("track_unsubscribed", self._on_track_unsubscribed)
        self._room.on("participant_disconnected", self._on_participant_disconnected)
        self._room.on("disconnected", self._on_disconnected)
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                options = rtc.RoomOptions(auto_subscribe=False)
                await livekit_ffi.join_room(self._room, url, token, options)
        except (TimeoutError, rtc.ConnectError) as error:
            await self._leave()
            raise ServiceError(
                "The service cannot join an ingest room.",
                "Check the LiveKit server, and that a network other than loopback is up.",
            ) from error

    async def run(
        self, calls: LiveCalls, facts: IncidentFacts, incident_id: str, end_after_s: float
    ) -> None:
        """Keep the call from the first sound on.

        It ends when there was no publisher for `end_after_s`, or with the room. Without any sound
        within `PUBLISH_WITHIN_S` there is no call. Raise ServiceError if it cannot be kept.
        """
        try:
            if await self._begins():
                self._aligner = Aligner(len(self._parties), time.monotonic())
                async with calls.call(self._parties, facts, incident_id=incident_id) as call:
                    await self._keep(call, self._aligner, end_after_s)
        finally:
            await self._leave()

    async def _begins(self) -> bool:
        """Wait for the first publisher; return whether there was one."""
        waits = [asyncio.create_task(each.wait()) for each in (self._speaks, self._room_ended)]
        try:
            await asyncio.wait(waits, timeout=PUBLISH_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return self._speaks.is_set()

    async def _keep(self, call: LiveCall, aligner: Aligner, end_after_s: float) -> None:
        silent_from_s = looked_at_s = time.monotonic()
        while not (self._room_ended.is_set() or call.is_full):
            await asyncio.sleep(STEP_S)
            if time.monotonic() - looked_at_s > STEP_S + LATE_S:
                await asyncio.sleep(STEP_S)  # held up: let in first what came meanwhile
            looked_at_s = time.monotonic()
            call.append(aligner.take(looked_at_s))
            if self._readers:
                silent_from_s = looked_at_s
            elif looked_at_s - silent_from_s >= end_after_s:
                return

    async def _leave(self) -> None:
        readers = [task for _, task in self._readers.values()]
        for party in tuple(self._readers):
            self._forget(party)
        await asyncio.gather(*readers, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                await self._room.disconnect()
        log.info("ingest room %s: left", self._name)

    async def _read(self, party: Channel, track: rtc.Track) -> None:
        channel = self._parties.index(party)
        stream = rtc.AudioStream(
            track, sample_rate=SAMPLE_RATE_HZ, num_channels=1, frame_size_ms=FRAME_MS
        )
        try:
            async for event in stream:
                if self._aligner is not None:
                    samples = np.frombuffer(event.frame.data, np.int16)
                    self._aligner.put(channel, samples, time.monotonic())
        finally:
            await stream.aclose()

    def _party(self, identity: str) -> Channel | None:
        """Return the party of `identity`; None if all parties are taken."""
        if identity not in self._party_of:
            taken = set(self._party_of.values())
            free = [party for party in self._parties if party not in taken]
            named = [party for party in self._parties if party == identity]
            if not (named or free):
                return None
            self._party_of[identity] = (named or free)[0]
        return self._party_of[identity]

    def _forget(self, party: Channel, sid: str | None = None) -> None:
        """Hear `party` no longer, if it is the track `sid` that is heard."""
        reader = self._readers.get(party)
        if reader is not None and sid in (None, reader[0]):
            del self._readers[party]
            reader[1].cancel()

    def _on_track_published(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if publication.kind != rtc.TrackKind.KIND_AUDIO:
            return
        if self._party(participant.identity) is None:
            name = plain_text(participant.identity, 60)
            log.warning("ingest room %s: %s is one too many, not heard", self._name, name)
            return
        publication.set_subscribed(True)

    def _on_track_subscribed(
        self,
        track: rtc.Track,
        _publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        party = self._party(participant.identity)
        if party is None:
            return
        self._forget(party)
        self._readers[party] = (track.sid, asyncio.create_task(self._read(party, track)))
        log.info("ingest room %s: %s is heard", self._name, party)
        self._speaks.set()

    def _on_track_unsubscribed(
        self,
        track: rtc.Track,
        _publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        party = self._party_of.get(participant.identity)
        if party is not None:
            self._forget(party, track.sid)

    def _on_participant_disconnected(self, participant: rtc.RemoteParticipant) -> None:
        party = self._party_of.pop(participant.identity, None)
        if party is not None and party not in self._party_of.values():
            self._forget(party)
            log.info("ingest room %s: %s has left", self._name, party)

    def _on_disconnected(self, _reason: object) -> None:
        self._room_ended.set()
