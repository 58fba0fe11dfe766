"""What the desktop's mixer leaves of the sound, which no meter of ours shows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FULL_PERCENT = 95
"""A stream's volume from here on needs no word."""

QUIET_SINK_PERCENT = 25
"""A sink's volume, which people set to their ears, needs a word only below this."""

AUDIBLE_SINK_PERCENT = 50
"""What a sink that is too quiet is set to: its full volume could hurt."""


@dataclass(frozen=True)
class MixerLevel:
    """A volume as the desktop's mixer shows it, in percent, and whether it is muted."""

    percent: int = 100
    muted: bool = False


FULL = MixerLevel()


def heard_at(stream: MixerLevel, sink: MixerLevel) -> MixerLevel:
    """Return how loud our stream is heard, as far as it needs a word: else 100 %, not muted."""
    percent = stream.percent if stream.percent < FULL_PERCENT else 100
    if sink.percent < QUIET_SINK_PERCENT:
        percent = min(percent, sink.percent)
    return MixerLevel(percent, stream.muted or sink.muted)
