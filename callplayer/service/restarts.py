"""When a part that ended by itself is started again: pure."""

from __future__ import annotations

from collections.abc import Sequence

WINDOW_S = 60.0
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


def restart_delay_s(
    restarts_s: Sequence[float], now_s: float, backoff_s: Sequence[float] = BACKOFF_S
) -> float | None:
    """Return how long to wait before the next restart, None when there were too many of late.

    `restarts_s` are the times of the earlier ones. As many as `backoff_s` has entries are allowed
    in WINDOW_S, each after a longer wait.
    """
    recent = sum(now_s - at_s < WINDOW_S for at_s in restarts_s)
    return backoff_s[recent] if recent < len(backoff_s) else None
