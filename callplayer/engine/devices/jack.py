"""JACK kept out of its database, and PortAudio from ending once it has seen JACK.

PortAudio's Pa_Terminate aborts the process, or hangs, once the JACK server that it has seen at its
start has ended. So after that nothing of it is closed or started anew in this process.

The database is one that a player that was killed can lock for all others.

PortAudio asks at its start whether a JACK server runs. For that libjack opens a Berkeley DB of this
user's in /dev/shm. A process that is killed at that moment leaves its mutex held, and a process
that opens it later waits for ever: no player of that user would have sound again. Nothing that is
played goes through this database (it holds names of ports), and libjack does without where it
cannot be opened.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import functools
from collections.abc import Callable

JACK = "JACK Audio Connection Kit"
"""PortAudio's name for JACK."""

LIBRARY = "libdb-5.3.so"
"""What libjack of Debian, Ubuntu and Fedora is linked with; another one is left alone."""

_Open = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_int, use_errno=True)


@_Open  # type: ignore[untyped-decorator]
def _refuse(_path: bytes, _flags: int, _mode: int) -> int:
    ctypes.set_errno(errno.EACCES)
    return -1


@functools.cache
def keep_from_ending(at_exit: Callable[[], object]) -> None:
    """JACK was seen: let PortAudio not be ended by `at_exit`, sounddevice's handler, either."""
    atexit.unregister(at_exit)


@functools.cache
def keep_out_of_database() -> None:
    """Let Berkeley DB open no file in this process, which uses it for nothing else."""
    try:
        ctypes.CDLL(LIBRARY).db_env_set_func_open(_refuse)
    except (OSError, AttributeError):
        return  # without the library libjack has no database, either
