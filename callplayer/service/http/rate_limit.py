"""How often somebody may ask: a token bucket for each, and how many somebodies are remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

MAX_KEYS = 10_000


@dataclass(frozen=True)
class Rate:
    """`burst` at once, and `per_s` more each second."""

    per_s: float
    burst: int


REQUESTS = Rate(per_s=20.0, burst=100)
WRONG_SECRETS = Rate(per_s=0.2, burst=10)


class Limiter:
    """A bucket for each key. Beyond 10,000 keys the one asked for longest ago is forgotten."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, now_s: float) -> float:
        """Take one for `key` and return 0, or return in how many s there is one again."""
        wait_s = self.wait_s(key, now_s)
        if wait_s == 0.0:
            self._buckets[key] = (self._level(key, now_s) - 1.0, now_s)
            self._buckets.move_to_end(key)
            while len(self._buckets) > MAX_KEYS:
                self._buckets.popitem(last=False)
        return wait_s

    def wait_s(self, key: Hashable, now_s: float) -> float:
        """Return in how many s there is one for `key`; 0: there is one now."""
        return max((1.0 - self._level(key, now_s)) / self._rate.per_s, 0.0)

    def _level(self, key: Hashable, now_s: float) -> float:
        level, at_s = self._buckets.get(key, (float(self._rate.burst), now_s))
        return min(level + max(now_s - at_s, 0.0) * self._rate.per_s, float(self._rate.burst))
