"""The ear's moves, to a place in the memory or by the server, and what the server does for them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.memory import ear as ears
from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.memory.ear import Ear, Effect
from callplayer.engine.memory.handback import Handback
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.recall.memory_player import MemoryPlayer
from callplayer.engine.session.recall.recorder import Recorder
from callplayer.engine.session.recall.upkeep import Upkeep
from callplayer.engine.session.reporter import Reporter
from callplayer.engine.session.source import PathReadings
from callplayer.ipc import messages as m
from callplayer.vendor.commands import Command, Pause, Resume, Scrub, ScrubToEnd

LOG = logging.getLogger(__name__)

BEHIND_MS = (0, 200, 500)
NEAR_END_MS = 150.0
"""What is stored so far ends where the call does: statuses and sound agree no better."""

WHOLE_MS = 15_000
"""So much of what is heard again is to be whole: what is further on is not heard soon."""

OTHER_VOLUMES = "These volumes cannot be made of what is remembered: it is fetched again."


class EarMoves:
    """The ear, in the memory or at the head. Everything here runs on the engine's loop.

    `obey` has the server obey a request, `send` sends commands to it. `memory` is what was
    received.
    """

    def __init__(
        self,
        call: PlaybackState,
        sound: AudioPipeline,
        path: PathReadings,
        reporter: Reporter,
        *,
        obey: Callable[[m.Request], None],
        send: Callable[[Sequence[Command]], None],
    ) -> None:
        self._call = call
        self._sound = sound
        self._reporter = reporter
        self._obey, self._send = obey, send
        self.memory = CallMemory()
        self.recorder = Recorder(call, sound.channels, path, self.memory)
        silenced = self.recorder.is_silenced
        self._player = MemoryPlayer(self.memory, sound.channels, silenced, reporter.request_state)
        self._ear = Ear()
        self._wanted_loop: tuple[int, int] | None = None
        self._handback = Handback(self.memory, sound.channels.lock)
        self._upkeep = Upkeep(self.memory, sound.channels.lock, reporter.error)
        self._detail = ""

    @property
    def at_head(self) -> bool:
        """Return whether the ear hears what comes."""
        return self._ear.at_head

    def fade_out(self) -> None:
        """Let nothing more be heard from memory: the engine ends."""
        with self._sound.channels.lock:
            self._player.stop()

    async def close(self) -> None:
        """End the thread."""
        self._player.close()

    # --- moves ------------------------------------------------------------------------------------

    def _jump(self, position_ms: int) -> None:
        """Go to a place: in the memory if it is there, else by the server.

        What was broken when it was heard is not to be heard so once more, if the server can send it
        whole.
        """
        head, now_s = self._call.head, time.monotonic()
        if head.knows_duration:
            position_ms = min(position_ms, head.duration_ms(now_s))
        position_ms = max(position_ms, 0)
        whole_to_ms = min(self.place_ms(now_s), position_ms + WHOLE_MS)
        if not self._go(position_ms, None if self._call.away else whole_to_ms):
            self._fetch(Scrub(position_ms))

    def _go(self, place_ms: float, whole_to_ms: float | None = None) -> bool:
        """Go to a place in the memory; return whether it is there, as far whole as wanted."""
        player, call = self._player, self._call
        with self._sound.channels.lock:
            player.replay.prepare(self.memory.voices.keys())
            if self._sound.channels.rate_hz is None:
                return False
            if not player.seek(place_ms, self.recorder.names, self._wanted_loop, whole_to_ms):
                return False
            # A call that is held for its device is paused, though no user has asked for it.
            is_paused = call.head.wants_paused() and not call.held
            paused = is_paused if self.at_head else self._ear.paused
            self._ear, effects = ears.leave(
                self._ear,
                paused=paused,
                grows=player.reader.is_at_newest or self._broke_off(),
                reached=not call.away,
            )
            call.from_memory = True
            if paused:
                player.replay.start({}, self.recorder.is_silenced)
            else:
                player.start()
        self._carry_out(effects)
        self._reporter.state()
        return True

    def _go_here(self) -> bool:
        """Go to the place that is heard, in the memory; return whether it is there.

        On a busy machine the reported place is ahead of what has come: then to just before.
        """
        place_ms = self.place_ms(time.monotonic())
        return any(self._go(max(place_ms - back_ms, 0)) for back_ms in BEHIND_MS)

    def _pause(self, paused: bool) -> None:
        if paused == self._ear.paused:
            return
        self._ear = replace(self._ear, paused=paused)
        with self._sound.channels.lock:
            if paused:
                self._player.stop()
            else:
                self._player.start()
        self._reporter.state()

    def _fetch(self, request: Scrub | ScrubToEnd) -> None:
        """Have the server go there, and hear what comes."""
        paused = self._ear.paused
        was_in_memory = not self.at_head
        self._follow(at_once=True)
        self._obey(request)
        if was_in_memory and paused != self._call.head.wants_paused():
            self._obey(Pause() if paused else Resume())
        self._reporter.state()

    def _follow(self, *, at_once: bool) -> None:
        """Hear what comes."""
        if self.at_head:
            return
        with self._sound.channels.lock:
            self._ear, self._detail = Ear(), ""
            self._call.from_memory = False
            self._player.give_way(at_once=at_once)

    # --- the server -------------------------------------------------------------------------------

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        call = self._call
        for effect in effects:
            match effect:
                case "park":
                    if not call.head.wants_paused():
                        self._send(call.pause_at(None, time.monotonic()))
                case "refill":
                    self._refill()
                case "follow":
                    self._ear = Ear(at_head=False)
                    self._follow(at_once=False)
                    self._reporter.state()
                case "fetch":
                    self._ear = Ear(at_head=False)
                    self._fetch(Scrub(max(round(self._player.reader.end_ms()), 0)))

    def _refill(self) -> None:
        """Have the server play what follows the end of the memory, from a little before on."""
        with self._sound.channels.lock:
            end_ms = self._handback.begin(self._player.reader)
            overlap_ms = ears.overlap_ms(self._player.ahead_s)
        LOG.info("the server goes on at %.0f ms, where the memory ends", end_ms)
        self._obey(Scrub(max(round(end_ms) - overlap_ms, 0)))
        self._obey(Resume())

    def restore(self) -> bool:
        """The server is back; return whether the ear is elsewhere, so that it only has to rest."""
        if self.at_head:
            return False
        self._ear = replace(self._ear, server="rests")
        status = self._call.head.status
        if status is None or not status.paused:
            self._send(self._call.pause_at(None, time.monotonic()))
        else:
            self._call.stay_paused(time.monotonic())
        return True

    def take_gains(self) -> None:
        """Take note of volumes and mutes, which may have changed."""
        are_new = self.recorder.take_gains()
        if self.at_head:
            return
        with self._sound.channels.lock:
            self._player.replay.silence(self.recorder.is_silenced)
            is_heard = not are_new or self._player.reader.is_usable()
            if are_new and is_heard:
                self._player.renew()
        if not is_heard:
            self._fetch(Scrub(self.place_ms(time.monotonic())))
            self._call.detail = OTHER_VOLUMES

    @property
    def is_lent(self) -> bool:
        """Return whether the server's cursor is lent."""
        return self._ear.server == "lent"

    def lend(self) -> bool:
        """Let the server play elsewhere, unheard, until `take_back`; return whether that can be.

        What is remembered is heard meanwhile.
        """
        if self._call.away or (self.at_head and not self._go_here()):
            return False
        self._ear = replace(self._ear, server="lent")
        return True

    def take_back(self) -> None:
        """Have the server rest, until it is wanted where the memory ends."""
        if self.is_lent:
            self._ear = replace(self._ear, server="rests")
            self._carry_out(("park",))

    # --- readings ---------------------------------------------------------------------------------

    def place_ms(self, now_s: float) -> int:
        """Return the place that is heard, or that playing goes on from."""
        if self.at_head:
            return self._call.shown_ms(now_s, self._reporter.delays())
        return max(round(self._player.place_ms(now_s, self._sound.device_latency_ms)[0]), 0)

    def _advances(self) -> bool:
        if self.at_head:
            head = self._call.head
            waits = head.wants_paused() or head.open_seek is not None or self._call.away
            return head.advancing() and not waits
        return self._player.plays

    def _ends_with_call(self, now_s: float) -> bool:
        head = self._call.head
        if head.status is None or not head.status.call_over or not head.knows_duration:
            return False
        return self._player.reader.end_ms() >= head.duration_ms(now_s) - NEAR_END_MS

    def _broke_off(self) -> bool:
        """Return whether the server plays, by all that is known, and nothing of it comes."""
        head = self._call.head
        return self.recorder.is_made_up and head.advancing() and not head.wants_paused()

    def _is_at_end(self) -> bool:
        is_heard = self._player.ahead_s <= 0.0 and not self._ear.paused
        return is_heard and self._ends_with_call(time.monotonic())
