"""A headless engine that goes on in a new process image when its sound system has ended.

PortAudio cannot close a stream whose PipeWire or JACK has ended: its thread spins for ever, or it
aborts. So this process is replaced by a new one, with the same client on its stdin and stdout, in
which the call is restored. Under a screen the screen does this, and better: it shows it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from callplayer.ipc import codec
from callplayer.ipc import messages as m
from callplayer.ipc.restore import SYSTEM_GONE, is_connected, paused_argv, restore_requests
from callplayer.vendor.values import WireError

RESTORE_VARIABLE = "CALLPLAYER_RESTORE"
"""The requests that bring the call back, as lines."""

LEAST_LIFE_S = 3.0


class Revival:
    """Watches the events of an engine for the end of its sound system.

    `emit` is where they go; what says that the engine ends is then left out. A process that has
    lived for less than `least_life_s` is not replaced: it would be for ever.
    """

    def __init__(
        self, emit: Callable[[m.Event], bool], *, least_life_s: float = LEAST_LIFE_S
    ) -> None:
        self._emit = emit
        self._least_life_s = least_life_s
        self._began_s = time.monotonic()
        self._last: m.StateEvent | None = None
        self._lost_s: float | None = None
        self._restore = tuple(_requests_to_restore())
        self.handle: Callable[[m.Request], object] = lambda _: None
        """Takes the requests that restore the call of the process that was here before."""

    def emit(self, event: m.Event) -> bool:
        """Pass an event on; return whether it was written."""
        match event:
            case m.StateEvent() if is_connected(event):
                self._last = event
                requests, self._restore = self._restore, ()
                for request in requests:
                    asyncio.get_running_loop().call_soon(self.handle, request)
            case m.ErrorEvent(code=code) if code == SYSTEM_GONE and self._last is not None:
                now_s = time.monotonic()
                if now_s - self._began_s >= self._least_life_s:
                    self._lost_s = now_s
                    event = msgspec.structs.replace(event, exit_code=None)
            case m.ByeEvent() if self._lost_s is not None:
                return True
        return self._emit(event)

    @property
    def lines(self) -> str | None:
        """Return the requests that restore the call in a new process; None if none is due."""
        if self._lost_s is None or self._last is None:
            return None
        requests = restore_requests(self._last, self._lost_s)
        return b"".join(codec.encode_line(request) for request in requests).decode()


def _requests_to_restore() -> Iterable[m.Request]:
    """Return what restores the call of the process that was here before; no child inherits it."""
    for line in os.environ.pop(RESTORE_VARIABLE, "").splitlines():
        try:
            yield codec.decode_request(line.encode())
        except WireError:
            continue


def replace_process(lines: str, argv: Sequence[str]) -> None:
    """Run the command line again in place of this process, with its call restored by `lines`."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.environ[RESTORE_VARIABLE] = lines
    command = [sys.executable, "-P", "-m", "callplayer", *paused_argv(argv)]
    os.execv(command[0], command)  # noqa: S606 - this program itself
