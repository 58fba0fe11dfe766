"""How loud each lane is where it was received: emitted as it is stored, for the timeline."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import numpy as np

from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.memory.excerpt import own_volume_factor
from callplayer.engine.memory.stretch import FRAMES_PER_MS, Stretch
from callplayer.engine.memory.voice import VoiceMemory
from callplayer.ipc import messages as m

LOOK_S = 0.5
STEP_FRAMES = round(m.WAVE_STEP_MS * FRAMES_PER_MS)
FULL_SCALE = 32_768.0
MOST_STEPS = 200
"""How many of one stretch are emitted at a time, should more have come."""


class Wave:
    """Looks at what has been stored since. `lock` guards the memory."""

    def __init__(
        self, memory: CallMemory, lock: threading.RLock, emit: Callable[[m.Event], object]
    ) -> None:
        self._memory = memory
        self._lock = lock
        self._emit = emit
        self._looked_s = 0.0
        self._done: dict[str, int] = {}

    def tick(self, now_s: float) -> None:
        """Emit what has come since the last look, or was not taken then, if it is time."""
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        for name, voice in list(self._memory.voices.items()):
            with self._lock:
                news = list(self._news(name, voice))
            for done, event in news:
                if event is not None and self._emit(event) is False:
                    break
                self._done[name] = done

    def _news(self, name: str, voice: VoiceMemory) -> Iterator[tuple[int, m.WaveEvent | None]]:
        """Give what has come, piece by piece, each with the frame that it reaches to."""
        done = self._done.get(name, 0)
        news = itertools.takewhile(lambda each: each.end > done, reversed(voice.stretches))
        for stretch in reversed(list(news)):
            first = max(stretch.first, done)
            steps = min((stretch.end - first) // STEP_FRAMES, MOST_STEPS)
            if steps > 0:
                levels_db = _levels_db(voice, stretch, first, steps)
                done = first + steps * STEP_FRAMES
                event = None
                if levels_db:
                    start_ms = round(stretch.place_of(first))
                    lane = name.partition("+")[0]
                    event = m.WaveEvent(lane=lane, start_ms=max(start_ms, 0), levels_db=levels_db)
                yield done, event


def _levels_db(voice: VoiceMemory, stretch: Stretch, first: int, steps: int) -> tuple[int, ...]:
    """Return the levels of so many steps; () for sound whose own volume is not known."""
    factor = own_volume_factor(stretch.gains_db)
    if factor is None:
        return ()
    pcm = voice.store.read(first, steps * STEP_FRAMES).astype(np.float32)
    powers = np.square(pcm.reshape(steps, STEP_FRAMES)).mean(axis=1)
    powers *= (factor / FULL_SCALE) ** 2
    floor = 10 ** (m.LEVEL_FLOOR_DB / 10)
    return tuple(round(each) for each in (10 * np.log10(np.maximum(powers, floor))).tolist())
