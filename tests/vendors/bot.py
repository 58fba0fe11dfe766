"""A vendor's bot in a real room, by the SDK alone: it keeps the contract in one `Variant`'s way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from livekit import rtc

from tests.rig.signals import RATE_HZ
from tests.vendors.call_sound import DURATION_S, CallSound
from tests.vendors.outgoing import Outgoing
from tests.vendors.shapes import send_status
from tests.vendors.variant import BOTH, Variant

BLOCK_S = 0.02
BLOCK_FRAMES = round(BLOCK_S * RATE_HZ)
END_FRAMES = round(DURATION_S * RATE_HZ)
ANEW_S = 0.15
"""So long no track is there at each scrub, where tracks are published anew."""

CONNECT_S = 10.0


def _ms(frames: int) -> int:
    return frames * 1000 // RATE_HZ


class VendorBot:
    """One listener's bot: `join`, then `leave`."""

    def __init__(self, variant: Variant, sound: CallSound) -> None:
        self._variant = variant
        self._sound = sound
        self._rooms: list[rtc.Room] = []
        self._tracks: list[Outgoing] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._position = 0
        self._paused = True
        self._resumed_s: float | None = None
        self._seeks_until_s = 0.0
        self._stalls_s = 0.0
        self._gains: dict[str, float] = {}
        self._changed = asyncio.Event()
        self.commands: list[dict[str, Any]] = []
        self.landed_ms: list[int] = []

    # --- life -------------------------------------------------------------------------------------

    async def join(self, url: str, tokens: dict[str, str]) -> None:
        """Enter the room as all participants there are, and begin; `tokens` by identity."""
        rooms: dict[str, rtc.Room] = {}
        for identity, token in tokens.items():
            room = rooms[identity] = rtc.Room()
            self._rooms.append(room)
            async with asyncio.timeout(CONNECT_S):
                await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
        self._rooms[0].on("data_received", self._on_data)
        queue_ms = self._variant.queue_ms
        self._tracks = [Outgoing(spec, rooms[spec.identity], queue_ms)
                        for spec in self._variant.tracks]  # fmt: skip
        if self._variant.publishes in ("always", "anew-at-scrub"):
            await self._publish(track for track in self._tracks if not track.spec.after_s)
        self._do(self._play())
        self._do(self._report())

    async def leave(self) -> None:
        """Leave the room."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for room in self._rooms:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await room.disconnect()

    def when_alone(self, listener: str, act: Callable[[], None]) -> None:
        """Call `act` once the listener has left."""

        def left(participant: rtc.RemoteParticipant) -> None:
            if participant.identity == listener:
                act()

        self._rooms[0].on("participant_disconnected", left)

    def stall(self, stall_s: float) -> None:
        """Feed nothing for so long, cursor and all."""
        self._stalls_s = stall_s

    def report(self) -> dict[str, Any]:
        """Return what was asked, and where it is."""
        return {"commands": self.commands, "landed_ms": self.landed_ms,
                "position_ms": _ms(self._position), "paused": self._paused}  # fmt: skip

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- sound ------------------------------------------------------------------------------------

    async def _play(self) -> None:
        due_s = time.monotonic()
        while True:
            if self._stalls_s:
                await asyncio.sleep(self._stalls_s)
                self._stalls_s = 0.0
                due_s = time.monotonic()
            if time.monotonic() < self._seeks_until_s:
                await asyncio.sleep(BLOCK_S)
                due_s = time.monotonic()
                continue
            playing = not self._paused and self._position < END_FRAMES
            speaks = playing and not self._is_silent()
            first = self._position if speaks else None
            sending: list[Awaitable[None]] = [
                track.send(track.block(self._sound, first, BLOCK_FRAMES, self._levels()))
                for track in self._tracks
                if track.published
            ]
            self._position += BLOCK_FRAMES if playing else 0
            await asyncio.gather(*sending)
            due_s += BLOCK_S
            if self._variant.queue_ms and sending:
                # The SDK's queue keeps the time: a full one has to be waited for.
                await asyncio.sleep(0)
                due_s = time.monotonic()
            else:
                await asyncio.sleep(max(due_s - time.monotonic(), 0.0))

    def _is_silent(self) -> bool:
        variant = self._variant
        return variant.silent_from_ms <= _ms(self._position) < variant.silent_to_ms

    def _levels(self) -> dict[str, float]:
        """Return each voice's amplitude at the cursor, 1.0 for those it does not name."""
        variant = self._variant
        alone = variant.third_alone_from_ms <= _ms(self._position) < variant.third_alone_to_ms
        return self._gains | (dict.fromkeys(BOTH, 0.0) if alone else {})

    async def _publish(self, tracks: Any) -> None:
        await asyncio.gather(*(track.publish() for track in tracks if not track.published))

    async def _unpublish(self) -> None:
        await asyncio.gather(*(track.unpublish() for track in self._tracks))

    async def _first_resume(self) -> None:
        """Publish what comes only now, or later; replace and rename tracks then."""
        specs = self._variant.tracks
        late_s = {spec.after_s for spec in specs} | {spec.replaced_after_s or 0.0 for spec in specs}
        late_s |= {spec.role_after_s for spec in specs}
        began_s = time.monotonic()
        for at_s in sorted(late_s):
            await asyncio.sleep(max(began_s + at_s - time.monotonic(), 0.0))
            for track in self._tracks:
                if track.spec.replaced_after_s == at_s and track.published:
                    await track.unpublish()
                    await track.publish()
                elif track.spec.after_s == at_s and not track.published:
                    await track.publish()
                if track.spec.role and track.spec.role_after_s == at_s:
                    await track.take_role()

    # --- commands ---------------------------------------------------------------------------------

    def _on_data(self, packet: rtc.DataPacket) -> None:
        try:
            command = json.loads(packet.data)
            kind = command["cmd"]
        except (ValueError, KeyError, TypeError):
            return
        self.commands.append({**command, "at_s": time.monotonic()})
        if kind == "set-gain":
            self._gains[command["callerType"]] = 10 ** (command["gain"] / 20)
        elif kind in ("pause", "resume"):
            self._set_paused(kind == "pause")
        elif kind == "scrub":
            self._scrub(round(command["position"] * RATE_HZ / 1000))
        elif kind == "scrub-to-end":
            self._scrub(END_FRAMES)
        if self._variant.statuses.acknowledges or kind != "set-gain":
            self._changed.set()

    def _set_paused(self, paused: bool) -> None:
        if paused == self._paused:
            return
        self._paused = paused
        if self._variant.flushes and paused:
            self._flush()
        if not paused and self._resumed_s is None:
            self._resumed_s = time.monotonic()
            self._do(self._first_resume())
        elif self._variant.publishes == "unless-paused":
            self._do(self._unpublish() if paused else self._publish(self._tracks))

    def _scrub(self, frames: int) -> None:
        keyframe = self._variant.keyframe_ms * RATE_HZ // 1000
        landed = min(max(frames, 0), END_FRAMES) // keyframe * keyframe
        self._position = landed
        self.landed_ms.append(_ms(landed))
        if self._variant.flushes:
            self._flush()
        self._seeks_until_s = time.monotonic() + self._variant.seeks_s
        if self._variant.after_scrub:
            self._set_paused(self._variant.after_scrub == "pauses")
        if self._variant.publishes == "anew-at-scrub" and self._resumed_s is not None:
            self._do(self._publish_anew())

    async def _publish_anew(self) -> None:
        await self._unpublish()
        await asyncio.sleep(ANEW_S)
        await self._publish(self._tracks)

    def _flush(self) -> None:
        for track in self._tracks:
            track.flush()

    # --- statuses ---------------------------------------------------------------------------------

    async def _report(self) -> None:
        statuses = self._variant.statuses
        while not statuses.none:
            reported = self._status()
            self._do(self._send_late(reported))
            if not statuses.acknowledges and statuses.every_s is not None:
                await asyncio.sleep(statuses.every_s)
                continue
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(statuses.every_s):
                    await self._changed.wait()

    def _status(self) -> dict[str, Any]:
        step_ms = self._variant.statuses.round_ms
        return {
            "kind": "status",
            "position": _ms(self._position) // step_ms * step_ms,
            "duration": round(DURATION_S * 1000),
            "paused": self._paused,
            "atEnd": self._position >= END_FRAMES,
            "callOver": True,
        }

    async def _send_late(self, status: dict[str, Any]) -> None:
        await asyncio.sleep(self._variant.statuses.late_s)
        with contextlib.suppress(Exception):  # the SDK raises no narrower class
            async with asyncio.timeout(2.0):
                await send_status(self._rooms[0], status, self._variant.statuses.shape)
