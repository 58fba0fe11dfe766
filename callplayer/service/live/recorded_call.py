"""A recording played as if it were live: it comes in at its own pace, from its beginning.

So do the words of its sidecar, if it has some, each when it has been said.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from callplayer.recordings.containers.sound_file import open_sound
from callplayer.recordings.facts import read_beside
from callplayer.recordings.words import CallTimes, words_beside
from callplayer.service.live.live_calls import LiveCalls, parties_of
from callplayer.service.live.pcm import PcmResampler
from callplayer.service.transcripts.asr_schedule import script

STEP_S = 0.02

log = logging.getLogger("callplayer.service")


async def play_file(path: Path, calls: LiveCalls) -> None:
    """Make a live call of the sound file `path`, and return when it is over.

    Raise UsageError if `path` cannot be read, ServiceError if the call cannot be kept.
    """
    loop = asyncio.get_running_loop()
    facts, created_at = read_beside(path, log.warning).facts, datetime.now(UTC)
    cues = deque(script(words_beside(path, CallTimes(created_at))))
    with open_sound(path) as sound:
        resampler = PcmResampler(sound.rate_hz, sound.channels)
        async with calls.call(parties_of(sound.channels), facts, created_at) as call:
            began_s = loop.time()
            came, blocks = 0, sound.blocks()
            rest = np.zeros((0, sound.channels), np.float32)
            while came < sound.frames and not call.is_full:
                due = min(int((loop.time() - began_s) * sound.rate_hz), sound.frames)
                while len(rest) < due - came and (block := next(blocks, None)) is not None:
                    rest = np.concatenate([rest, block])
                part, rest = rest[: due - came], rest[due - came :]
                came = due
                call.append(resampler.resample(part, last=came == sound.frames))
                while cues and cues[0].at_s <= came / sound.rate_hz:
                    calls.put_words(call.incident_id, cues.popleft().words())
                await asyncio.sleep(STEP_S)
            for cue in cues:
                calls.put_words(call.incident_id, cue.words())
