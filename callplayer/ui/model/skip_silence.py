"""Where nothing is to be heard: from the words, and from the sound that was heard before. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from callplayer.ipc.messages import LaneState, StateEvent
from callplayer.ui.model.format import is_heard, shown_position_ms
from callplayer.ui.model.speech import SpeechLanes
from callplayer.ui.model.transcript import LEAD_MS, Script, speaks_until_ms

SKIP_AGAIN_S = 1.0
"""After a jump, skipping waits at least this long for the engine's state."""


class Skip(msgspec.Struct, frozen=True):
    """A jump over silence."""

    from_ms: int
    to_ms: int

    @property
    def notice(self) -> str:
        """What the user reads of it: a clock that jumps by itself looks like a fault."""
        return f"{(self.to_ms - self.from_ms) / 1000:.0f} s of silence skipped."


class SilenceSkipping(msgspec.Struct, frozen=True):
    """Whether silence is skipped, and when it was last (monotonic, s)."""

    is_on: bool = False
    skipped_s: float = float("-inf")

    def due(
        self,
        state: StateEvent,
        script: Script,
        lanes: SpeechLanes,
        longest_s: float,
        now_s: float,
    ) -> Skip | None:
        """Return what to skip at once, if silence is skipped and it is silent."""
        rests = now_s - self.skipped_s < SKIP_AGAIN_S
        if not self.is_on or rests or not is_heard(state, now_s):
            return None
        heard_ms, longest_ms = shown_position_ms(state, now_s), round(longest_s * 1000)
        goes_on_ms = after_silence_ms(script, lanes, state.lanes, heard_ms, longest_ms)
        return None if goes_on_ms is None else Skip(heard_ms, goes_on_ms)


def after_silence_ms(
    script: Script,
    lanes: SpeechLanes,
    sounds: Sequence[LaneState],
    position_ms: int,
    longest_ms: int,
) -> int | None:
    """Return where to go on at a place at which nothing is heard for longer than `longest_ms`.

    That is LEAD_MS before what is heard next, or the first place whose sound is not known.
    Up to the last words that there are, the words say where it is silent, unless sound was heard
    there; after them it is silent where every lane of sound was heard to be. None where something
    is heard, or that is not known.
    """
    if speaks_until_ms(script, position_ms) + LEAD_MS > position_ms:
        return None
    following = script.at(position_ms) + 1
    if following < len(script.utterances):
        next_ms = script.utterances[following].start_ms
        ends_ms, is_sound = lanes.sound_from_ms(sounds, position_ms, next_ms), True
    else:
        ends_ms, is_sound = lanes.silent_until_ms(sounds, position_ms)
    goes_on_ms = ends_ms - LEAD_MS if is_sound else ends_ms
    return goes_on_ms if goes_on_ms - position_ms > longest_ms else None
