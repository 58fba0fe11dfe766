"""What the bots do, as metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from callplayer.service.bots.stats import StreamStats


class BotMetrics(Collector):
    """The reports of all bots, read once a scrape."""

    def __init__(self, stats: Callable[[], StreamStats]) -> None:
        self._stats = stats

    def describe(self) -> Iterator[Metric]:
        """Return the names of what `collect` returns."""
        return _families(StreamStats())

    def collect(self) -> Iterator[Metric]:
        """Return what the bots do now and did so far."""
        return _families(self._stats())


def _families(stats: StreamStats) -> Iterator[Metric]:
    yield GaugeMetricFamily("callplayer_streams_open", "Streams that are open", stats.streams)
    yield GaugeMetricFamily("callplayer_workers", "Processes of bots", len(stats.workers))
    for name, text, value in (
        ("blocks", "Blocks of 10 ms that bots sent", stats.blocks),
        ("late_blocks", "Blocks sent more than 20 ms late, or never", stats.late_blocks),
        ("lost_blocks", "Blocks never sent", stats.lost_blocks),
        ("workers_died", "Processes of bots that ended by themselves", stats.workers_died),
    ):
        yield CounterMetricFamily(f"callplayer_{name}", text, value)
    commands = CounterMetricFamily(
        "callplayer_commands", "Commands that bots obeyed", labels=["cmd"]
    )
    for name, count in stats.commands.items():
        commands.add_metric([name], count)
    yield commands
