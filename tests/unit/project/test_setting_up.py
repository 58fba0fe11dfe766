"""What `make` sets up first: after an interruption the next `make` goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.rig.processes import is_running, soon

ROOT = Path(__file__).parents[3]
PYTHON = """#!/bin/sh
if [ "$1" = -c ]; then exec {python} "$@"; fi
echo $$ > {pid}
echo Collecting numpy
exec sleep 60
"""


def test_ctrl_c_ends_pip_and_prints_no_traceback(tmp_path: Path) -> None:
    pid, python = tmp_path / "pid", tmp_path / "python"
    python.write_text(PYTHON.format(python=sys.executable, pid=pid))
    python.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, ROOT / ".ci" / "python-packages", python, "[1/3] ", "numpy"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        assert soon(lambda: pid.exists() and pid.read_text().strip() != "", 10.0)
        os.killpg(running.pid, signal.SIGINT)
        printed, _ = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "[1/3] Python packages" in printed
    assert "Traceback" not in printed
    assert not is_running(int(pid.read_text()))


def test_an_environment_that_has_no_pip_is_made_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)

    def to_do() -> str:
        command = ["make", "--dry-run", f"VENV={tmp_path}", f"{tmp_path}/demo-ready"]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=20
        ).stdout

    assert f"-m venv {tmp_path}" in to_do()
    (tmp_path / "bin" / "pip").touch()
    assert "-m venv" not in to_do()
