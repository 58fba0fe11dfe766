"""The metrics for Prometheus. They have their own registry, without those of other libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from callplayer.service.bots.stats import StreamStats
from callplayer.service.catalog import Catalog

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters to add to, and gauges that are read at each scrape."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.sign_ins = Counter(
            "callplayer_sign_ins", "Bearer tokens that were given out", registry=self._registry
        )
        self.sign_ins_refused = Counter(
            "callplayer_sign_ins_refused",
            "Sign-ins with a wrong client or secret",
            registry=self._registry,
        )

    def watch(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Publish the gauge `callplayer_<name>`; `read` returns its value."""
        Gauge(f"callplayer_{name}", help_text, registry=self._registry).set_function(read)

    def watch_streams(self, stats: Callable[[], StreamStats]) -> None:
        """Publish what the bots do."""
        self._registry.register(_Bots(stats))

    def watch_library(self, catalog: Catalog) -> None:
        """Publish how many incidents there are, and how many are live."""
        self.watch("incidents", "Incidents in the library", lambda: catalog.count()[0])
        self.watch("live_calls", "Incidents that are live now", lambda: catalog.count()[1])

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)


class _Bots(Collector):
    """The reports of all bots, read once a scrape."""

    def __init__(self, stats: Callable[[], StreamStats]) -> None:
        self._stats = stats

    def describe(self) -> Iterator[Metric]:
        return _families(StreamStats())

    def collect(self) -> Iterator[Metric]:
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
