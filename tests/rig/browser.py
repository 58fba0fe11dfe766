"""Chromium, driven by the scripts in tests/node."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from tests.rig.node import SOURCES, node, node_script


def chromium() -> str:
    """Return the program; raise RuntimeError where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise RuntimeError("this test needs chromium (Debian: chromium)")
    return program


async def start_browser(name: str, home: Path) -> asyncio.subprocess.Process:
    """Start the script `name` of tests/node, which opens a browser and talks by pipes."""
    script = await asyncio.to_thread(node_script, SOURCES / name)
    return await asyncio.create_subprocess_exec(
        node(),
        script,
        env=os.environ | {"CHROMIUM": chromium(), "HOME": str(home)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
