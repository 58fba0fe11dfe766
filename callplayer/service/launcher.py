"""The service in a process of its own, watched: started again on the same port when it dies."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from callplayer.config import Secret, without_settings
from callplayer.errors import CallplayerError, ServiceError, UsageError
from callplayer.logs import RedactingFormatter, put_aside
from callplayer.paths import log_path, make_private_folder
from callplayer.retry import RESTARTS
from callplayer.service.server import LIVE_FROM
from callplayer.supervise import ChildProcess
from callplayer.text import plain_text

READY_TIMEOUT_S = 30.0
MAX_READY_BYTES = 100_000

log = logging.getLogger("callplayer.service.launcher")


@dataclass(frozen=True)
class Serving:
    """What the service reported when it was ready: its addresses and the incidents' ids."""

    api_url: str
    stream_url: str
    incidents: tuple[str, ...]


class ServiceChild:
    """`callplayer serve` with credentials of its own, from `start` to `close`.

    It ends when its stdin does, so not even a parent that is killed leaves it behind. When it ends
    by itself a thread starts it again with the same port, credentials and recordings; the player
    reconnects by itself. What happens is in service.log.
    """

    def __init__(self, recordings: Sequence[Path], binary: Path, *, live: bool = False) -> None:
        self.client_id = secrets.token_hex(8)
        self.client_secret = Secret(secrets.token_urlsafe(32))
        self._flags = (f"--livekit-server={binary}", *(["--live"] * live))
        self._recordings = tuple(map(str, recordings))
        # The user's own secret, if there is one, is a vendor's: nothing to a service of ours.
        self._environment = without_settings(os.environ) | {
            "CALLPLAYER_SERVE_CLIENT_ID": self.client_id,
            "CALLPLAYER_SERVE_CLIENT_SECRET": self.client_secret.reveal(),
            LIVE_FROM: str(time.monotonic()),
        }
        self._port = 0
        self._process: ChildProcess | None = None
        self._closing = threading.Event()
        self._lock = threading.Lock()  # holds _process still while it is replaced or ended
        self._watcher = threading.Thread(target=self._watch, name="service", daemon=True)

    def start(self) -> Serving:
        """Start the service and return when it is ready; raise its own error if it refuses."""
        serving = wait_until_ready(self._spawn())
        self._port = urlsplit(serving.api_url).port or 0
        self._watcher.start()
        return serving

    def close(self) -> None:
        """End the service, in order if it can be, also one that is just being started again."""
        self._closing.set()
        with self._lock:
            process = self._process
        if process is None:
            return
        process.end_now()
        if self._watcher.ident is not None:
            self._watcher.join()

    def __enter__(self) -> ServiceChild:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spawn(self) -> ChildProcess:
        """Start a process and keep it; raise ServiceError if that fails or all is being closed."""
        argv = [
            sys.executable, "-P", "-m", "callplayer", "serve", f"--port={self._port}",
            "--exit-with-stdin", *self._flags, "--", *self._recordings,
        ]  # fmt: skip
        with self._lock:
            if self._closing.is_set():
                raise ServiceError("The replay service is being closed.", "Start again.")
            try:
                self._process = ChildProcess(
                    argv, self._environment, _open_log(), stdout=subprocess.PIPE
                )
            except OSError as error:
                raise ServiceError(
                    f"The replay service cannot be started: {error.strerror}.",
                    "Check free memory, disk space and the number of processes.",
                ) from error
            return self._process

    def _watch(self) -> None:
        """Wait for the process to end, start the next, until closed or given up."""
        restarts_s: list[float] = []
        with _logging_to_service_log():
            while not self._closing.is_set():
                assert self._process is not None
                code = self._process.wait()
                if self._closing.is_set():
                    return
                self._process.close_pipes()
                log.warning("the replay service has ended by itself (exit code %d)", code)
                delay_s = RESTARTS.delay_s(restarts_s, time.monotonic())
                if delay_s is None:
                    log.error("the replay service ends again and again; it stays ended now")
                    return
                if self._closing.wait(delay_s):
                    return
                restarts_s.append(time.monotonic())
                self._restart()

    def _restart(self) -> None:
        """Start a process and wait until it is ready, or end it."""
        process = None
        try:
            process = self._spawn()
            wait_until_ready(process)
            log.info("the replay service runs again")
        except CallplayerError as error:
            if not self._closing.is_set():
                log.warning("the replay service did not start: %s %s", error.what, error.hint)
            if process is not None:
                process.end_now()


def wait_until_ready(process: ChildProcess) -> Serving:
    """Return what the process reports when it is ready; raise UsageError or ServiceError if not."""
    line = process.read_line(READY_TIMEOUT_S, MAX_READY_BYTES)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        report = json.loads(line)
        if not report["ready"]:
            raise _refusal(str(report["what"]), str(report["hint"]), report.get("exit_code"))
        incidents = tuple(str(incident) for incident in report["incidents"])
        if incidents:
            return Serving(str(report["api_url"]), str(report["stream_url"]), incidents)
        raise ServiceError("There is no call to play.", "Name a recording of your own.")
    raise ServiceError("The replay service did not start.", f"{log_path('service.log')} says why.")


def _refusal(what: str, hint: str, exit_code: object) -> CallplayerError:
    kind = UsageError if exit_code == UsageError.exit_code else ServiceError
    return kind(plain_text(what, 400), plain_text(hint, 400))


def _open_log() -> int:
    path = log_path("service.log")
    make_private_folder(path.parent)
    put_aside(path)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


@contextlib.contextmanager
def _logging_to_service_log() -> Iterator[None]:
    """Have what is logged here stand in service.log too, between the service's own lines."""
    handler = logging.FileHandler(log_path("service.log"), encoding="utf-8")
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
