"""The short rows of the table of servers; `python -m tests.vendors` plays against all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.rig.pulse import PulseServer
from tests.vendors.rig import Rig
from tests.vendors.rooms import SERVERS, Server

pytestmark = pytest.mark.measures


@pytest.fixture(scope="module")
def rig(pulse: PulseServer) -> Iterator[Rig]:
    with contextlib.closing(Rig(pulse)) as rig:
        yield rig


@pytest.mark.parametrize("server", [s for s in SERVERS if s.short], ids=lambda server: server.name)
def test_the_call_is_heard_and_steered_whatever_the_server_is_like(
    rig: Rig, server: Server
) -> None:
    heard = server.play(rig)
    assert not heard.wrong, heard
