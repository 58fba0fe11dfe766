"""The real thing, all of it: livekit-server, service, engine, sound server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service_fixtures import write_recordings
from tests.rig.processes import HeadlessEngine, Service
from tests.rig.pulse import PulseServer, Sink
from tests.rig.signals import write_sweep_call, write_tones

SWEEP_S = 60.0
CALLER_HZ = 700.0
TAKER_HZ = 1900.0
SETTLED_S = 3.0

StartEngine = Callable[..., HeadlessEngine]


@pytest.fixture(scope="session")
def sweep_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one call whose sound carries its position."""
    home = tmp_path_factory.mktemp("sweep")
    write_sweep_call(home / "sweep.wav", SWEEP_S)
    service = Service(home, home / "sweep.wav")
    yield service
    assert service.stop() == 0


@pytest.fixture(scope="session")
def tone_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one call in which each party is a steady tone."""
    home = tmp_path_factory.mktemp("tones")
    write_tones(home / "tones.wav", 60.0, CALLER_HZ, TAKER_HZ)
    service = Service(home, home / "tones.wav")
    yield service
    assert service.stop() == 0


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a call of two parties and a mixed one."""
    folder = tmp_path_factory.mktemp("recordings")
    write_recordings(folder)
    return folder


@pytest.fixture
def start_engine(tmp_path: Path, sink: Sink) -> Iterator[StartEngine]:
    """Start headless engines that play into this test's sink; end those that are left."""
    engines: list[HeadlessEngine] = []

    def start(service: Service, *flags: str, incident: str | None = None) -> HeadlessEngine:
        engine = HeadlessEngine(
            tmp_path,
            service.environment | sink.environment,
            incident or service.incidents[0],
            *flags,
        )
        engines.append(engine)
        return engine

    yield start
    for engine in engines:
        engine.close()


def settled(service: str) -> tuple[Any, Any]:
    """Return a module's fixtures `sink` and `engine`, which plays there for all of its tests.

    `service` names the fixture of its service. The engine's jitter buffer has come to rest; it
    quits at the end, or has by then.
    """

    @pytest.fixture(scope="module")
    def sink(pulse: PulseServer) -> Iterator[Sink]:
        sink = Sink(pulse, service)
        yield sink
        sink.close()

    @pytest.fixture(scope="module")
    def engine(
        request: pytest.FixtureRequest, sink: Sink, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[HeadlessEngine]:
        served: Service = request.getfixturevalue(service)
        environment = served.environment | sink.environment
        engine = HeadlessEngine(tmp_path_factory.mktemp("home"), environment, served.incidents[0])
        engine.wait_state(phase="playing", advancing=True)
        time.sleep(SETTLED_S)
        yield engine
        assert engine.process.poll() is not None or engine.quit() == 0

    return sink, engine
