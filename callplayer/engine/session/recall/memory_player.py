"""Sound from the memory, to be heard: a thread fills up what the device has taken."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection

from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.audio.meter import Level, loudest
from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.memory.reader import MemoryReader, Samples
from callplayer.engine.memory.stretched import StretchedReader
from callplayer.engine.session.recall.replay_bank import ReplayBank
from callplayer.recordings.samples import SAMPLE_RATE_HZ

LOG = logging.getLogger(__name__)

FEED_S = 0.01

BACK_MS = 50.0
"""How far before the place where a pause broke off the sound goes on: a sliver of the word."""


class MemoryPlayer:
    """Plays `memory` on channels beside those of the tracks. All of it under `channels.lock`.

    It is started on an event loop; `turned` is called there when a loop of sound has turned back.
    """

    def __init__(
        self,
        memory: CallMemory,
        channels: ChannelBank,
        silenced: Callable[[str], bool],
        turned: Callable[[], object],
    ) -> None:
        self.reader = MemoryReader(memory)
        self.replay = ReplayBank(SAMPLE_RATE_HZ, channels)
        self._channels = channels
        self._silenced = silenced
        self._turned = turned
        self.speed = 1.0
        """How many times as fast as it was said it is heard, at its own pitch."""

        self._stretched: StretchedReader | None = None
        self._began_ms = 0.0
        self._has_turned = False
        self._waits_for_device = False
        self._runs = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def plays(self) -> bool:
        """Return whether sound is handed over."""
        return self._runs.is_set()

    def place_ms(self, now_s: float, device_ms: float) -> tuple[float, float]:
        """Return the place that is heard, and in how many ms it begins to move on."""
        if not self.plays:
            return self._next_ms, 0.0
        behind_ms = self.replay.waiting_s(now_s) * 1000 + device_ms
        place_ms, loop = self._next_ms - behind_ms * self.speed, self.reader.loop
        if loop is not None and self._has_turned and place_ms < loop.start_ms:
            return place_ms + loop.frames * 1000 / SAMPLE_RATE_HZ, 0.0
        if self._has_turned:
            return place_ms, 0.0
        waits_ms = max(self._began_ms - place_ms, 0.0) / self.speed
        return max(place_ms, self._began_ms), waits_ms

    @property
    def ahead_s(self) -> float:
        """Return for how long what is stored can be heard from here on, up to 25 s."""
        frames = (self._stretched or self.reader).frames_ahead()
        return frames / SAMPLE_RATE_HZ

    def set_speed(self, speed: float) -> None:
        """Be heard at another speed, at once."""
        place_ms, _ = self.place_ms(time.monotonic(), 0.0)
        self.speed = speed
        if self._seek(place_ms, ()) and self.plays:
            self.start()

    def renew(self) -> None:
        """Make what waits anew: volumes have changed."""
        self.set_speed(self.speed)

    @property
    def _next_ms(self) -> float:
        return (self._stretched or self.reader).place_ms

    def seek(
        self,
        place_ms: float,
        needed: Collection[str],
        loop: tuple[int, int] | None,
        whole_to_ms: float | None = None,
    ) -> bool:
        """Put the reader at a place; return whether all `needed` lanes have it.

        It turns at the end of `loop`, in ms, if the place is in it and all of it is stored. With
        `whole_to_ms` the loop, and what is heard up to that place, must not be broken.
        """
        reader = self.reader
        reader.loop = None
        if whole_to_ms is not None and not reader.is_whole(place_ms, whole_to_ms, needed):
            return False
        if (
            loop is not None
            and loop[0] <= place_ms < loop[1]
            and (whole_to_ms is None or reader.is_whole(*loop, needed))
        ):
            reader.start_loop(*loop, needed)
        return self._seek(place_ms, needed)

    def _seek(self, place_ms: float, needed: Collection[str]) -> bool:
        if not self.reader.seek(place_ms, needed):
            return False
        is_plain = self.speed == 1.0
        self._stretched = None if is_plain else StretchedReader(self.reader, self.speed)
        return True

    def follow_device(self, *, paused: bool) -> None:
        """Stand still while no device plays; go on with the next one where the sound broke off."""
        is_there = self._channels.rate_hz is not None
        if not is_there and not self._waits_for_device:
            self._waits_for_device = True
            self.stop()
        elif is_there and self._waits_for_device:
            self._waits_for_device = False
            self.replay.renew()
            if not paused:
                self.start()

    def start(self) -> None:
        """Have the place of the reader heard from the next block on."""
        self._began_ms, self._has_turned = self._next_ms, False
        self.replay.start(self._read(self.replay.first_frames), self._silenced)
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
            self._thread.start()
        self._runs.set()

    def stop(self) -> None:
        """Fade out, and put the reader where the sound breaks off."""
        if self.plays:
            place_ms, _ = self.place_ms(time.monotonic(), 0.0)
            self._runs.clear()
            if not self._seek(max(place_ms - BACK_MS, 0.0), ()):
                self._seek(place_ms, ())
        self.replay.stop()

    def give_way(self, *, at_once: bool) -> None:
        """Let what comes be heard: after what waits, or `at_once`."""
        self._runs.clear()
        self.speed = 1.0
        if at_once:
            self.replay.stop()
        self.replay.give_way()

    def levels(self, now_s: float) -> dict[str, Level]:
        """Return the level of each lane's loudest part since the last call."""
        levels = self.replay.levels(now_s)
        return loudest((name.partition("+")[0], level) for name, level in levels.items())

    def close(self) -> None:
        """End the thread."""
        self._ended = True
        self._runs.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ended:
            self._runs.wait()
            try:
                self._feed()
            except Exception:
                LOG.exception("sound from memory was lost")
            time.sleep(FEED_S)

    def _read(self, frames: int) -> dict[str, Samples]:
        return (self._stretched or self.reader).read(frames)

    def _feed(self) -> None:
        """Fill up what the device has taken."""
        with self._channels.lock:
            if self._ended or not self.plays:
                return
            frames = self.replay.lacking_frames
            if not frames:
                return
            before_ms = self._next_ms
            self.replay.push(self._read(frames))
            turned = self._next_ms < before_ms
            self._has_turned = self._has_turned or turned
        if turned and self._loop is not None:
            self._loop.call_soon_threadsafe(self._turned)
