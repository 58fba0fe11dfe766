"""The program in the middle of an impaired link: carries IP packets between two TUN devices.

Run as `python -m tests.rig.packet_relay SERVER_DEVICE CLIENT_DEVICE SEED`. It makes both devices,
says `{"ready": true}`, then takes commands on stdin, a line of JSON each, and answers each with a
line: the words of `Impairment` to set (`"set"`), `"stall_ms"`, `"up"`, each with `"to"` (`"client"`
or `"server"`); or `{"report": true}`. It ends with its stdin, and its devices with it.

What becomes of a packet, in this order: it is dropped if the link is down, by chance, or because it
is one of UDP and that is blocked; it is held for the delay and an extra time drawn evenly from 0 to
the jitter, packet by packet; it never overtakes the one before it (a queue does not either) unless
order is not to be kept; and nothing leaves during a stall, after which all that was held leaves at
once.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import heapq
import itertools
import json
import os
import random
import select
import struct
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

TUN = "/dev/net/tun"
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PR_SET_TIMERSLACK = 29
MAX_PACKET_BYTES = 65_536
MAX_HELD_PACKETS = 10_000
MAX_READS_AT_ONCE = 32
REALTIME_PRIORITY = 10
PROTOCOL_AT, UDP = 9, 17
"""Where an IPv4 packet names its protocol (RFC 791), and UDP's number."""


@dataclass(frozen=True)
class Impairment:
    """What one direction of the link does to packets."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss_percent: float = 0.0
    keep_order: bool = True
    udp_blocked: bool = False


class Direction:
    """One way through the relay: packets read from one device wait here for their time."""

    def __init__(self, source: int, target: int, seed: int) -> None:
        self.source = source
        self._target = target
        self._impairment = Impairment()
        self._drops, self._jitters = random.Random(seed), random.Random(seed + 1)
        self._held: list[tuple[float, int, bytes]] = []
        self._numbers = itertools.count()
        self._last_due_s = 0.0
        self._stalled_until_s = 0.0
        self._up = True
        self._carried = self._dropped = self._refused = 0
        self._late_s: deque[float] = deque(maxlen=20_000)

    def obey(self, command: dict[str, Any]) -> None:
        """Change what is done to packets from now on."""
        if "set" in command:
            self._impairment = Impairment(**command["set"])
        if "stall_ms" in command:
            self._stalled_until_s = time.monotonic() + command["stall_ms"] / 1000
        if "up" in command:
            self._up = command["up"]
            if not self._up:
                self._dropped += len(self._held)
                self._held.clear()

    def take_in(self) -> None:
        """Read what has come and decide each packet's fate."""
        for _ in range(MAX_READS_AT_ONCE):
            try:
                packet = os.read(self.source, MAX_PACKET_BYTES)
            except BlockingIOError:
                return
            self._hold(packet, time.monotonic())

    def _hold(self, packet: bytes, now_s: float) -> None:
        done = self._impairment
        lost = self._drops.random() * 100 < done.loss_percent
        lost |= done.udp_blocked and packet[PROTOCOL_AT] == UDP
        extra_ms = self._jitters.random() * done.jitter_ms
        if lost or not self._up or len(self._held) >= MAX_HELD_PACKETS:
            self._dropped += 1
            return
        due_s = now_s + (done.delay_ms + extra_ms) / 1000
        if done.keep_order:
            due_s = max(due_s, self._last_due_s)
        self._last_due_s = due_s
        heapq.heappush(self._held, (due_s, next(self._numbers), packet))

    @property
    def next_s(self) -> float:
        """Return when something is to be done next."""
        return max(self._held[0][0], self._stalled_until_s) if self._held else float("inf")

    def let_out(self) -> None:
        """Pass on every packet whose time has come."""
        while self.next_s <= time.monotonic():
            self._late_s.append(time.monotonic() - self.next_s)
            _, _, packet = heapq.heappop(self._held)
            try:
                os.write(self._target, packet)
                self._carried += 1
            except OSError:  # the device is not up (yet), or its queue is full
                self._refused += 1

    def report(self) -> dict[str, Any]:
        """Return counts, and by how much the relay itself was late of late, in ms."""
        late_ms = sorted(late_s * 1000 for late_s in self._late_s)
        return {
            "carried": self._carried,
            "dropped": self._dropped,
            "refused": self._refused,
            "late_p50_ms": late_ms[len(late_ms) // 2] if late_ms else 0.0,
            "late_p99_ms": late_ms[len(late_ms) * 99 // 100] if late_ms else 0.0,
            "late_max_ms": late_ms[-1] if late_ms else 0.0,
            "impairment": asdict(self._impairment),
        }


def open_tun(name: str) -> int:
    """Make a TUN device; return its file descriptor, which does not block."""
    descriptor = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def be_prompt() -> None:
    """Ask the kernel to wake this process on time, as far as it allows."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REALTIME_PRIORITY))
    gc.freeze()
    gc.disable()


def carry(ways: dict[str, Direction]) -> None:
    """Carry packets until stdin ends."""
    sources = {way.source: way for way in ways.values()}
    commands = b""
    while True:
        wait_s = min(way.next_s for way in ways.values()) - time.monotonic()
        timeout_s = None if wait_s == float("inf") else max(0.0, wait_s)
        ready, _, _ = select.select([*sources, 0], [], [], timeout_s)
        for way in ways.values():
            if way.source in ready:
                way.take_in()
            way.let_out()
        if 0 in ready:
            read = os.read(0, 4096)
            if not read:
                return
            *lines, commands = (commands + read).split(b"\n")
            for line in lines:
                print(json.dumps(answer(ways, json.loads(line))), flush=True)


def answer(ways: dict[str, Direction], command: dict[str, Any]) -> dict[str, Any]:
    """Obey one command; return what there is to say."""
    if command.get("report"):
        return {name: way.report() for name, way in ways.items()}
    ways[command["to"]].obey(command)
    return {"done": True}


def main() -> None:
    """Make the two devices and carry packets between them."""
    server_device, client_device, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    server, client = open_tun(server_device), open_tun(client_device)
    be_prompt()
    print(json.dumps({"ready": True}), flush=True)
    carry({"client": Direction(server, client, seed), "server": Direction(client, server, -seed)})


if __name__ == "__main__":
    main()
