"""A root like a fresh container's: this machine's packages, an empty home, no sound, none of ours.

An overlay of `/` in a mount and process namespace of its own, so that programs may install what
they like: nothing of it reaches this machine. Needs Linux and root, as the tests of networks do.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from callplayer.progress import now_and_then
from callplayer.service.livekit.binary import cached_binary, ensure_binary

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = "/root"
CLONE = f"{HOME}/callplayer"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
REGISTRIES = ("PIP_", "GOPROXY", "HTTP", "http", "NO_PROXY", "no_proxy", "SSL_", "REQUESTS_", "UV_")
"""Variables that say how this machine reaches package registries."""

SCRIPT = """set -e
cd {folder}
mkdir -p upper work root home tmp
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
mount --bind home root/root
mount --bind tmp root/tmp
mount -t proc proc root/proc
mount --rbind /dev root/dev
mount --rbind /sys root/sys
[ ! -d root/dev/snd ] || mount -t tmpfs none root/dev/snd
for hidden in root/run root/home root/work; do
    [ ! -d $hidden ] || mount -t tmpfs none $hidden
done
mkdir -p root/run/lock root/tmp/pip
mount --bind {pip_cache} root/tmp/pip
exec chroot root /bin/sh -c 'echo ready; exec cat'
"""


class CleanRoot:
    """A clean root with a clone of this work tree, whose livekit-server is built.

    `cold`: it is not, and pip has to fetch every package anew.
    """

    def __init__(self, folder: Path, *, cold: bool = False) -> None:
        if sys.platform != "linux" or os.geteuid() != 0:
            raise RuntimeError("a clean root is an overlay of this one: run on Linux, as root")
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        pip_cache = Path(os.environ.get("PIP_CACHE_DIR", "~/.cache/pip")).expanduser()
        if cold:
            pip_cache = folder / "pip"
        pip_cache.mkdir(parents=True, exist_ok=True)
        _copy_work_tree(self.home / "callplayer")
        if not cold:
            binary = ensure_binary(now_and_then(print))
            target = self.home / ".cache" / cached_binary().relative_to(_cache_home())
            target.parent.mkdir(parents=True)
            shutil.copy(binary, target)
        script = SCRIPT.format(folder=shlex.quote(str(folder)), pip_cache=pip_cache)
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            assert self._holder.stderr is not None
            raise RuntimeError(f"no clean root: {self._holder.stderr.read().decode()}")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        self._pid = children.read_text().split()[0]

    def argv(self, *command: str, directory: str = CLONE) -> list[str]:
        """Return what runs a command in the root, in the clone or another directory of it."""
        enter = ["nsenter", f"--target={self._pid}", "--mount", "--pid", "--root", "--wd"]
        return [*enter, "sh", "-c", 'cd "$0" && exec "$@"', directory, *command]

    def environment(self, **variables: str) -> dict[str, str]:
        """Return a login's environment, without anything of this machine's but its registries."""
        registries = {k: v for k, v in os.environ.items() if k.startswith(REGISTRIES)}
        fixed = {"HOME": HOME, "PATH": PATH, "LANG": "C.UTF-8", "USER": "root"}
        pip = {"PIP_CACHE_DIR": "/tmp/pip", "PIP_COMPILE": "0"}
        return registries | fixed | pip | variables

    def run(
        self,
        command: str | Sequence[str],
        *,
        directory: str = CLONE,
        variables: Mapping[str, str] | None = None,
        text: str = "",
        timeout_s: float = 300.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, or a line of bash, to its end with `text` for its stdin."""
        words = ["bash", "-c", command] if isinstance(command, str) else list(command)
        return subprocess.run(
            self.argv(*words, directory=directory),
            env=self.environment(**(variables or {})),
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def close(self) -> None:
        """End all that runs in the root, and take it down."""
        for pipe in (self._holder.stdin, self._holder.stdout, self._holder.stderr):
            assert pipe is not None
            pipe.close()
        # It ends with its stdin; `unshare` itself takes no SIGTERM.
        try:
            self._holder.wait(timeout=5)
        finally:
            self._holder.kill()
            self._holder.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _cache_home() -> Path:
    return cached_binary().parents[2]


def _copy_work_tree(target: Path) -> None:
    """Copy what a clone would have: the files that git knows, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source = REPOSITORY / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / name)
