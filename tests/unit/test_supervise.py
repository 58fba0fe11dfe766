"""Child processes: started with what they are given only, and ended for sure."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from callplayer.supervise import ChildProcess, EndLimits
from tests.rig.processes import soon

SHORT = EndLimits(leave_s=0.2, terminate_s=(0.2,))
STUBBORN = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
)


def python(code: str, log: Path, *, limits: EndLimits = SHORT, **environment: str) -> ChildProcess:
    return ChildProcess(
        [sys.executable, "-c", code],
        environment,
        os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        stdout=subprocess.PIPE,
        limits=limits,
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import sys; print(flush=True); sys.stdin.read(); sys.exit(3)", 3),
        ("import time; print(flush=True); time.sleep(60)", -signal.SIGTERM),
        (STUBBORN, -signal.SIGKILL),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
def test_it_is_asked_to_leave_then_terminated_then_killed(tmp_path, code, status, is_async):
    limits = EndLimits(leave_s=5.0 if status == 3 else 0.2, terminate_s=(0.2,))
    if status == -signal.SIGTERM:
        limits = EndLimits(leave_s=0.2, terminate_s=(5.0,))
    child = python(code, tmp_path / "log", limits=limits)
    assert child.read_line(10.0, 100) == b"\n"
    assert child.exit_status() is None
    if is_async:
        asyncio.run(child.end())
    else:
        child.end_now()
    assert child.exit_status() == status


def test_each_sigterm_has_its_time_and_stdin_stays_open_without_a_time_to_leave(tmp_path):
    code = (
        "import signal, sys, time\n"
        "seen = []\n"
        "def note(*_):\n"
        "    seen.append(1)\n"
        "    if len(seen) == 2: sys.exit(7)\n"
        "signal.signal(15, note)\n"
        "print(flush=True)\n"
        "while True: time.sleep(0.01)\n"
    )
    limits = EndLimits(leave_s=0.0, terminate_s=(0.2, 10.0))
    child = python(code, tmp_path / "log", limits=limits)
    assert child.read_line(10.0, 100) == b"\n"
    child.end_now()
    assert child.exit_status() == 7


def test_it_has_the_environment_that_it_was_given_and_a_session_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CALLPLAYER_TEST_ONLY", "1")
    code = "import os; print(sorted(os.environ), os.getsid(0) == os.getpid(), flush=True)"
    child = python(code, tmp_path / "log", GIVEN="1")
    line = child.read_line(10.0, 1000)
    child.end_now()
    assert b"GIVEN" in line
    assert b"CALLPLAYER_TEST_ONLY" not in line
    assert line.endswith(b"True\n")


def test_what_it_writes_to_stderr_is_logged_without_secrets(tmp_path):
    secret = "eyJhbGciOiJIUzI1NiJ9.eyJ2aWRlbyI6e30sImlzcyI6ImtleSJ9.c2lnbmF0dXJl"
    code = f"import sys; print('joined with {secret}', file=sys.stderr, flush=True)"
    child = python(code, tmp_path / "log")
    assert child.wait() == 0
    child.end_now()
    assert soon((tmp_path / "log").read_text)
    assert "joined with" in (tmp_path / "log").read_text()
    assert secret not in (tmp_path / "log").read_text()


def test_a_first_line_that_does_not_come_or_does_not_end_is_not_waited_for(tmp_path):
    child = python("import time; time.sleep(60)", tmp_path / "log")
    assert child.read_line(0.1, 100) == b""
    child.end_now()
    child = python(
        "import time; print('x' * 500, end='', flush=True); time.sleep(60)", tmp_path / "log"
    )
    assert len(child.read_line(10.0, 100)) >= 100
    child.end_now()


async def test_its_end_is_noticed(tmp_path):
    child = python("raise SystemExit(5)", tmp_path / "log")
    async with asyncio.timeout(10.0):
        assert await child.ended() == 5
    await child.end()


def test_a_program_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="not-there"):
        ChildProcess([str(tmp_path / "not-there")], {}, os.open(os.devnull, os.O_WRONLY))
