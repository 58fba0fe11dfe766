"""When an open device counts as stalled: by its own cadence, not by a fixed patience. Pure.

A real card asks for its first block at once and for the next ones every few ms. A null sink that
nothing listens to may sleep for 2 s before its first block, and keeps a card's cadence from then
on. So a device that has shown a cadence is stalled once it has kept silent for STALLED_S; one that
has not is given FIRST_BLOCK_S.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from callplayer.engine.devices.limits import DeviceLimits

CADENCE_S = 0.1
"""A device that always asks again within this time has a cadence."""

CADENCE_LOOKS = 3
"""In how many looks in a row, after the first: the blocks that fill a device come before that."""

TICK_S = 0.05
BELIEVED_S = 2 * TICK_S
"""A look that comes later than this says that we stood still ourselves (a sleeping laptop, a
stopped process): the device is blamed for no more of it."""


ROUNDING_S = 0.0005


@dataclass(frozen=True)
class Cadence:
    """What has been seen of an open device: looks in a row in which it asked, and its silence."""

    looks: int = 0
    silent_s: float = 0.0
    block_s: float = 0.0
    looked_s: float = 0.0

    @property
    def shown(self) -> bool:
        """Return whether the device runs: it has asked again and again."""
        return self.looks >= CADENCE_LOOKS

    @property
    def is_late(self) -> bool:
        """Return whether the device has not asked since the last look but one."""
        return self.silent_s > TICK_S


def is_stalled(cadence: Cadence, limits: DeviceLimits) -> bool:
    """Return whether the device should have asked long ago."""
    return cadence.silent_s >= (limits.stalled_s if cadence.shown else limits.first_block_s)


def update(cadence: Cadence, now_s: float, block_s: float) -> Cadence:
    """Return the cadence after a look at `now_s`; the last block was asked for at `block_s`."""
    if not cadence.looked_s:
        return replace(cadence, looked_s=now_s, block_s=block_s)
    passed_s = min(now_s - cadence.looked_s, BELIEVED_S)
    asked = block_s - cadence.block_s > ROUNDING_S
    silent_s = 0.0 if asked else cadence.silent_s + passed_s
    looks = cadence.looks
    if not cadence.shown:
        looks = looks + 1 if asked and now_s - block_s < CADENCE_S else 0
    return Cadence(looks, silent_s, block_s, now_s)
