"""Instant recall: what is stored of the call is heard at once, and the server follows.

The server's cursor is moved by commands as ever; while the ear is in the memory it is moved only to
go on where the memory ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from callplayer.config import Settings
from callplayer.engine.audio.meter import Level
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.memory import ear as ears
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.recall.clip_maker import ClipMaker, FetchLimits, TakeExcerpt
from callplayer.engine.session.recall.ear_moves import EarMoves
from callplayer.engine.session.recall.evening import Evening
from callplayer.engine.session.recall.heard_state import heard_state
from callplayer.engine.session.recall.wave import Wave
from callplayer.engine.session.reporter import Reporter
from callplayer.engine.session.source import PathReadings
from callplayer.ipc import messages as m
from callplayer.recordings.samples import SAMPLE_RATE_HZ
from callplayer.vendor.commands import Command, Pause, Resume, Scrub, ScrubToEnd

LATE_LANE_S = 1.0
"""A lane that has brought nothing by then is not waited for."""

LATE_MS = 1_500
"""How far beyond its end a loop still turns back. Further on, the user has left it."""

NO_LEAD = "Faster than it comes is not possible here."
NO_LEAD_HINT = "Go back a bit first: what is remembered can be heard faster."
NOT_YET = "What is heard here is not remembered yet."
NOT_YET_HINT = "Play on for a moment, then choose the speed."
NOT_OPEN = "The call is not there yet."
NOT_OPEN_HINT = "Ask again once it plays, or stands paused."


class Recall(EarMoves):
    """What can be asked of the ear, what goes on by itself, and what is reported of it."""

    def __init__(
        self,
        call: PlaybackState,
        sound: AudioPipeline,
        path: PathReadings,
        reporter: Reporter,
        settings: Settings,
        *,
        obey: Callable[[m.Request], None],
        send: Callable[[Sequence[Command]], None],
        excerpt: TakeExcerpt,
        fetch_limits: FetchLimits | None = None,
    ) -> None:
        super().__init__(call, sound, path, reporter, obey=obey, send=send)
        self._clips = ClipMaker(self, reporter, settings, obey, excerpt, limits=fetch_limits)
        self._evening = Evening(call, self.memory, self.recorder, reporter, obey)
        self._wave = Wave(self.memory, sound.channels.lock, reporter.emit)

    # --- requests ---------------------------------------------------------------------------------

    def take(self, request: m.Request) -> bool:
        """Take a request that is about the ear; return False if the server is to obey it."""
        if not self._call.opened:
            return self._take_early(request)
        return self._take_move(request) or (not self.at_head and self._take_here(request))

    def _take_early(self, request: m.Request) -> bool:
        """Take what the ear is asked before the call is there: a loop is a wish, as jumps are."""
        match request:
            case m.SetLoop() | m.EndLoop():
                return self._take_move(request)
            case m.SetSpeed() | m.SaveClip() | m.EvenVolumes():
                self._reporter.error("not-open", NOT_OPEN, NOT_OPEN_HINT)
                return True
        return False

    def _take_move(self, request: m.Request) -> bool:
        """Take what may be answered from memory, wherever the ear is."""
        match request:
            case m.SeekTo(position_ms=position_ms):
                self._jump(position_ms)
            case m.SeekBy(offset_ms=offset_ms):
                now_s = time.monotonic()
                wish_ms = self._call.head.requested_ms(now_s) if self.at_head else None
                self._jump((self.place_ms(now_s) if wish_ms is None else wish_ms) + offset_ms)
            case m.SetLoop(start_ms=start_ms, end_ms=end_ms, goes=goes):
                self._wanted_loop = (start_ms, end_ms)
                if goes:
                    self._jump(start_ms)
                self._reporter.state()
            case m.SetSpeed(speed=speed):
                self._set_speed(speed)
            case m.EndLoop():
                self._wanted_loop = self._player.reader.loop = None
                self._reporter.state()
            case m.SaveClip():
                self._clips.save(request)
            case m.EvenVolumes():
                self._evening.begin()
            case _:
                return False
        return True

    def _take_here(self, request: m.Request) -> bool:
        """Take what means the ear while it is in the memory."""
        match request:
            case m.TogglePause() if self._is_at_end():
                self._jump(0)
            case m.TogglePause():
                self._pause(not self._ear.paused)
            case Pause() | Resume():
                self._pause(isinstance(request, Pause))
            case Scrub(position=position_ms):
                self._fetch(Scrub(position_ms))
            case ScrubToEnd():
                self._go_to_end()
            case _:
                return False
        return True

    def _go_to_end(self) -> None:
        """Go to the live position, or the end: at once if that is what comes."""
        if self._ear.server == "plays" and self._call.head.is_near_end(time.monotonic()):
            self._follow(at_once=True)
            self._reporter.state()
        else:
            self._fetch(ScrubToEnd())

    def _set_speed(self, speed: float) -> None:
        """Be heard slower or faster; faster only while there is something ahead of the ear."""
        if self.at_head:
            if speed == 1.0:
                return
            self._player.speed = speed
            if speed > 1.0 or not self._go_here():
                self._player.speed = 1.0
                lacks = (NO_LEAD, NO_LEAD_HINT) if speed > 1.0 else (NOT_YET, NOT_YET_HINT)
                self._reporter.error("no-lead", *lacks)
            return
        with self._sound.channels.lock:
            self._player.set_speed(speed)
        self._reporter.state()

    def _turn_loop(self, now_s: float) -> None:
        """Go back to the start of a loop that the reader does not turn by itself."""
        loop = self._wanted_loop
        if loop is None or self._player.reader.loop is not None or not self._advances():
            return
        if loop[1] <= self.place_ms(now_s) < loop[1] + LATE_MS:
            self._jump(loop[0])

    # --- what goes on -----------------------------------------------------------------------------

    def tick(self, now_s: float) -> None:
        """Go on; called 20 times a second."""
        call, channels = self._call, self._sound.channels
        with channels.lock:
            if self.memory.voices:
                self._player.replay.prepare(self.memory.voices.keys())
        self._upkeep.look(now_s)
        self._wave.tick(now_s)
        self._clips.tick(now_s)
        self._turn_loop(now_s)
        if self.at_head:
            return
        if call.memory_pauses:
            call.memory_pauses = False
            self._pause(True)
        reader, patient = self._player.reader, now_s - self._ear.asked_s < LATE_LANE_S
        arrival: ears.Arrival = "awaited"
        if self._ear.server == "comes":
            arrival = self._handback.join(reader, self.recorder.names, patient=patient)
        with channels.lock:
            self._player.follow_device(paused=self._ear.paused)
            waits = self._player.plays and not self._player.replay.is_dry
            seen = ears.Look(
                ahead_s=self._player.ahead_s + waits / SAMPLE_RATE_HZ,
                grows=reader.is_at_newest,
                at_end=self._ends_with_call(now_s),
                is_live=call.head.status is not None and not call.head.status.call_over,
                reached=not call.away,
                arrival=arrival,
                broke_off=self._broke_off(),
            )
            self._ear, effects = ears.look(self._ear, seen, now_s)
            if self._player.speed > 1.0 and ears.is_too_near(self._ear, seen):
                self._player.set_speed(1.0)
                self._reporter.request_state()
        self._carry_out(effects)
        detail = ears.lack(self._ear, seen)
        if detail != self._detail:
            self._detail = detail
            self._reporter.state()

    async def close(self) -> None:
        """Return when what is being written is on the disk, and the thread has ended."""
        await self._clips.finish()
        await super().close()

    # --- readings ---------------------------------------------------------------------------------

    def levels(self, now_s: float) -> dict[str, Level] | None:
        """Return the level of each lane that is heard from memory; None if the ear is not there."""
        if self.at_head:
            return None
        with self._sound.channels.lock:
            return self._player.levels(now_s)

    def overlay(self, state: m.StateEvent) -> m.StateEvent:
        """Return the state as the ear has it: `state` is the server's."""
        remembered, detail = self._upkeep.ranges_ms, self._detail or state.detail
        if not self.at_head:
            with self._sound.channels.lock:
                state = heard_state(
                    state,
                    self._player,
                    paused=self._ear.paused,
                    at_end=self._is_at_end(),
                    device_waits=self._sound.silent,
                    device_ms=self._sound.device_latency_ms,
                )
        return msgspec.structs.replace(
            state, remembered=remembered, loop=self._wanted_loop, detail=detail
        )
