"""The gate kept shut while a server sends nothing at the place that it has confirmed.

What comes out of a jitter buffer that runs dry is made up of the old place.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.session.source import Source

LOG = logging.getLogger(__name__)

LAST_LOOK_S = 0.012
"""So shortly before sound is let through after a jump it is seen whether any has come."""

FRESH_S = 0.055
"""WebRTC answers a look at its statistics from a cache for 50 ms after the last one."""

REFILL_MS = 75.0
"""For how long after a look that found none sound may still be made up of the old place."""


async def await_refill(
    call: PlaybackState,
    source: Source,
    confirmed_s: float,
    looked_s: float,
    move_gate: Callable[[], None],
) -> None:
    """Return once sound of after `confirmed_s` (monotonic, in s) has come, or need not come.

    The statistics were last looked at `looked_s`. Where the path turns over before they can be
    looked at anew, the gate opens by the path alone, and is shut again if nothing has come.
    """
    opens_s = call.opens_s(confirmed_s)
    if opens_s is None:
        return
    look_s = max(opens_s - LAST_LOOK_S, looked_s + FRESH_S)
    await asyncio.sleep(max(look_s - time.monotonic(), 0.0))
    while call.opens_s(confirmed_s) is not None:
        if await source.sends_since(confirmed_s):
            return
        LOG.debug("nothing has come of the new place yet")
        call.turn_over(confirmed_s, (time.monotonic() - confirmed_s) * 1000 + REFILL_MS)
        move_gate()
        await asyncio.sleep(FRESH_S)
