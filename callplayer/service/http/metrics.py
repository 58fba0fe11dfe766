"""The metrics for Prometheus. They have their own registry, without those of other libraries."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.registry import Collector

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

    def register(self, collector: Collector) -> None:
        """Publish what `collector` returns at each scrape."""
        self._registry.register(collector)

    def watch_library(self, catalog: Catalog) -> None:
        """Publish how many incidents there are, and how many are live."""
        self.watch("incidents", "Incidents in the library", lambda: catalog.count()[0])
        self.watch("live_calls", "Incidents that are live now", lambda: catalog.count()[1])

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)
