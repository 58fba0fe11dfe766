"""The real programs, started as a user or a script would: the service and the headless engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

CLIENT_ID = "centre-7"
CLIENT_SECRET = "a-secret-of-the-tests-0123456789"
CALLPLAYER = (sys.executable, "-P", "-m", "callplayer")


def build_at(checkout: Path) -> tuple[str, ...]:
    """Return what starts the callplayer of another checkout, from its own `.venv`."""
    return (str(checkout.resolve() / ".venv/bin/python"), *CALLPLAYER[1:])


Event = dict[str, Any]


def clean_environment(home: Path) -> dict[str, str]:
    """Return this environment without any callplayer setting, and with a home of its own.

    Nor with the size of a terminal: tests of pictures set one, and a program takes it for its own.
    """
    foreign = ("CALLPLAYER_", "XDG_", "COLUMNS", "LINES")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return kept | {"HOME": str(home), "XDG_CACHE_HOME": cache}


def is_running(pid: int) -> bool:
    """Return whether a process lives; one that has ended and waits for its parent does not."""
    try:
        os.kill(pid, 0)
        if sys.platform == "linux":
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
    return True


def descendants(pid: int) -> list[int]:
    """Return the ids of the processes that `pid` and its children have started."""
    children: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        children += map(int, listed.read_text().split())
    return [each for child in children for each in (child, *descendants(child))]


def soon(is_true: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    """Wait for a condition; return whether it came true in time. A long wait looks less often."""
    deadline_s, wait_s = time.monotonic() + timeout_s, 0.02
    while not (done := is_true()) and time.monotonic() < deadline_s:
        time.sleep(wait_s)
        wait_s = min(1.5 * wait_s, 0.1)
    return done


def end(process: subprocess.Popen[Any]) -> None:
    """End a process, if it still runs: by asking, and by force after 10 s."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Service:
    """`callplayer serve` on free ports, ready to be asked.

    `prefix` goes before the program; `environment` holds variables beyond the usual.
    """

    def __init__(
        self,
        home: Path,
        *recordings: Path,
        flags: Sequence[str] = (),
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log_path = home / "service.stderr"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*prefix, *CALLPLAYER, "serve", "--port=0", "--exit-with-stdin", *flags, "--",
                 *map(str, recordings)],
                env=clean_environment(home) | {
                    "CALLPLAYER_SERVE_CLIENT_ID": CLIENT_ID,
                    "CALLPLAYER_SERVE_CLIENT_SECRET": CLIENT_SECRET,
                } | dict(environment or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the service did not start: {self.log_path.read_text()}")
        reported = json.loads(line)
        assert reported["ready"], reported
        self.api_url: str = reported["api_url"]
        self.incidents: list[str] = reported["incidents"]
        self.environment = {
            "CALLPLAYER_API_URL": self.api_url,
            "CALLPLAYER_STREAM_URL": reported["stream_url"],
            "CALLPLAYER_CLIENT_ID": CLIENT_ID,
            "CALLPLAYER_CLIENT_SECRET": CLIENT_SECRET,
        }

    def stop(self) -> int:
        """End it as its parent's death would: by the end of its stdin."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            code = self.process.wait(timeout=15)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
        return code


class HeadlessEngine:
    """`callplayer INCIDENT --headless`: requests in, events out, each event dated on arrival.

    `prefix` goes before the program.
    """

    def __init__(
        self,
        home: Path,
        environment: dict[str, str],
        incident: str,
        *flags: str,
        prefix: Sequence[str] = (),
    ) -> None:
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            [*prefix, *CALLPLAYER, incident, "--headless", *flags],
            env=clean_environment(home) | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.events: list[tuple[float, Event]] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            with self._news:
                self.events.append((time.monotonic(), event))
                self._news.notify_all()
        with self._news:
            self.events.append((time.monotonic(), {"event": "eof"}))
            self._news.notify_all()

    def send(self, **request: Any) -> float:
        """Write one request; return when."""
        return self.send_line(json.dumps(request).encode())

    def send_line(self, line: bytes) -> float:
        """Write one line as it is; return when."""
        assert self.process.stdin is not None
        now_s = time.monotonic()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        return now_s

    def wait_for(
        self, wanted: Callable[[Event], bool], timeout_s: float = 15.0, since_s: float = 0.0
    ) -> tuple[float, Event]:
        """Return the first event that came since `since_s` and is wanted, and when it came."""
        deadline_s = time.monotonic() + timeout_s
        seen = 0
        with self._news:
            while True:
                for at_s, event in self.events[seen:]:
                    if at_s >= since_s and wanted(event):
                        return at_s, event
                seen = len(self.events)
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or (self.events and self.events[-1][1]["event"] == "eof"):
                    tail = [event for _, event in self.events[-3:]]
                    raise AssertionError(f"the wanted event did not come; last: {tail}")
                self._news.wait(left_s)

    def wait_state(self, since_s: float = 0.0, timeout_s: float = 15.0, **fields: Any) -> Event:
        """Return the first state event since then that has these values."""
        return self.wait_for(
            lambda e: e["event"] == "state" and all(e[k] == v for k, v in fields.items()),
            timeout_s,
            since_s,
        )[1]

    def last(self, kind: str) -> Event:
        """Return the latest event of a kind."""
        return next(event for _, event in reversed(self.events) if event["event"] == kind)

    def quit(self) -> int:
        """Ask it to quit; return its exit code."""
        self.send(cmd="quit")
        return self.finish()

    def finish(self, timeout_s: float = 10.0) -> int:
        """Wait for its end; return its exit code."""
        try:
            code = self.process.wait(timeout=timeout_s)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._reader.join()
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.close()
            self.process.stdout.close()
        return code

    def close(self) -> None:
        """End it, if it still runs; twice does no harm."""
        end(self.process)
        self.finish()
