"""A network link with settable faults between a service and its players, all on this machine.

Two network namespaces, `server` and `client`, each with one TUN device besides its loopback; a
relay process (packet_relay.py) carries every IP packet between the two devices, and delays,
jitters, drops or holds them as it is set.

What crosses the link: everything between a player and the service. Media and data messages (UDP)
go from livekit-server's socket on the server's address straight to the player. The HTTP API and the
room's web socket, which the service offers on loopback only and a player takes in the clear from
loopback only, go over it as TCP: a forwarder in the client's namespace listens on the same loopback
ports and connects across the link to one in the server's namespace, which connects to the service.
What does not cross it: the service's own talk with its livekit-server and bots (they live in the
server's namespace), and sound (PulseAudio's socket is a file).

Needs Linux, root, `ip` and /dev/net/tun. Nothing of the machine's own network is touched.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from tests.rig import namespaces
from tests.rig.helper import Helper, helper
from tests.rig.packet_relay import Impairment

Side = Literal["server", "client"]
SIDES: tuple[Side, Side] = ("server", "client")
ADDRESSES: dict[Side, str] = {"server": "198.18.0.1", "client": "198.18.0.2"}  # RFC 2544
LOOPBACK = "127.0.0.1"
DEVICE = "eth0"
MTU_BYTES = 1500

_T = TypeVar("_T")

__all__ = ["ADDRESSES", "ImpairedLink", "Impairment", "Side", "impaired_link", "other_side"]


def other_side(side: Side) -> Side:
    """Return the side at the link's other end."""
    return "client" if side == "server" else "server"


class ImpairedLink:
    """The link while it stands; made by `impaired_link`. `to` names the side packets go to."""

    def __init__(self, names: dict[Side, str], relay: Helper, stack: contextlib.ExitStack) -> None:
        self._names = names
        self._relay = relay
        self._stack = stack

    def prefix(self, side: Side) -> list[str]:
        """Return the words that run a program on that side when put before its own."""
        return ["ip", "netns", "exec", self._names[side]]

    def inside(self, side: Side, work: Callable[[], _T]) -> _T:
        """Return what `work` returns in a thread on that side; sockets it makes stay there."""
        return namespaces.call_inside(self._names[side], work)

    def impair(self, impairment: Impairment, to: Side | None = None) -> None:
        """Set what is done to packets from now on, one way or (None) both ways."""
        self._instruct(to, set=asdict(impairment))

    def stall(self, stall_ms: float, to: Side | None = None) -> None:
        """Hold all packets for so long from now; then they leave in order, all at once."""
        self._instruct(to, stall_ms=stall_ms)

    def set_up(self, up: bool, to: Side | None = None) -> None:
        """Cut the link (what is under way is lost, too) or mend it."""
        self._instruct(to, up=up)

    def report(self) -> dict[Side, dict[str, Any]]:
        """Return, for each side packets go to, the relay's counts and its own lateness in ms."""
        return self._relay.talk({"report": True})

    def forward(self, *urls: str) -> None:
        """Let the client's side reach these loopback URLs of the server's, across the link."""
        ports = sorted({str(urlsplit(url).port) for url in urls})
        for side, source, to in (
            ("server", ADDRESSES["server"], LOOPBACK),
            ("client", LOOPBACK, ADDRESSES["server"]),
        ):
            words = [*self.prefix(side), sys.executable, "-m", "tests.rig.port_forward"]
            self._stack.enter_context(helper([*words, source, to, *ports]))

    def _instruct(self, to: Side | None, **command: Any) -> None:
        for side in (to,) if to else SIDES:
            self._relay.talk({"to": side, **command})


@contextlib.contextmanager
def impaired_link(seed: int = 911) -> Iterator[ImpairedLink]:
    """Make the two sides and the link between them, without any fault yet.

    Raise NamespaceError, which says what to do, where this cannot be.
    """
    namespaces.require()
    namespaces.remove_abandoned()
    with contextlib.ExitStack() as stack:
        mark = f"{random.randrange(1 << 24):06x}"
        names = {
            side: stack.enter_context(namespaces.namespace(f"{mark}-{side}")) for side in SIDES
        }
        devices = {side: f"cp{mark}{side[0]}" for side in SIDES}
        relay = stack.enter_context(
            helper([sys.executable, "-m", "tests.rig.packet_relay", *devices.values(), str(seed)])
        )
        for side in SIDES:
            _place_device(devices[side], names[side], side)
        yield ImpairedLink(names, relay, stack)


def _place_device(device: str, name: str, side: Side) -> None:
    """Move a device into its namespace; it is the way to everywhere from there.

    A browser takes the address that leads to the default route for its only one.
    """
    ip = namespaces.ip
    other = ADDRESSES[other_side(side)]
    ip("link", "set", device, "netns", name)
    ip("link", "set", device, "name", DEVICE, inside=name)
    ip("address", "add", ADDRESSES[side], "peer", other, "dev", DEVICE, inside=name)
    ip("link", "set", DEVICE, "mtu", str(MTU_BYTES), "up", inside=name)
    ip("route", "add", "default", "via", other, "dev", DEVICE, inside=name)
