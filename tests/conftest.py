"""What several kinds of tests share: a real sound server. A missing program fails, never skips."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.rig.pulse import PulseServer, Sink, pulse_server

# How long an example takes depends on the machine, and on what else it does.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")

_numbers = itertools.count()
E2E = Path(__file__).parent / "e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(E2E):
            item.add_marker("e2e")


def pytest_configure() -> None:
    """Look for garbage less often: an eighth of the time of the screen's tests went there."""
    gc.set_threshold(2_000, 10, 25)


def pytest_collection_finish() -> None:
    """Let no collection of garbage look through thousands of collected tests."""
    gc.freeze()


@pytest.fixture(scope="session")
def pulse() -> Iterator[PulseServer]:
    with pulse_server() as server:
        yield server


@pytest.fixture
def sink(pulse: PulseServer) -> Iterator[Sink]:
    sink = Sink(pulse, f"heard{next(_numbers)}")
    yield sink
    sink.close()
