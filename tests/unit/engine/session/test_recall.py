"""What is heard from memory, by what the device is given: a file plays in the engine itself."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from callplayer.config import Settings
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.hold import Hold
from callplayer.engine.devices.portaudio import Output
from callplayer.engine.memory.match import find_match
from callplayer.engine.session.make_source import make_source
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.recall.ear_moves import OTHER_VOLUMES
from callplayer.engine.session.source import Source
from callplayer.ipc import messages as m
from callplayer.vendor.commands import Command, Pause, Resume, Scrub
from tests.unit.engine.session.playing_file import PlayingFile

SECONDS = 30
MOST_OFF_MS = 20.0
"""What a join may be off by, where the sound itself did not show its place."""
NEAR_MS = 200
Pcm = npt.NDArray[np.int16]


@functools.cache
def noise() -> Pcm:
    """Return a call of which any 50 ms are like no others; nothing above 6 kHz."""
    white = np.random.default_rng(911).normal(size=SECONDS * 48_000)
    kernel = np.hanning(9)
    smooth = np.convolve(white, kernel / kernel.sum(), "same")
    return np.asarray(smooth / np.abs(smooth).max() * 20_000, np.int16)


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recording of one party."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "call.wav"
    soundfile.write(path, noise(), 48_000)
    return path


class NotingSound(AudioPipeline):
    """Notes what its device is given, and how often a channel had nothing to give."""

    def __init__(self) -> None:
        super().__init__(48_000, no_audio=True)
        self.blocks: list[tuple[float, npt.NDArray[np.float32]]] = []
        self.mixer: Mixer | None = None

    def attach(self, output: Output, mixer: Mixer) -> None:
        render, self.mixer = mixer.render, mixer

        def noting(out: npt.NDArray[np.float32]) -> None:
            render(out)
            self.blocks.append((time.monotonic(), out[:, 0].copy()))

        mixer.render = noting  # type: ignore[method-assign]
        super().attach(output, mixer)

    @property
    def underruns(self) -> int:
        assert self.mixer is not None
        return sum(channel.underruns for channel in self.mixer.channels)


class Played(PlayingFile):
    """Notes its commands, too. `as_room`: what lacks has to be played, as by a server."""

    patience_s = 20.0

    def __init__(
        self, path: Path, settings: Settings | None = None, *, as_room: bool = False, **more: Any
    ) -> None:
        self.sound = NotingSound()
        self.as_room = as_room
        self.refused_ms: int | None = None
        self.readings: Any = None
        super().__init__(
            path, settings=settings, sound=self.sound, open_source=self.noting_source, **more
        )
        self.commands: list[Command] = []

    def noting_source(self, *given: Any, **more: Any) -> Source:
        source = make_source(*given, **more)
        self.readings = more["path"]
        if self.as_room:
            source.excerpt = lambda *_: None  # type: ignore[method-assign]
        send = source.send

        def noting(commands: Sequence[Command]) -> None:
            self.commands += commands
            send([each for each in commands if not self._refuses(each)])

        source.send = noting  # type: ignore[method-assign]
        return source

    def _refuses(self, command: Command) -> bool:
        """Return whether the server does not obey: jumps beyond `refused_ms` are lost."""
        return (
            isinstance(command, Scrub)
            and self.refused_ms is not None
            and command.position > self.refused_ms
        )

    async def __aenter__(self) -> Played:
        await self.begin(lambda s: s.phase == "playing")
        return self

    def heard(self, since_s: float = 0.0) -> Pcm:
        parts = [block for at_s, block in self.sound.blocks if at_s >= since_s]
        return np.asarray(np.concatenate(parts or [np.zeros(0)]) * 32_768, np.int16)


def place_ms(sound: Pcm, near_ms: float | None = None) -> float | None:
    """Return where in the call 20 ms of sound are from, or where within NEAR_MS of `near_ms`."""
    first_ms = 0 if near_ms is None else max(round(near_ms) - NEAR_MS, 0)
    last_ms = SECONDS * 1000 if near_ms is None else round(near_ms) + NEAR_MS
    found = find_match(sound[:960], noise()[first_ms * 48 : last_ms * 48])
    return None if found is None else first_ms + found.offset / 48


@pytest.mark.records
async def test_say_again_is_heard_in_the_next_block_and_no_server_is_asked(call: Path) -> None:
    async with Played(call) as played:
        await played.until(lambda s: s.audible_ms > 1_500)
        before = played.state
        played.commands.clear()
        asked_s = time.monotonic()
        played.engine.handle(m.SeekBy(-1_000))
        state = played.state
        assert (state.from_memory, state.requested_ms, state.phase) == (True, None, "playing")
        await asyncio.sleep(0.3)
        sound = played.heard(asked_s)
        was_ms = before.audible_ms + (asked_s - before.as_of_s) * 1000 - 1_000
        heard_ms = place_ms(sound[1_000:])
        assert heard_ms is not None
        assert abs(heard_ms - was_ms - 1_000 / 48) < 60
        assert not any(isinstance(each, Scrub) for each in played.commands)
        now = played.state
        back = played.heard(now.as_of_s)
        back_ms = place_ms(back)
        assert back_ms is not None
        assert abs(back_ms - now.audible_ms) < 30


async def test_a_jump_while_the_call_is_held_for_its_device_is_no_pause(call: Path) -> None:
    async with Played(call) as played:
        await played.until(lambda s: s.audible_ms > 2_000)
        hold = Hold(played.call, Delays, lambda commands: None)
        hold.record(time.monotonic())
        hold.engage(time.monotonic(), goes_on=True)
        played.engine.handle(m.SeekBy(-1_000))
        held = played.state
        assert (held.from_memory, held.paused, held.advancing) == (True, False, False)
        hold.release(time.monotonic())
        went_on = await played.until(lambda s: s.advancing)
        assert (went_on.from_memory, went_on.phase) == (True, "playing")
        await played.until(lambda s: s.audible_ms > went_on.audible_ms + 500)


async def test_what_was_broken_is_heard_again_as_the_server_has_it(call: Path) -> None:
    async with Played(call) as played:
        await played.until(lambda s: s.audible_ms > 1_500)
        played.readings.concealed_ms += 150.0
        played.readings.invented_ms += 150.0
        await played.until(lambda s: s.audible_ms > 3_500)
        played.engine.handle(m.SeekBy(-500))
        assert played.state.from_memory, "that is whole"
        played.commands.clear()
        played.engine.handle(m.SeekBy(-2_500))
        assert not played.state.from_memory, "words of that may be gone"
        assert any(isinstance(each, Scrub) for each in played.commands)
        await played.until(lambda s: not s.from_memory and 2_500 < s.audible_ms < 3_000)
        played.engine.handle(m.SeekBy(-1_000))
        assert played.state.from_memory, "that has been sent whole"


@pytest.mark.records
async def test_the_server_rests_and_comes_back_where_the_memory_ends(call: Path) -> None:
    for _ in range(3):
        if await _comes_back(call):
            return
    pytest.fail("the machine stood still for 0.2 s each time: that is a gap")


async def _comes_back(call: Path) -> bool:
    """Return False if the machine stood still for so long that sound was not made in time."""
    async with Played(call) as played:
        await played.until(lambda s: s.audible_ms > 3_000)
        played.engine.handle(Scrub(20_000))
        await played.until(lambda s: s.audible_ms > 20_500)
        played.commands.clear()
        asked_s, underruns = time.monotonic(), played.sound.underruns
        played.engine.handle(m.SeekTo(500))
        assert played.state.from_memory
        assert played.commands == [Pause()], "it plays elsewhere: nothing of it is wanted"
        await played.until(lambda s: s.from_memory and s.audible_ms > 5_500)
        scrubs = [each for each in played.commands if isinstance(each, Scrub)]
        assert len(scrubs) == 1
        assert 1_000 <= scrubs[0].position <= 2_800
        assert isinstance(played.commands[2], Resume)
        if played.sound.underruns > underruns:
            return False
        sound = played.heard(asked_s)[2_400:]
        first_ms = place_ms(sound)
        assert first_ms is not None
        for at in range(0, len(sound) - 960, 24_000):
            heard_ms = place_ms(sound[at:], first_ms + at / 48)
            assert heard_ms is not None, f"silence or another place at {at / 48} ms"
            assert abs(heard_ms - first_ms - at / 48) < MOST_OFF_MS, "nothing skipped or twice"
        return True


@pytest.mark.records
async def test_a_pause_in_memory_goes_on_where_it_broke_off(call: Path) -> None:
    async with Played(call) as played:
        await played.until(lambda s: s.audible_ms > 1_500)
        played.engine.handle(m.SeekTo(200))
        await asyncio.sleep(0.3)
        played.engine.handle(Pause())
        paused = played.state
        assert (paused.phase, paused.paused, paused.advancing) == ("paused", True, False)
        await asyncio.sleep(0.1)
        silent_s = time.monotonic()
        await asyncio.sleep(0.1)
        assert not played.heard(silent_s).any()
        asked_s = time.monotonic()
        played.engine.handle(m.TogglePause())
        await asyncio.sleep(0.2)
        heard_ms = place_ms(played.heard(asked_s)[960:])
        assert heard_ms is not None
        assert abs(heard_ms - paused.audible_ms - 20) < 60


async def test_what_is_not_stored_is_fetched(call: Path) -> None:
    async with Played(call) as played:
        await played.until(lambda s: s.audible_ms > 800)
        played.engine.handle(m.SeekBy(-500))
        assert played.state.from_memory
        played.engine.handle(m.SeekTo(15_000))
        assert not played.state.from_memory
        assert played.commands[-1] == Scrub(15_000)
        await played.until(lambda s: s.audible_ms > 15_100 and s.advancing)


@pytest.mark.measures
async def test_a_loop_turns_to_the_sample(call: Path) -> None:
    async with Played(call) as played:
        await played.until(lambda s: s.audible_ms > 1_500)
        played.engine.handle(m.SetLoop(700, 1_000))
        asked_s = time.monotonic()
        await asyncio.sleep(2.0)
        sound = played.heard(asked_s)[4_800:].astype(float)
        period = 300 * 48
        for turn in range(4):
            one = sound[turn * period :][:period]
            other = sound[(turn + 1) * period :][:period]
            lags = [
                float(one[500:-500] @ other[500 + lag : len(other) - 500 + lag])
                for lag in range(-5, 6)
            ]
            assert int(np.argmax(lags)) == 5
        played.engine.handle(m.EndLoop())
        await played.until(lambda s: s.audible_ms > 1_200)


async def test_a_mix_whose_one_party_gets_another_volume_is_fetched_again_and_said(
    call: Path,
) -> None:
    async with Played(call) as played:
        await played.until(lambda s: s.audible_ms > 2_000)
        played.engine.handle(m.SeekBy(-1_500))
        assert played.state.from_memory
        played.commands.clear()
        played.engine.handle(m.SetPartyGain(-6.0, "caller"))
        assert not played.state.from_memory
        assert any(isinstance(each, Scrub) for each in played.commands)
        assert played.state.detail == OTHER_VOLUMES


@pytest.mark.records
async def test_slower_speech_is_heard_from_memory_at_its_own_pitch(call: Path) -> None:
    async with Played(call) as played:
        await played.until(lambda s: s.audible_ms > 1_000)
        played.engine.handle(m.SetSpeed(0.5))
        began = played.state
        assert (began.from_memory, began.speed) == (True, 0.5)
        await asyncio.sleep(1.0)
        now = played.state
        moved_ms = now.audible_ms - began.audible_ms
        assert moved_ms == pytest.approx((now.as_of_s - began.as_of_s) * 500, abs=80)
        assert now.lead_ms > 0
        played.engine.handle(m.SetSpeed(2.0))
        await played.until(lambda s: s.speed == 1.0)
        assert played.state.from_memory, "it has caught up: as fast as it comes"
        assert played.commands[-1] == Resume(), "nothing was asked of the server"


async def test_what_is_asked_before_the_call_is_there_is_kept_or_refused_in_words(
    call: Path,
) -> None:
    played = Played(call)
    for request in (m.SaveClip(0, 5_000), m.SetSpeed(0.7), m.EvenVolumes()):
        played.events.clear()
        played.engine.handle(request)
        assert [e.code for e in played.events if isinstance(e, m.ErrorEvent)] == ["not-open"]
    played.engine.handle(m.SetLoop(2_000, 4_000))
    assert played.state.loop == (2_000, 4_000)
    async with played:
        await played.until(lambda s: s.audible_ms > 2_300)
        assert played.state.loop == (2_000, 4_000)
        assert played.state.audible_ms < 4_000


async def test_faster_than_it_comes_is_refused(call: Path) -> None:
    async with Played(call) as played:
        await played.until(lambda s: s.audible_ms > 300)
        played.engine.handle(m.SetSpeed(1.5))
        errors = [e.code for e in played.events if isinstance(e, m.ErrorEvent)]
        assert errors == ["no-lead"]
        assert not played.state.from_memory
