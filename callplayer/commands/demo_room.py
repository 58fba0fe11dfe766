"""The real room of a demo that plays a recording meanwhile: built and started in the background."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from callplayer.commands import play
from callplayer.errors import CallplayerError, ServiceError
from callplayer.service.launcher import ServiceChild, Serving
from callplayer.service.livekit.binary import find_binary
from callplayer.service.livekit.build_process import BackgroundBuild

log = logging.getLogger(__name__)


def environment_of(child: ServiceChild, serving: Serving) -> dict[str, str]:
    """Return the variables by which a player finds a service that is ready."""
    return {
        "CALLPLAYER_API_URL": serving.api_url,
        "CALLPLAYER_STREAM_URL": serving.stream_url,
        "CALLPLAYER_CLIENT_ID": child.client_id,
        "CALLPLAYER_CLIENT_SECRET": child.client_secret.reveal(),
    }


class BackgroundRoom:
    """Builds livekit-server and starts a service, from `start` to `close`; a player's successor.

    `notice` is how far that is, in words; `argv` the command line of the engine that goes to the
    room, None until it is there. This process's environment points to the service by then.
    """

    def __init__(self, recordings: Sequence[Path], flags: Sequence[str]) -> None:
        self.argv: tuple[str, ...] | None = None
        self._recordings = tuple(recordings)
        self._flags = tuple(flags)
        self._build = BackgroundBuild()
        self._child: ServiceChild | None = None
        self._error: CallplayerError | None = None
        self._closing = threading.Event()
        self._lock = threading.Lock()  # held while the service is made, or all is closed
        self._thread = threading.Thread(target=self._run, name="room", daemon=True)

    @property
    def notice(self) -> str:
        """How far the room is, in words."""
        if self.argv is not None:
            return "the real room is ready: press R"
        if self.error is not None:
            return f"No real room: {self.error.what}"
        if self._build.ready:
            return "room: starting"
        at = self._build.progress
        return f"room: {at.short_text}" if at is not None else "room: looking for Go"

    @property
    def error(self) -> CallplayerError | None:
        """Why there is no room and will be none; None while there may be one."""
        return self._error or self._build.error

    def start(self) -> None:
        """Begin; returns at once."""
        self._build.start()
        self._thread.start()

    def close(self) -> None:
        """End the build and the service, whatever they are at."""
        self._closing.set()
        self._build.close()
        with self._lock:
            child = self._child
        if child is not None:
            child.close()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._build.wait()
            if self._build.error is not None:
                raise self._build.error
            self._open()
        except CallplayerError as error:
            if not self._closing.is_set():
                log.warning("no real room: %s %s", error.what, error.hint)
            self._error = error

    def _open(self) -> None:
        binary = find_binary()
        if binary is None:
            raise ServiceError("The livekit-server that was built is not there.", "Run again.")
        with self._lock:
            if self._closing.is_set():
                return
            self._child = child = ServiceChild(self._recordings, binary)
        serving = child.start()
        os.environ.update(environment_of(child, serving))
        self.argv = play.engine_argv(serving.incidents[0], self._flags)
