"""A recording played as if it were live: it comes in at its own pace, from its beginning."""

from __future__ import annotations

import asyncio
from pathlib import Path

from callplayer.service.recordings import read_facts
from callplayer.service.sources.calls import LiveCalls, parties_of
from callplayer.service.sources.pcm import Resampler

STEP_S = 0.02


async def play_file(path: Path, calls: LiveCalls) -> None:
    """Make a live call of the sound file `path`, and return when it is over.

    Raise UsageError if `path` cannot be read, ServiceError if the call cannot be kept.
    """
    import soundfile

    loop = asyncio.get_running_loop()
    facts = read_facts(path)
    with soundfile.SoundFile(path) as file:
        resampler = Resampler(file.samplerate, file.channels)
        async with calls.call(parties_of(file.channels), facts) as call:
            began_s = loop.time()
            came = 0
            while came < file.frames and not call.is_full:
                due = min(int((loop.time() - began_s) * file.samplerate), file.frames)
                part = file.read(due - came, dtype="float32", always_2d=True)
                came = due
                call.append(resampler.resample(part, last=came == file.frames))
                await asyncio.sleep(STEP_S)
