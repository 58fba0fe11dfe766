"""Programs in JavaScript, with the packages that tests/node/package-lock.json pins."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "node"


def node() -> str:
    """Return the node program; raise RuntimeError where there is none."""
    program = shutil.which("node")
    if program is None:
        raise RuntimeError("these tests need node and npm (Debian: nodejs npm)")
    return program


def node_script(script: Path) -> Path:
    """Return a copy of `script` from where it finds the packages, which are installed if need be,
    and what lies beside it in tests/node.

    They are kept in the virtual environment, and installed again when the lock file changes.
    """
    folder = Path(sys.prefix) / "node"
    folder.mkdir(exist_ok=True)
    lock_file = SOURCES / "package-lock.json"
    digest = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    installed = folder / "installed"
    with (folder / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_text() != digest:
            npm = shutil.which("npm")
            if npm is None:
                raise RuntimeError("these tests need npm (Debian: npm)")
            for name in ("package.json", "package-lock.json"):
                shutil.copy(SOURCES / name, folder)
            subprocess.run(
                [npm, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=folder,
                check=True,
                timeout=300,
            )
            installed.write_text(digest)
        for source in (*SOURCES.glob("*.mjs"), script):
            _renew(folder / source.name, source)
        return folder / script.name


def _renew(target: Path, source: Path) -> None:
    """Make the copy `target` what `source` is. Another test may be about to read it."""
    if not target.exists() or target.read_bytes() != source.read_bytes():
        part = target.with_suffix(".part")
        shutil.copy(source, part)
        part.replace(target)
