"""A recording played as if it were live: it comes in at its own pace, from its beginning.

So do the words of its sidecar, if it has some, each when it has been said.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from callplayer.recordings.recording import read_facts
from callplayer.recordings.words import words_beside
from callplayer.service.sources.calls import LiveCalls, parties_of
from callplayer.service.sources.pcm import Resampler
from callplayer.service.word_script import script

STEP_S = 0.02


async def play_file(path: Path, calls: LiveCalls) -> None:
    """Make a live call of the sound file `path`, and return when it is over.

    Raise UsageError if `path` cannot be read, ServiceError if the call cannot be kept.
    """
    import soundfile

    loop = asyncio.get_running_loop()
    facts, created_at = read_facts(path), datetime.now(UTC)
    cues = deque(script(words_beside(path, created_at)))
    with soundfile.SoundFile(path) as file:
        resampler = Resampler(file.samplerate, file.channels)
        async with calls.call(parties_of(file.channels), facts, created_at) as call:
            began_s = loop.time()
            came = 0
            while came < file.frames and not call.is_full:
                due = min(int((loop.time() - began_s) * file.samplerate), file.frames)
                part = file.read(due - came, dtype="float32", always_2d=True)
                came = due
                call.append(resampler.resample(part, last=came == file.frames))
                while cues and cues[0].at_s <= came / file.samplerate:
                    calls.put_words(call.incident_id, cues.popleft().words())
                await asyncio.sleep(STEP_S)
            for cue in cues:
                calls.put_words(call.incident_id, cue.words())
