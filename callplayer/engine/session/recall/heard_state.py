"""The call's state as it is heard from memory, made of the server's."""

from __future__ import annotations

import msgspec

from callplayer.engine.session.recall.memory_player import MemoryPlayer
from callplayer.ipc import messages as m

LIVE_WITHIN_MS = 1_000
"""Less behind a server at the live end is live: what a higher speed leaves at its end."""


def heard_state(
    state: m.StateEvent,
    player: MemoryPlayer,
    *,
    paused: bool,
    at_end: bool,
    device_waits: bool,
    device_ms: float,
) -> m.StateEvent:
    """Return `state` with what is heard from `player`. Nothing is requested of the server.

    Call it under the lock of the channels. `device_ms` is the sound device's own delay. While that
    `device_waits` nothing is heard: what is to play is held, though the server may rest.
    """
    held = state.held or (device_waits and not (paused or at_end))
    place_ms, in_ms = player.place_ms(state.as_of_s, device_ms)
    lead_ms = round(player.ahead_s * 1000 * player.speed)
    sounds = player.plays and (lead_ms > 0 or not player.replay.is_dry)
    phase = state.phase
    if phase not in ("reconnecting", "failed"):
        is_live = phase == "live" and lead_ms < LIVE_WITHIN_MS
        stands = paused or held
        phase = "at-end" if at_end else "paused" if stands else "live" if is_live else "playing"
    return msgspec.structs.replace(
        state,
        phase=phase,
        audible_ms=max(round(place_ms), 0),
        audible_in_ms=round(in_ms),
        paused=paused,
        at_end=at_end,
        requested_ms=None,
        unconfirmed_s=0.0,
        held=held,
        advancing=not (paused or held) and sounds,
        from_memory=True,
        lead_ms=lead_ms,
        speed=player.speed,
    )
