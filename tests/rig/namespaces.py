"""Network namespaces of the tests' own: made, entered by a thread, and always removed again.

A namespace's name holds the id of the process that made it, so that what a killed run has left
behind is found and removed by the next.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

PREFIX = "callplayer-rig"
CLONE_NEWNET = 0x40000000
TUN = Path("/dev/net/tun")
TUN_DEVICE = os.makedev(10, 200)

_T = TypeVar("_T")


class NamespaceError(RuntimeError):
    """This machine or this user cannot have network namespaces; the text says what to do."""


def ip(*words: str, inside: str | None = None) -> str:
    """Run one `ip` command, in a namespace if one is named; return what it prints."""
    place = ["-n", inside] if inside else []
    done = subprocess.run(
        ["ip", *place, *words], capture_output=True, text=True, timeout=10, check=False
    )
    if done.returncode:
        raise NamespaceError(f"`ip {' '.join([*place, *words])}` failed: {done.stderr.strip()}")
    return done.stdout


def require() -> None:
    """Raise NamespaceError with what to do if namespaces and TUN devices cannot be had."""
    if sys.platform != "linux":
        raise NamespaceError("the impaired link needs Linux: run these tests there, or in CI")
    if os.geteuid() != 0:
        raise NamespaceError("the impaired link makes network namespaces: run the tests as root")
    if shutil.which("ip") is None:
        raise NamespaceError("the impaired link needs `ip`: apt-get install iproute2")
    if not TUN.exists():
        TUN.parent.mkdir(parents=True, exist_ok=True)
        os.mknod(TUN, stat.S_IFCHR | 0o600, TUN_DEVICE)
    try:
        os.close(os.open(TUN, os.O_RDWR))
    except OSError as error:
        raise NamespaceError(
            f"{TUN} cannot be opened ({error.strerror}): `modprobe tun`; "
            "in a container, add the device and the capability NET_ADMIN"
        ) from error


def remove_abandoned() -> None:
    """Remove the namespaces of runs that have ended without doing so."""
    for line in ip("netns", "list").splitlines():
        name = line.split()[0] if line.split() else ""
        maker = name.removeprefix(f"{PREFIX}-").split("-")[0]
        if name.startswith(PREFIX) and not Path(f"/proc/{maker}").exists():
            with contextlib.suppress(NamespaceError):  # another run may have been faster
                ip("netns", "delete", name)


@contextlib.contextmanager
def namespace(label: str) -> Iterator[str]:
    """Make a namespace without IPv6, its loopback up; give its name; remove it at the end."""
    name = f"{PREFIX}-{os.getpid()}-{label}"
    ip("netns", "add", name)
    try:
        call_inside(name, _turn_ipv6_off)
        ip("link", "set", "lo", "up", inside=name)
        yield name
    finally:
        ip("netns", "delete", name)


def _turn_ipv6_off() -> None:
    for place in ("all", "default"):
        path = Path(f"/proc/sys/net/ipv6/conf/{place}/disable_ipv6")
        if path.exists():
            path.write_text("1")


def call_inside(name: str, work: Callable[[], _T]) -> _T:
    """Return what `work` returns in a thread inside the namespace. Its sockets stay inside."""
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            _enter(name)
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name=f"inside {name}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _enter(name: str) -> None:
    """Move the calling thread into the namespace (os.setns is there from Python 3.12 on)."""
    descriptor = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns to {name}")
    finally:
        os.close(descriptor)
