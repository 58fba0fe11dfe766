"""A process ends without ending the interpreter, and loses nothing that it wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ENDS = """
import atexit, logging, sys, threading
from callplayer.exit import exit_process
logging.basicConfig(filename=sys.argv[1], level=logging.INFO)
atexit.register(print, "finalised")
threading.Thread(target=threading.Event().wait).start()  # no daemon: it would be waited for
sys.stdout.write("x" * 5_000 + "the last word")
logging.info("the last line")
exit_process(3)
"""

SYSTEM_EXIT = """
import sys
from callplayer import cli
def main():
    sys.exit({code!r})
cli.main = main
cli.run()
"""


def _python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_all_that_was_written_is_out_and_nothing_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "ends.log"
    ran = _python(ENDS, str(log))
    assert (ran.returncode, ran.stderr) == (3, "")
    assert ran.stdout == "x" * 5_000 + "the last word"
    assert log.read_text().endswith("the last line\n")


def test_a_command_that_exits_by_itself_keeps_its_code() -> None:
    codes = {None: 0, 0: 0, 2: 2, "refused": 1}
    assert {code: _python(SYSTEM_EXIT.format(code=code)).returncode for code in codes} == codes


def test_output_that_a_full_disk_does_not_take_is_an_error() -> None:
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "callplayer", "keys"],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
    assert ran.returncode == 1
    assert ran.stderr.startswith("callplayer: The output cannot be written: No space left")
