"""The replay service over a real livekit-server, as any client of the contract meets it."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc

from callplayer.vendor.commands import Pause, Resume, Scrub, ScrubToEnd, SetGain
from tests.e2e.service_fixtures import (
    RATE_HZ,
    SWEEP_S,
    Service,
    heard_position_s,
    listening,
    open_stream,
    rms_db,
    running_service,
    steady_db,
    until,
    write_recordings,
)

pytestmark = pytest.mark.plays

# From the frame that goes out to the one that a client reads: encoder, network, jitter buffer.
MOST_IN_FLIGHT_S = 0.15


@pytest.fixture(scope="module")
def service(recordings: Path) -> Iterator[Service]:
    with running_service(f"(Path({str(recordings)!r}),), port=0, idle_s=1.0") as running:
        yield running


def behind_s(status_position_ms: int, heard_s: float) -> float:
    """How far what is heard is behind the status, modulo the sweep's 8 s."""
    return (status_position_ms / 1000 - heard_s + SWEEP_S / 2) % SWEEP_S - SWEEP_S / 2


async def test_joins_fast_and_starts_paused_at_the_beginning(service: Service) -> None:
    token, url = await open_stream(service, "call.wav", autoplay=True)
    started_s = time.monotonic()
    async with listening(token, url) as listener:
        assert time.monotonic() - started_s < 1.0
        first = listener.statuses[0]
        assert (first.position, first.duration) == (0, 20_000)
        assert first.paused
        assert first.call_over
        assert not first.at_end
        await until(lambda: set(listener.frames) == {"caller", "callTaker"})


async def test_plays_each_party_on_its_track_where_the_status_says(service: Service) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url) as listener:
        await until(lambda: set(listener.frames) == {"caller", "callTaker"})
        await listener.send(Scrub(position=3000))
        await listener.send(Resume())
        for party in ("caller", "callTaker"):
            sound = await listener.hear(party, 0.2, settle_s=0.3)
            reported = await listener.status()
            middle_s = heard_position_s(sound, party)
            assert 0.1 < behind_s(reported.position, middle_s) < 0.1 + 0.3 + MOST_IN_FLIGHT_S
            in_band = (
                band_share(sound, 480, 3000) if party == "caller" else band_share(sound, 3150, 5700)
            )
            assert in_band > 0.98


def band_share(sound: np.ndarray, low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    return float(power[(frequencies > low_hz) & (frequencies < high_hz)].sum() / power.sum())


async def test_frames_at_the_client_have_no_gaps(service: Service) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url) as listener:
        await until(lambda: set(listener.frames) == {"caller", "callTaker"})
        await listener.send(Resume())
        sound = await listener.hear("caller", 2.0, settle_s=0.3)
        heard = [heard_position_s(sound[at : at + 2400], "caller") for at in range(0, 93_000, 2400)]
        steps_s = np.diff(heard)
        # On a busy machine the receiver may stretch time now and then; sound is never left out.
        assert np.median(steps_s) == pytest.approx(0.05, abs=0.003)
        assert np.count_nonzero(np.abs(steps_s - 0.05) > 0.02) <= 2
        assert heard[-1] - heard[0] == pytest.approx(0.05 * len(steps_s), abs=0.08)


async def test_the_first_sound_after_a_scrub_is_from_there(service: Service) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url) as listener:
        await until(lambda: "caller" in listener.frames)
        late_s = []
        for position_ms in (12_500, 3000, 9250):
            await listener.hear("caller", 0.1)
            reported = await listener.status_after(Scrub(position=position_ms))
            assert (reported.position, reported.paused) == (position_ms, True)
            listener.frames["caller"].clear()
            await listener.send(Resume())
            await asyncio.sleep(0.4)
            sound = np.concatenate(listener.frames["caller"])
            await listener.send(Pause())
            begins = int(np.argmax(np.abs(sound) > 2000))
            middle_s = heard_position_s(sound[begins : begins + 2400], "caller")
            late_s.append(-behind_s(position_ms, middle_s - 0.025))
        # A busy receiver may shorten the first sound by time-stretching; none may be earlier.
        assert min(late_s) == pytest.approx(0, abs=0.012)
        assert all(-0.012 < late < 0.08 for late in late_s)


async def test_a_scrub_is_clamped_to_the_call(service: Service) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url) as listener:
        assert (await listener.status_after(Scrub(position=99_000))).position == 20_000
        assert (await listener.status_after(Scrub(position=-5))).position == 0


async def test_pause_falls_silent_and_keeps_sending(service: Service) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url) as listener:
        await listener.send(Resume())
        assert rms_db(await listener.hear("caller", 0.1, settle_s=0.3)) > -20
        reported = await listener.status_after(Pause())
        assert reported.paused
        assert rms_db(await listener.hear("caller", 0.2)) < -70
        assert (await listener.status()).position == reported.position


async def test_scrub_to_end_stands_at_the_end_and_a_scrub_back_plays_on(service: Service) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url) as listener:
        await listener.send(Resume())
        reported = await listener.status_after(ScrubToEnd())
        while reported.position != 20_000:
            reported = await listener.status()
        assert reported.at_end
        assert not reported.paused
        assert rms_db(await listener.hear("caller", 0.1)) < -70
        assert (await listener.status()).position == 20_000
        await listener.send(Scrub(position=19_000))
        assert rms_db(await listener.hear("caller", 0.1)) > -20
        await asyncio.sleep(1.0)
        reported = await listener.status()
        assert (reported.position, reported.at_end, reported.paused) == (20_000, True, False)


