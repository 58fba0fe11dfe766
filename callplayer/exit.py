"""The end of a process that has run the LiveKit SDK.

The SDK's native threads call into Python at any moment. A thread that asks for the interpreter's
lock while the interpreter is finalised never gets it: CPython before 3.14 ends the thread by
unwinding its stack, which Rust's frames answer with an abort (exit status -6). So the process ends
without finalising the interpreter, once everything that it wrote is out.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import NoReturn


def exit_process(exit_code: int) -> NoReturn:
    """Flush logs, stdout and stderr, then end the process at once with `exit_code`.

    No `atexit` function runs and no thread is waited for: close devices, files and child processes
    before.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or there is none
            stream.flush()
    os._exit(exit_code)
