"""Both parties equally loud: one volume each, by what is remembered of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping

import numpy as np

from callplayer.engine.audio.loudness import LoudnessMeter, evening_gain_db
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.memory.compression import Pcm
from callplayer.engine.memory.excerpt import own_volume_factor
from callplayer.engine.memory.voice import VoiceMemory
from callplayer.engine.session.recall.recorder import Recorder
from callplayer.engine.session.reporter import Reporter
from callplayer.ipc import messages as m
from callplayer.recordings.samples import SAMPLE_RATE_HZ
from callplayer.vendor.parties import PARTIES, Party

MEASURED_S = 120
"""How much of each party's latest sound is measured: what a passing car does counts for little."""

BLOCK_FRAMES = SAMPLE_RATE_HZ
TOO_LITTLE = "Too little speech is remembered to set the volumes by."
TOO_LITTLE_HINT = "Play on until both have spoken for a second."


class Evening:
    """Measures beside the engine's loop and sets the volumes on it, by `obey`."""

    def __init__(
        self,
        call: PlaybackState,
        memory: CallMemory,
        recorder: Recorder,
        reporter: Reporter,
        obey: Callable[[m.Request], None],
    ) -> None:
        self._call = call
        self._memory = memory
        self._recorder = recorder
        self._reporter = reporter
        self._obey = obey
        self._measuring: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Measure, then set the volumes; once more, while that goes on, changes nothing."""
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.create_task(self._run())

    async def _run(self) -> None:
        lanes = {
            name: voice
            for name, voice in self._memory.voices.items()
            if self._recorder.carries.get(name)
        }
        lock = self._reporter.channels.lock
        heard = await asyncio.to_thread(
            lambda: {name: loudness_lufs(voice, lock) for name, voice in lanes.items()}
        )
        loud = self._by_party(heard)
        if all(each is None for each in loud.values()):
            self._reporter.error("too-little-speech", TOO_LITTLE, TOO_LITTLE_HINT)
            return
        parties = []
        for party, lufs in loud.items():
            gain_db = self._call.mix.gains_db[party]
            if lufs is not None:
                gain_db = round(2 * evening_gain_db(0.0, lufs)) / 2
                self._obey(m.SetPartyGain(gain_db, party))
            rounded = None if lufs is None else round(lufs, 1)
            parties.append(m.EvenedParty(party=party, gain_db=gain_db, loudness_lufs=rounded))
        self._reporter.state()
        self._reporter.emit(m.EvenedEvent(parties=tuple(parties)))

    def _by_party(self, heard: Mapping[str, float | None]) -> dict[Party, float | None]:
        """Return each party's loudness: of its loudest own lane, else of what it shares."""
        loud: dict[Party, float | None] = {}
        for party in PARTIES:
            names = [name for name in heard if party in self._recorder.carries[name]]
            own = [name for name in names if len(self._recorder.carries[name]) == 1]
            known = [lufs for name in own or names if (lufs := heard[name]) is not None]
            loud[party] = max(known, default=None)
        return loud


def loudness_lufs(voice: VoiceMemory, lock: threading.RLock) -> float | None:
    """Return the loudness of a lane's latest MEASURED_S at 0 dB; None for too little speech."""
    with lock:
        parts = _latest(voice)
    meter = LoudnessMeter()
    for first, frames, factor in reversed(parts):
        for at in range(first, first + frames, BLOCK_FRAMES):
            with lock:
                pcm = voice.store.read(at, min(BLOCK_FRAMES, first + frames - at))
            meter.add(_at_own_volume(pcm, factor))
    return meter.loudness_lufs


def _latest(voice: VoiceMemory) -> list[tuple[int, int, float]]:
    """Return (first sample, samples, factor) of the latest sound that is sure, newest first."""
    parts: list[tuple[int, int, float]] = []
    left = MEASURED_S * SAMPLE_RATE_HZ
    for stretch in reversed(voice.stretches):
        factor = own_volume_factor(stretch.gains_db)
        if stretch.is_suspect or factor is None or left <= 0:
            continue
        frames = min(stretch.end - max(stretch.first, voice.store.first), left)
        if frames > 0:
            parts.append((stretch.end - frames, frames, factor))
            left -= frames
    return parts


def _at_own_volume(pcm: Pcm, factor: float) -> Pcm:
    if factor == 1.0:
        return pcm
    own: Pcm = np.rint(pcm * np.float32(factor)).clip(-32_768, 32_767).astype(np.int16)
    return own
