"""The table of servers in a real room."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from tests.vendors.rig import Rig
from tests.vendors.room_play import Heard
from tests.vendors.rooms import SERVERS

HEAD = ("server", "heard", "start lost", "old sound", "silent after a jump", "lost (−: again)",
        "commands on the wire", "verdict")  # fmt: skip


def print_rooms(parts: Sequence[str]) -> int:
    """Play against the servers whose names hold one of `parts`, or all; return the exit code."""
    servers = [
        server
        for server in SERVERS
        if not parts or any(part.lower() in server.name.lower() for part in parts)
    ]
    print("|", " | ".join(HEAD), "|")
    print("|", " | ".join("---" for _ in HEAD), "|", flush=True)
    bad = 0
    with contextlib.closing(Rig()) as rig:
        for server in servers:
            try:
                heard = server.play(rig)
            except (AssertionError, RuntimeError) as error:
                heard = Heard(server.name, wrong=[str(error).replace("|", "/")[:200]])
            bad += bool(heard.wrong)
            print("|", " | ".join(cells(heard)), "|", flush=True)
    print(f"\n{len(servers) - bad} of {len(servers)} servers are played as they should be.")
    return 1 if bad else 0


def cells(heard: Heard) -> tuple[str, ...]:
    """Return the cells of one line."""
    silent, off = _ms(heard.silent_ms), _ms(heard.off_ms)
    if heard.silence_s is not None:
        silent += f" (a silence was {heard.silence_s:.1f} s long)"
    if heard.own_ms:
        silent += f" ({heard.own_ms:.0f} may be the server's own)"
    if heard.keyframe_ms > 1.0:
        off += f" ({heard.keyframe_ms:.0f} of them the server's, to its keyframe)"
    if heard.buffer_ms is not None:
        silent += f" (jitter buffer {heard.buffer_ms:+.0f} ms of rest)"
    commands = ", ".join(f"{count} {name}" for name, count in sorted(heard.commands.items()))
    if heard.holds:
        commands += f" ({heard.holds} pause, scrub and resume for the sound device)"
    return (
        heard.name,
        ", ".join(heard.voices),
        _ms(heard.start_lost_ms),
        _ms(heard.old_ms),
        silent,
        off,
        commands,
        "; ".join(heard.wrong) or "good",
    )


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} ms"
