"""A browser that is not ours speaks in an ingest room: its microphone becomes a live call."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.e2e.live_sources import incident, last_status, live_incident
from tests.e2e.service_fixtures import (
    RATE_HZ,
    heard_position_s,
    listening,
    open_incident,
    running_service,
    signed_in,
    sweep,
    until,
)
from tests.rig.browser import start_browser

PUBLISHED_WITHIN_S = 60.0


async def test_a_browsers_microphone_is_a_live_call(tmp_path: Path) -> None:
    sound = tmp_path / "microphone.wav"
    soundfile.write(sound, sweep("callTaker", 8.0), RATE_HZ, subtype="PCM_16")
    options = "(), port=0, live_sources=LiveSources(ingest=True, end_after_s=0.5)"
    with running_service(options) as service:
        async with signed_in(service) as client:
            answer = await client.post("/ingest/calls", json={"incident": {"created_at": ""}})
        opened = answer.json()
        browser = await start_browser("publisher.mjs", tmp_path)
        assert browser.stdin is not None
        assert browser.stdout is not None
        asked = {
            "url": opened["url"],
            "token": opened["tokens"]["callTaker"],
            "sound": str(sound),
        }
        browser.stdin.write(json.dumps(asked).encode() + b"\n")
        async with asyncio.timeout(PUBLISHED_WITHIN_S):
            assert json.loads(await browser.stdout.readline()) == {"published": True}
        assert await live_incident(service) == opened["incident_id"]
        token, url = await open_incident(service, opened["incident_id"])
        async with listening(token, url) as listener:
            await until(lambda: set(listener.frames) == {"caller", "callTaker"})
            heard = await listener.hear("callTaker", 1.0, settle_s=0.5)
            places_s = [
                heard_position_s(heard[at : at + 2400], "callTaker")
                for at in range(0, 43_200, 4800)
            ]
            steps_s = np.diff(places_s) % 8.0
            assert np.median(steps_s) == pytest.approx(0.1, abs=0.01)
            assert np.abs(np.concatenate(listener.frames["caller"])).max() < 30
            browser.stdin.close()
            await last_status(listener, lambda status: status.call_over)
        assert not (await incident(service, opened["incident_id"]))["is_audio_live"]
        assert await asyncio.wait_for(browser.wait(), 20) == 0
