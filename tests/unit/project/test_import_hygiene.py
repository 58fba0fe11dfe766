"""What each part may load, proved in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LIST_MODULES = (
    "import json, sys\n"
    "there = {name for name, module in sys.modules.items() if module}\n"
    "named = {each.split('.')[0] for each in there} | {'livekit.rtc', 'rich.console'} & there\n"
    "print(json.dumps(sorted(named)))"
)
VERSION = (
    "import contextlib, io\n"
    "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
    "    from callplayer.cli import main\n"
    "    main(['--version'])\n"
)


def _loaded_by(code: str) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LIST_MODULES}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(ran.stdout))


@pytest.mark.parametrize(
    ("code", "loaded", "kept_out"),
    [
        (
            "import callplayer.ui.app",
            "callplayer",
            "livekit sounddevice numpy httpx soxr textual rich",
        ),
        ("import callplayer.ui.player_app", "textual", "livekit sounddevice numpy httpx soxr"),
        ("import callplayer.ui.screens.picker", "textual", "livekit sounddevice numpy httpx soxr"),
        ("import callplayer.vendor.client", "httpx", "rich.console click textual livekit numpy"),
        (
            "import callplayer.engine.session.engine",
            "numpy",
            "textual sounddevice livekit httpx av",
        ),
        ("import callplayer.engine.headless", "numpy", "textual sounddevice livekit httpx av"),
        ("import callplayer.engine.session.room_source", "livekit", "textual sounddevice av"),
        ("import callplayer.ipc.messages", "msgspec", "livekit numpy httpx textual"),
        ("import callplayer.vendor.http", "msgspec", "livekit numpy httpx textual sounddevice"),
        ("import callplayer.service.app", "livekit", "livekit.rtc textual sounddevice"),
        (VERSION, "callplayer", "textual livekit httpx numpy sounddevice msgspec"),
    ],
)
def test_only_what_is_needed_is_loaded(code: str, loaded: str, kept_out: str) -> None:
    modules = _loaded_by(code)
    assert loaded in modules
    assert not modules & set(kept_out.split())