async def test_a_gain_changes_one_party_by_that_many_db(service: Service) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url) as listener:
        await listener.send(Resume())
        before = {
            "caller": steady_db(await listener.hear("caller", 0.2, settle_s=0.3)),
            "callTaker": steady_db(await listener.hear("callTaker", 0.2)),
        }
        await listener.send(SetGain(gain=-12.0, callerType="caller"))
        assert steady_db(await listener.hear("caller", 0.2)) - before["caller"] == pytest.approx(
            -12, abs=1
        )
        other = steady_db(await listener.hear("callTaker", 0.2))
        assert other == pytest.approx(before["callTaker"], abs=1)


async def test_a_mono_recording_is_one_track_as_loud_as_the_louder_gain(service: Service) -> None:
    token, url = await open_stream(service, "mono.flac")
    async with listening(token, url) as listener:
        await listener.send(Resume())
        await asyncio.sleep(1.5)  # a jitter buffer that has just started stretches and conceals
        # The same passage twice: a codec gives each pitch a slightly different level.
        await listener.status_after(Scrub(position=1000))
        before = steady_db(await listener.hear("call", 0.2, settle_s=0.3))
        assert before == pytest.approx(-15, abs=1.5)
        for gains_db, louder_db in (((-6.0, 0.0), 0), ((-6.0, -12.0), -6)):
            for party, gain_db in zip(("caller", "callTaker"), gains_db, strict=True):
                await listener.status_after(SetGain(gain=gain_db, callerType=party))
            await listener.status_after(Scrub(position=1000))
            quieter = steady_db(await listener.hear("call", 0.2, settle_s=0.3))
            assert quieter - before == pytest.approx(louder_db, abs=1)
        assert set(listener.frames) == {"call"}


async def test_two_listeners_of_one_incident_do_not_move_each_other(service: Service) -> None:
    one, two = await asyncio.gather(*(open_stream(service, "call.wav") for _ in range(2)))
    async with listening(*one) as first, listening(*two) as second:
        await first.send(Resume())
        assert (await second.status_after(Scrub(position=9000))).position == 9000
        await asyncio.sleep(0.3)
        assert 200 < (await first.status()).position < 4000
        reported = await second.status()
        assert (reported.position, reported.paused) == (9000, True)
        assert rms_db(await second.hear("caller", 0.1)) < -70
        assert rms_db(await first.hear("caller", 0.1)) > -20


async def test_what_is_no_command_is_ignored(service: Service) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url) as listener:
        publish = listener.room.local_participant.publish_data
        for payload in (b"", b"{", b"\xff\xfe", b'{"cmd":"stop"}', b"[" * 10_000, b"x" * 15_500):
            await publish(payload, reliable=True)
        await publish(b'{"cmd":"scrub","position":"9"}', reliable=True)
        for _ in range(300):
            await publish(b"{", reliable=True)
        await listener.send(Scrub(position=1234))
        await until(lambda: listener.statuses[-1].position == 1234)
    assert 1 <= service.log().count("ignored not a command of the contract") < 30


async def test_the_bot_leaves_when_its_listener_is_gone(service: Service) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url):
        pass
    name = re.findall(r"stream (\w+): open", service.log())[-1]
    # The server reports a listener's leaving within 3 s; the service waits 1 s more.
    await until(lambda: f"stream {name}: the bot has left" in service.log(), 8.0)
    await asyncio.sleep(2.0)
    late = rtc.Room()
    with pytest.raises(rtc.ConnectError):
        await asyncio.wait_for(late.connect(url, token), 10)


def claims_of(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


async def test_the_token_may_hear_and_send_data_in_one_room_only(service: Service) -> None:
    token, _ = await open_stream(service, "call.wav")
    claims = claims_of(token)
    assert claims["video"] == {
        "roomJoin": True,
        "room": claims["video"]["room"],
        "canPublish": False,
        "canSubscribe": True,
        "canPublishData": True,
    }
    assert len(claims["video"]["room"]) >= 32
    assert 0 < claims["exp"] - time.time() <= 6 * 3600 + 60


async def test_a_live_call_grows_is_followed_and_ends_in_the_same_room(tmp_path: Path) -> None:
    write_recordings(tmp_path, duration_s=5.0)
    with running_service(f"(Path({str(tmp_path)!r}),), port=0, live=True") as running:
        following, waiting = await asyncio.gather(
            open_stream(running, "call.wav"), open_stream(running, "call.wav", autoplay=False)
        )
        async with listening(*following) as follower, listening(*waiting) as starter:
            edge = await follower.status()
            assert edge.at_end
            assert not edge.call_over
            assert not edge.paused
            assert edge.duration - edge.position <= 250  # a busy machine holds a bot up
            await until(lambda: starter.statuses[-1].duration > 600)
            start = starter.statuses[-1]
            assert (start.position, start.paused, start.at_end) == (0, True, False)
            later = await follower.status()
            assert later.duration > edge.duration
            assert rms_db(await follower.hear("caller", 0.1)) > -20
            back = await starter.status_after(ScrubToEnd())
            assert back.at_end
            assert back.position > 0
            await until(lambda: follower.statuses[-1].call_over)
            await until(lambda: follower.statuses[-1].position == 5000)
            assert follower.statuses[-1].at_end
            assert (await follower.status_after(Scrub(position=0))).position == 0
            assert rms_db(await follower.hear("caller", 0.1)) > -20
