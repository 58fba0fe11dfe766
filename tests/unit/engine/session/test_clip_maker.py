"""Clips of a call that plays: exact, private, fetched where not remembered; and even volumes."""

from __future__ import annotations

import asyncio
import stat
import time
import wave
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile

from callplayer.config import Settings
from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.hold import Hold
from callplayer.engine.memory.match import find_match
from callplayer.engine.session.recall.clip_maker import OWN_ERROR, FetchLimits, columns_of
from callplayer.ipc import messages as m
from callplayer.vendor.parties import BOTH, CALL_TAKER, CALLER, NEITHER, Carries, Channel
from tests.unit.engine.session.test_recall import Played, noise

HEAD_BYTES = 44


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recording of two parties; the call taker is 20 dB quieter."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    path = tmp_path / "call.wav"
    quiet = (noise()[::-1] * 0.1).astype(np.int16)
    soundfile.write(path, np.stack((noise(), quiet), axis=1), 48_000)
    return path


async def _saved(played: Played, asked: m.SaveClip) -> m.ClipEvent:
    played.engine.handle(asked)
    async with asyncio.timeout(20):
        while True:
            for event in played.events:
                assert not isinstance(event, m.ErrorEvent), event
                if isinstance(event, m.ClipEvent) and event.stage == "saved":
                    return event
            await asyncio.sleep(0.02)


def _beside(event: m.ClipEvent) -> Any:
    """Return what stands beside a clip; both files are for their owner only."""
    for path in (event.sound, event.sidecar):
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    return msgspec.json.decode(Path(event.sidecar).read_bytes())["clip"]


@pytest.mark.records
async def test_a_remembered_stretch_is_saved_as_it_was_recorded(call: Path) -> None:
    async with Played(call, as_room=True) as played:
        await played.until(lambda s: s.audible_ms > 2_000)
        played.commands.clear()
        event = await _saved(played, m.SaveClip(500, 1_500))
        assert not played.commands, "the server has nothing to do with it"
        assert not played.state.from_memory
    assert Path(event.sound).parent == call.parent / "data" / "callplayer" / "clips"
    assert event.gaps_ms == ()
    taken, rate_hz = soundfile.read(event.sound, dtype="int16")
    assert (taken.shape, rate_hz) == ((48_000, 2), 48_000)
    found = find_match(taken[:4_800, 0], noise())
    assert found is not None
    assert abs(found.offset - 500 * 48) < 70 * 48, "where the screen said that it was heard"
    assert list(taken[:, 0]) == list(noise()[found.offset :][:48_000]), "to the sample"
    clip = _beside(event)
    assert (clip["start_ms"], clip["channels"]) == (500, ["caller", "callTaker"])


@pytest.mark.records
async def test_what_is_not_remembered_is_fetched_unheard_and_the_call_goes_on(call: Path) -> None:
    async with Played(call, as_room=True) as played:
        await played.until(lambda s: s.audible_ms > 1_500)
        event = await _saved(played, m.SaveClip(12_000, 13_000, format="wav", mixed=True))
        stages = [each.stage for each in played.events if isinstance(each, m.ClipEvent)]
        assert stages[0] == "fetching"
        heard = played.heard()
        here = played.state.audible_ms
        assert here < 6_000, "the ear stayed where it was"
        await played.until(lambda s: s.audible_ms > here + 1_000 and s.advancing)
    assert find_match(noise()[12_300 * 48 :][:4_800], heard) is None, "nothing of it was heard"
    assert event.gaps_ms == ()
    taken, _ = soundfile.read(event.sound, dtype="int16")
    assert taken.shape == (48_000,)
    found = find_match(taken[:4_800], noise())
    assert found is not None
    assert abs(found.offset - 12_000 * 48) < 70 * 48


async def test_of_a_file_a_stretch_that_was_never_played_is_saved_at_once(call: Path) -> None:
    async with Played(call) as played:
        played.commands.clear()
        event = await _saved(played, m.SaveClip(20_000, 31_000))
        assert not played.commands
        assert not played.state.from_memory
    assert event.gaps_ms == ((30_000, 31_000),), "the recording ends there"
    taken, _ = soundfile.read(event.sound, dtype="int16")
    assert np.array_equal(taken[:480_000, 0], noise()[20_000 * 48 :])
    assert not taken[480_000:].any()
    assert _beside(event)["gaps_ms"] == [[30_000, 31_000]]


async def test_a_call_of_eleven_hours_is_heard_shown_and_saved_at_its_last_minute(
    call: Path,
) -> None:
    path, rate_hz, last_s = call.with_name("long.wav"), 8_000, 11 * 3_600 - 20
    with wave.open(str(path), "wb") as written:
        written.setparams((1, 2, rate_hz, 0, "NONE", ""))
        written.setnframes(11 * 3_600 * rate_hz)
        written.writeframesraw(b"")
    with path.open("r+b") as stream:
        stream.truncate(HEAD_BYTES + 2 * 11 * 3_600 * rate_hz)
        stream.seek(HEAD_BYTES + 2 * last_s * rate_hz)
        stream.write(noise()[: 20 * rate_hz].tobytes())
    async with Played(path) as played:
        played.engine.handle(m.SeekTo(last_s * 1000))
        heard = await played.until(lambda s: s.audible_ms > last_s * 1000 + 1_000)
        played.engine.handle(m.SeekBy(-500))
        assert played.state.from_memory
        assert last_s * 1000 < played.state.audible_ms < heard.audible_ms + 500
        event = await _saved(played, m.SaveClip(last_s * 1000, last_s * 1000 + 2_000))
    assert "659m40s000_659m42s000" in event.sound
    taken, _ = soundfile.read(event.sound, dtype="int16")
    assert np.abs(taken).mean() > 1_000
    assert _beside(event)["end_ms"] == last_s * 1000 + 2_000


