"""A listener that is not ours: livekit-client in a browser hears a call and steers it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service_fixtures import open_stream, running_service, write_recordings
from tests.rig.browser import start_browser

REPORTED_WITHIN_S = 60.0
DURATION_MS = 20_000


async def heard_by_browser(home: Path, url: str, token: str) -> dict[str, Any]:
    browser = await start_browser("listener.mjs", home)
    try:
        asked = json.dumps({"url": url, "token": token}).encode() + b"\n"
        async with asyncio.timeout(REPORTED_WITHIN_S):
            reported, _ = await browser.communicate(asked)
    finally:
        if browser.returncode is None:
            browser.kill()
            await browser.wait()
    assert browser.returncode == 0
    return dict(json.loads(reported))


async def test_each_command_is_answered_by_a_status_that_agrees(tmp_path: Path) -> None:
    write_recordings(tmp_path, DURATION_MS / 1000)
    with running_service(f"(Path({str(tmp_path / 'call.wav')!r}),), port=0") as service:
        token, url = await open_stream(service, "call.wav", autoplay=False)
        reported = await heard_by_browser(tmp_path, url, token)
    first = {"kind": "status", "position": 0, "duration": DURATION_MS, "paused": True}
    assert reported["first"] == first | {"atEnd": False, "callOver": True}
    answers = {answer["cmd"]: answer["status"] for answer in reported["answers"]}
    assert list(answers) == ["resume", "set-gain", "scrub", "pause", "scrub-to-end"]
    assert None not in answers.values()
    assert [answers[name]["paused"] for name in ("resume", "set-gain", "scrub")] == [False] * 3
    assert 0 <= answers["resume"]["position"] < answers["set-gain"]["position"] < 12_000
    assert 12_000 <= answers["scrub"]["position"] < 13_000
    assert answers["scrub"]["position"] <= answers["pause"]["position"] < DURATION_MS
    assert answers["scrub-to-end"]["position"] == DURATION_MS
    before, after = reported["levels_db"]
    assert set(before) == {"caller", "callTaker"}
    assert min(before.values()) > -20.0  # they are heard
    assert after["caller"] - before["caller"] == pytest.approx(-12.0, abs=2.0)
    assert after["callTaker"] == pytest.approx(before["callTaker"], abs=2.0)
