"""What all bots do now and did so far, for the metrics of the service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from callplayer.service.bots.lateness import STEP_S
from callplayer.service.bots.protocol import Report


@dataclass(frozen=True)
class WorkerStats:
    """What one worker process does now and did since it began."""

    pid: int
    streams: int
    report: Report


@dataclass(frozen=True)
class StreamStats:
    """What all bots do now and did so far. Blocks are 10 ms of one stream.

    Late ones were sent more than 20 ms after they were due, or never; the latter are lost.
    """

    streams: int = 0
    workers: tuple[WorkerStats, ...] = ()
    workers_died: int = 0
    blocks: int = 0
    late_blocks: int = 0
    lost_blocks: int = 0
    lateness: tuple[int, ...] = ()
    commands: Mapping[str, int] = field(default_factory=dict)

    def late_ms(self, quantile: float) -> float:
        """Return how late all but the latest 1 − `quantile` of them went out, to 0.5 ms."""
        return late_ms(self.lateness, quantile)


def late_ms(counts: Sequence[int], quantile: float) -> float:
    """Return a quantile of a worker's lateness counts, in ms."""
    left = quantile * sum(counts)
    for step, count in enumerate(counts):
        left -= count
        if left <= 0:
            return (step + 1) * STEP_S * 1000
    return len(counts) * STEP_S * 1000


def stats_of(workers: tuple[WorkerStats, ...], dead: Sequence[Report]) -> StreamStats:
    """Add up the workers' reports, and the last ones of those that died."""
    reports = [*dead, *(worker.report for worker in workers)]
    commands: Counter[str] = Counter()
    steps = max((len(report.lateness) for report in reports), default=0)
    lateness = [0] * steps
    for report in reports:
        commands.update(report.commands)
        for step, count in enumerate(report.lateness):
            lateness[step] += count
    return StreamStats(
        streams=sum(worker.streams for worker in workers),
        workers=workers,
        workers_died=len(dead),
        blocks=sum(report.frames for report in reports),
        late_blocks=sum(report.late for report in reports),
        lost_blocks=sum(report.lost for report in reports),
        lateness=tuple(lateness),
        commands=commands,
    )
