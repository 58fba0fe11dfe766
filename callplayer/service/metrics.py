"""What the service tells Prometheus. A registry of its own: nothing of other libraries in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from callplayer.service.library import Library
from callplayer.service.streams import StreamStats

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters to add to, and gauges that are read when somebody asks."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "callplayer_http_requests",
            "Answers of the HTTP API",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "callplayer_http_request_seconds",
            "Time to an answer of the HTTP API",
            ("route",),
            registry=self._registry,
        )
        self.sign_ins_refused = Counter(
            "callplayer_sign_ins_refused",
            "Sign-ins with a wrong client or secret",
            registry=self._registry,
        )
        self.webhooks = Counter(
            "callplayer_webhooks",
            "Webhooks by how they ended",
            ("outcome",),
            registry=self._registry,
        )

    def watch(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Tell the gauge `callplayer_<name>`, whose value `read` returns when asked for it."""
        Gauge(f"callplayer_{name}", help_text, registry=self._registry).set_function(read)

    def watch_total(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Tell the counter `callplayer_<name>_total`, which somebody else counts."""
        self._registry.register(_Total(f"callplayer_{name}", help_text, read))

    def watch_streams(self, stats: Callable[[], StreamStats]) -> None:
        """Tell what the bots do."""
        self.watch("streams_open", "Streams that are open", lambda: stats().streams)
        for name, help_text, read in (
            ("blocks", "Blocks of 10 ms that bots sent", lambda: stats().blocks),
            (
                "late_blocks",
                "Blocks sent more than 20 ms late, or never",
                lambda: stats().late_blocks,
            ),
            ("lost_blocks", "Blocks never sent", lambda: stats().lost_blocks),
            (
                "workers_died",
                "Processes of bots that ended by themselves",
                lambda: stats().workers_died,
            ),
        ):
            self.watch_total(name, help_text, read)

    def watch_library(self, library: Library) -> None:
        """Tell how many incidents there are, and how many are live."""
        self.watch("incidents", "Incidents in the library", lambda: library.count()[0])
        self.watch("live_calls", "Incidents that are live now", lambda: library.count()[1])

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)


class _Total(Collector):
    def __init__(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        self._name = name
        self._help = help_text
        self._read = read

    def describe(self) -> list[CounterMetricFamily]:
        return [CounterMetricFamily(self._name, self._help)]

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._help, value=self._read())
