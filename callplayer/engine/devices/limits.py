"""How long a sound device is given for what it does, in s."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DeviceLimits:
    """The patience with sound devices; tests hand in others.

    `stalled_s`: a device that has shown a cadence, and keeps silent for this long, is stalled, and
    waited for; after `lost_s` it is lost. `first_block_s`: one that has not shown any is given so
    long. `first_view_s`: how long the start waits for the sound server's first view. `retry_s`:
    between two tries to open a lost device. `rarely_s`: the longest time between two looks for the
    first device of a call that plays on silently. `search_s`: between two looks for a lost device
    where no sound server reports that it is back. `latency_look_s`: between two looks at the
    underflows.
    `default_moves_s`: a stream that moves to the desktop's default sink so soon after that changed
    is moved by the change. `move_settles_s`: how long it is waited for the word of such a change.
    `placed_s`: how long the sound server may take to place a stream. `opens_s`: how long a device
    that is being opened may take in a call that has begun, before a new engine tries it.
    """

    stalled_s: float = 0.3
    lost_s: float = 2.0
    first_block_s: float = 3.0
    first_view_s: float = 1.0
    retry_s: float = 1.0
    rarely_s: float = 60.0
    search_s: float = 3.0
    latency_look_s: float = 1.0
    default_moves_s: float = 0.5
    move_settles_s: float = 0.15
    placed_s: float = 0.5
    opens_s: float = 60.0
