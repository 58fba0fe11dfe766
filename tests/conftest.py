"""What several kinds of tests share: a real sound server, and how `make test` shares them out.

A missing program fails, never skips.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator

import pytest

from tests.rig.pulse import PulseServer, Sink, pulse_server

MEASURING = ("sound", "received")
"""The groups that measure what a device plays, and what a listener receives. The tests of a group
run one after the other; these run first, and go before what runs beside them."""

STEPS_BACK = 10
"""How much nicer the others are."""

_niceness = os.getpriority(os.PRIO_PROCESS, 0)
_numbers = itertools.count()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put each file's tests into one group, which one worker runs, so that it starts things once.

    A file or test that has named a group itself keeps it. What takes longest comes first.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=_place)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let what measures go before what runs beside it."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        steps = 0 if _group(item) in MEASURING else STEPS_BACK
        with contextlib.suppress(PermissionError):  # to the front again may root alone
            os.setpriority(os.PRIO_PROCESS, 0, _niceness + steps)


def _place(item: pytest.Item) -> int:
    group = _group(item)
    if group in MEASURING:
        return MEASURING.index(group)
    return len(MEASURING) + (item.path.parent.name != "e2e")


def _group(item: pytest.Item) -> str:
    marker = item.get_closest_marker("xdist_group")
    assert marker is not None
    return str(marker.args[0])


@pytest.fixture(scope="session")
def pulse() -> Iterator[PulseServer]:
    with pulse_server() as server:
        yield server


@pytest.fixture
def sink(pulse: PulseServer) -> Iterator[Sink]:
    sink = Sink(pulse, f"heard{next(_numbers)}")
    yield sink
    sink.close()
