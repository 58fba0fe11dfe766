"""A recording as the engine's source: the pure parts, and the rules between it and the call."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from callplayer.engine.session.file_words import NO_WORDS
from callplayer.engine.session.source import LocalPath
from callplayer.ipc import messages as m
from callplayer.vendor.commands import Pause, Resume, Scrub, ScrubToEnd
from tests.unit.engine.session.playing_file import PlayingFile

SECONDS = 20
PATIENCE_S = 30.0


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recording in which each second has a level of its own, and no words beside it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "call.wav"
    level = np.repeat(np.arange(1, SECONDS + 1, dtype=np.int16) * 1000, 48_000)
    soundfile.write(path, np.stack([level, -level], axis=1), 48_000)
    return path


class Played(PlayingFile):
    """Notes the frames of each party, too."""

    def __init__(self, path: Path, start: m.Start = "paused") -> None:
        super().__init__(path, start)
        self.frames: list[tuple[float, str, int]] = []
        really = self.engine.on_frame

        def on_frame(track_id: str, pcm: npt.NDArray[np.int16]) -> None:
            self.frames.append((time.monotonic(), track_id, int(pcm[len(pcm) // 2])))
            really(track_id, pcm)

        self.engine.on_frame = on_frame  # type: ignore[method-assign]

    async def __aenter__(self) -> Played:
        await self.begin(lambda s: s.phase != "connecting")
        return self


async def test_a_jump_is_asked_for_then_confirmed_and_what_comes_is_of_the_new_place(
    call: Path,
) -> None:
    async with Played(call, "play") as played:
        await played.until(lambda s: s.position_ms > 200)
        played.events.clear()
        asked_s = time.monotonic()
        played.engine.handle(Scrub(12_000))
        await played.until(lambda s: s.requested_ms is None and s.position_ms >= 12_000)
        states = [e for e in played.events if isinstance(e, m.StateEvent)]
        assert states[0].requested_ms == 12_000, "a client must see what was asked for"
        assert played.state.position_ms < 15_000
        await asyncio.sleep(0.1)
        after = [v for at_s, who, v in played.frames if who == "caller" and at_s > asked_s + 0.02]
        assert after
        # The new place fades in: what comes is of it or of silence, never of the old one.
        assert all(13_000 <= value <= 16_000 for value in after[1:])


async def test_frames_come_while_paused_too_and_are_silent(call: Path) -> None:
    async with Played(call) as played:
        await asyncio.sleep(0.2)
        played.frames.clear()
        began_s = time.monotonic()
        await asyncio.sleep(0.6)
        due = (time.monotonic() - began_s) / 0.01
        for party in ("caller", "callTaker"):
            values = [value for _, who, value in played.frames if who == party]
            assert 5 < len(values) < due + 12, "a machine that stands still plays less, none more"
            assert set(values) == {0}


async def test_gains_apply_to_each_party_and_are_held_inside_the_contracts_bounds(
    call: Path,
) -> None:
    async with Played(call, "play") as played:
        played.engine.handle(m.SetPartyGain(-20.0, "caller"))
        played.engine.handle(m.SetPartyGain(500.0, "callTaker"))
        await asyncio.sleep(0.2)
        last = {who: value for _, who, value in played.frames}
        assert abs(last["caller"] - 100) <= 2
        assert abs(last["callTaker"] + 10_000) <= 50
        gains = {party.party: party.gain_db for party in played.state.parties}
        assert gains == {"caller": -20.0, "callTaker": 20.0}


async def test_the_end_is_reached_by_playing_and_by_the_key(call: Path) -> None:
    async with Played(call, "play") as played:
        played.engine.handle(Scrub(SECONDS * 1000 - 300))
        state = await played.until(lambda s: s.phase == "at-end")
        assert state.position_ms == state.duration_ms == SECONDS * 1000
        played.engine.handle(m.TogglePause())
        await played.until(lambda s: s.phase == "playing" and s.position_ms < 2000)
        played.engine.handle(ScrubToEnd())
        await played.until(lambda s: s.phase == "at-end")


async def test_a_pause_goes_back_to_where_the_sound_broke_off(call: Path) -> None:
    async with Played(call, "play") as played:
        await played.until(lambda s: s.position_ms > 500)
        before = played.state
        played.engine.handle(Pause())
        await asyncio.sleep(0.3)
        state = played.state
        assert (state.phase, state.requested_ms) == ("paused", None)
        assert before.audible_ms - 100 <= state.position_ms <= before.position_ms + 1000
        played.engine.handle(Resume())
        await played.until(lambda s: s.phase == "playing")


async def test_a_file_says_so_in_each_state_and_has_no_server_to_come_back_to(call: Path) -> None:
    async with Played(call) as played:
        assert (played.state.source, played.state.recording) == ("recording", "call.wav")
        played.engine.handle(m.RetryNow())
        errors = [e for e in played.events if isinstance(e, m.ErrorEvent)]
        assert [e.code for e in errors] == ["no-server"]
        async with asyncio.timeout(PATIENCE_S):
            while m.TranscriptEvent(state="none", detail=NO_WORDS) not in played.events:
                await asyncio.sleep(0.01)


async def test_a_sidecar_that_is_broken_is_reported_and_the_call_plays(call: Path) -> None:
    call.with_suffix(".json").write_text("{")
    async with Played(call, "play") as played:
        reported: list[m.TranscriptEvent] = []
        async with asyncio.timeout(PATIENCE_S):
            while not any(e.state == "none" for e in reported):
                reported = [e for e in played.events if isinstance(e, m.TranscriptEvent)]
                await asyncio.sleep(0.01)
        assert "call.json" in reported[-1].detail
        assert not any(isinstance(e, m.ErrorEvent) for e in played.events)
        assert any(isinstance(e, m.IncidentEvent) for e in played.events)
        await played.until(lambda s: s.phase == "playing")


@pytest.mark.parametrize("suffix", [".vtt", ".srt"])
async def test_subtitles_beside_a_file_are_its_words(call: Path, suffix: str) -> None:
    head = "WEBVTT\n\n" if suffix == ".vtt" else "1\n"
    stop = "." if suffix == ".vtt" else ","
    cue = f"00:00:02{stop}000 --> 00:00:03{stop}000\nCaller: smoke upstairs\n"
    call.with_suffix(suffix).write_text(head + cue)
    call.with_suffix(".json").write_text('{"incident": {}}')
    async with Played(call) as played:
        words: list[m.WordsEvent] = []
        async with asyncio.timeout(PATIENCE_S):
            while not words:
                words = [e for e in played.events if isinstance(e, m.WordsEvent)]
                await asyncio.sleep(0.01)
        assert [word.word for word in words[0].words] == ["smoke", "upstairs"]
        assert words[0].words[0].speaker == "Caller"


async def test_a_file_that_cannot_be_read_any_more_ends_the_call_in_words(call: Path) -> None:
    played = Played(call, "play")
    await played.begin(lambda s: s.advancing)
    os.truncate(call, 200_000)
    assert played.running is not None
    async with asyncio.timeout(PATIENCE_S):
        assert await played.running == 2
    assert played.state.phase == "failed"
    (error,) = (each for each in played.events if isinstance(each, m.ErrorEvent))
    assert error.message == f"{call} cannot be read: it is shorter than it was."


def test_there_is_no_way_for_sound_to_be_on() -> None:
    path = LocalPath()
    assert (path.delay_ms, path.jitter_buffer_ms, path.turnover_ms(1.0)) == (0.0, 0.0, 0.0)
    assert path.network_ms is None
