"""How long to wait before a message is sent again to somebody who did not take it."""

from __future__ import annotations

import random
from collections.abc import Iterator


def pauses_s(first_s: float, longest_s: float) -> Iterator[float]:
    """Yield how long to wait before each further try: twice as long each time, with jitter.

    The jitter, down to half, keeps the tries of many senders apart.
    """
    pause_s = first_s
    while True:
        yield pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        pause_s = min(pause_s * 2, longest_s)