@pytest.mark.parametrize(
    ("asked", "settings", "code"),
    [
        (m.SaveClip(200, 600), Settings(clips="off"), "clips-off"),
        (m.SaveClip(200, 600, folder="/dev/null/clips"), Settings(), "clip-not-saved"),
        (m.SaveClip(200, 600, folder="~nobody-here/clips"), Settings(), "clip-not-saved"),
        (m.SaveClip(200, 600, folder="/" + "long" * 100), Settings(), "clip-not-saved"),
    ],
)
async def test_what_cannot_be_saved_is_a_line(
    call: Path, asked: m.SaveClip, settings: Settings, code: str
) -> None:
    async with Played(call, settings) as played:
        await played.until(lambda s: s.audible_ms > 900)
        played.engine.handle(asked)
        async with asyncio.timeout(5):
            while not (errors := [e for e in played.events if isinstance(e, m.ErrorEvent)]):
                await asyncio.sleep(0.01)
        assert errors[0].code == code
        assert errors[0].hint
        assert errors[0].message != OWN_ERROR
        assert not list(call.parent.glob("data/callplayer/clips/*"))


async def test_a_stretch_that_the_server_does_not_give_is_a_line_and_the_call_goes_on(
    call: Path,
) -> None:
    async with Played(call, as_room=True, fetch_limits=FetchLimits(stuck_s=0.4)) as played:
        await played.until(lambda s: s.audible_ms > 1_500)
        played.refused_ms = 10_000
        played.engine.handle(m.SaveClip(12_000, 13_000))
        async with asyncio.timeout(10):
            while not (errors := [e for e in played.events if isinstance(e, m.ErrorEvent)]):
                await asyncio.sleep(0.02)
        assert (errors[0].code, errors[0].message) == (
            "clip-empty",
            "No sound of that stretch could be had.",
        )
        here = played.state.audible_ms
        await played.until(lambda s: s.audible_ms > here + 700 and s.advancing)
    assert not list(call.parent.glob("data/callplayer/clips/*"))


@pytest.mark.records
async def test_a_volume_changed_in_mid_replay_is_heard_at_once_and_of_one_party(
    call: Path,
) -> None:
    async with Played(call) as played:
        await played.until(lambda s: s.audible_ms > 2_500)
        played.engine.handle(m.SeekTo(500))
        await asyncio.sleep(0.5)
        before = played.heard()[-9_600:]
        played.engine.handle(m.SetPartyGain(-12.0, "caller"))
        changed_s = time.monotonic() + 0.15
        await asyncio.sleep(0.5)
        after = played.heard(changed_s)
        assert played.state.from_memory
        ratio = np.sqrt(np.mean(after.astype(float) ** 2) / np.mean(before.astype(float) ** 2))
        assert 20 * np.log10(ratio) == pytest.approx(-12.0, abs=1.5)


async def test_both_parties_are_made_as_loud_as_the_limit_lets_them(call: Path) -> None:
    async with Played(call) as played:
        await played.until(lambda s: s.audible_ms > 2_500)
        played.engine.handle(m.EvenVolumes())
        async with asyncio.timeout(5):
            while not (evened := [e for e in played.events if isinstance(e, m.EvenedEvent)]):
                await asyncio.sleep(0.01)
        caller, taker = evened[0].parties
        assert caller.loudness_lufs is not None
        assert taker.loudness_lufs is not None
        assert caller.loudness_lufs - taker.loudness_lufs == pytest.approx(20.0, abs=1.5)
        assert (caller.gain_db, taker.gain_db) == (pytest.approx(-2.5, abs=1.0), 12.0)
        assert [party.gain_db for party in played.state.parties] == [caller.gain_db, taker.gain_db]


@pytest.mark.parametrize(
    ("carries", "parties", "columns"),
    [
        ({"caller": CALLER, "callTaker": CALL_TAKER}, ("caller", "callTaker"), [(0,), (1,)]),
        ({"call": BOTH}, ("call",), [(0,)]),
        ({"callTaker": CALL_TAKER, "other": NEITHER}, ("callTaker",), [(0,), (0,)]),
    ],
)
def test_each_party_has_its_channel_and_others_are_in_all(
    carries: dict[str, Carries], parties: tuple[Channel, ...], columns: list[tuple[int, ...]]
) -> None:
    found, by_name = columns_of(tuple(carries), carries)
    assert (found, list(by_name.values())) == (parties, columns)


@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_lost_device_pauses_what_is_heard_from_memory_where_that_is_set(
    call: Path, goes_on: bool
) -> None:
    async with Played(call) as played:
        kept = await played.until(lambda s: any(end - start > 600 for start, end in s.remembered))
        played.engine.handle(m.SeekTo(kept.remembered[-1][0] + 50))
        hold = Hold(played.call, Delays, lambda commands: None)
        hold.engage(time.monotonic(), goes_on=goes_on)
        await asyncio.sleep(0.2)
        assert played.state.from_memory
        assert played.state.paused is not goes_on
