"""Who drops comes back to its place; a worker that dies costs its own listeners only."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from livekit import rtc

from callplayer.errors import ParticipantTakenError, TooManyStreamsError
from callplayer.recordings.named_file import incident_id
from callplayer.recordings.recording import Recording, find_recordings
from callplayer.service.bots.process import CROWD, WorkerLimits, Workers
from callplayer.service.bots.streams import UNCLAIMED_S, Streams
from callplayer.service.library.library import Library
from callplayer.service.livekit.binary import ensure_binary
from callplayer.service.livekit.process import own_server
from callplayer.service.livekit.room_service import RoomServiceClient
from callplayer.service.livekit.tokens import DEFAULT_STREAM_TTL_S, RoomTokens
from callplayer.vendor.commands import Pause, Resume, Scrub, SetGain
from callplayer.vendor.http import StreamGrant
from tests.e2e.conftest import StartEngine
from tests.e2e.service_fixtures import (
    Listener,
    Service,
    listening,
    open_stream,
    rms_db,
    running_service,
    steady_db,
    until,
    workers_of,
)
from tests.rig.processes import Service as RigService
from tests.rig.processes import is_running, soon
from tests.rig.signals import write_sweep_call

CALL = incident_id("call.wav")
TRACE = (7300, True)
IDLE_S = 5.0
SHORTLY_BEFORE_S = 3.5


class CallStreams(Streams):
    """Streams, the recording that the tests open, and what makes tokens for a room."""

    call: Recording
    tokens: RoomTokens


LIMITS = WorkerLimits()


@contextlib.asynccontextmanager
async def streams_of(
    recordings: Path,
    log: Path,
    *,
    idle_s: float = 60.0,
    most_workers: int = 2,
    most_streams: int | None = None,
    yield_s: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
    limits: WorkerLimits = LIMITS,
) -> AsyncIterator[CallStreams]:
    """`Streams` in this process, on a real livekit-server."""
    async with (
        own_server(ensure_binary(print), log) as server,
        Workers(most_workers, limits) as processes,
    ):
        rooms = server.room_server
        with Library.open(None, wall_clock=clock) as library:
            for recording in find_recordings([recordings]).values():
                library.add(recording)
            async with RoomServiceClient(rooms) as roster:
                tokens = RoomTokens(rooms.api_key, rooms.api_secret)
                streams = CallStreams(
                    library, processes, rooms, tokens, roster,
                    claims=library.claims,
                    idle_s=idle_s, most=most_streams, yield_s=yield_s, clock=clock,
                )  # fmt: skip
                streams.call, streams.tokens = find_recordings([recordings])[CALL], tokens
                try:
                    yield streams
                finally:
                    await streams.close()


@pytest.fixture(scope="module")
def service(recordings: Path) -> Iterator[Service]:
    with running_service(f"(Path({str(recordings)!r}),), port=0") as service:
        yield service


async def leave_a_trace(listener: Listener) -> float:
    """Scrub, pause and set a gain; return the level of the call taker before the gain."""
    await listener.send(Scrub(position=2000))
    await listener.send(Resume())
    before = await level_db(listener)
    await listener.send(SetGain(gain=-12.0, callerType="callTaker"))
    await listener.send(Pause())
    await listener.send(Scrub(position=7300))
    await until(lambda: (listener.statuses[-1].position, listener.statuses[-1].paused) == TRACE)
    return before


async def play(listener: Listener, from_ms: int, till_ms: int) -> int:
    """Play from a place till another one is reported; return that."""
    await listener.send(Scrub(position=from_ms))
    await listener.send(Resume())
    await until(lambda: listener.statuses[-1].position > till_ms)
    return listener.statuses[-1].position


async def level_db(listener: Listener) -> float:
    """The call taker's level once it is heard; on a busy machine that may take a while."""
    deadline_s = time.monotonic() + 5.0
    while rms_db(await listener.hear("callTaker", 0.05)) < -60:
        assert time.monotonic() < deadline_s
    return steady_db(await listener.hear("callTaker", 0.2, settle_s=0.3))


async def find_the_trace(listener: Listener, before_db: float) -> None:
    reported = listener.statuses[0]
    assert (reported.position, reported.paused) == TRACE
    await listener.send(Resume())
    quieter = await level_db(listener)
    assert quieter - before_db == pytest.approx(-12, abs=1.5)


async def test_the_same_token_finds_cursor_pause_and_gains_as_left(service: Service) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url) as listener:
        before_db = await leave_a_trace(listener)
    await asyncio.sleep(3.0)  # till the bot has seen it gone
    async with listening(token, url, reported_within_s=1.0) as listener:
        await find_the_trace(listener, before_db)


async def test_a_listener_that_was_away_goes_on_at_once_from_where_it_left(
    service: Service,
) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url) as listener:
        left_ms = await play(listener, 3000, 4500)
    await asyncio.sleep(3.0)
    async with listening(token, url, reported_within_s=1.0) as back:
        reported = back.statuses[0]
        assert not reported.paused
        assert left_ms - 1300 < reported.position < left_ms + 1000
        assert rms_db(await back.hear("caller", 0.2)) > -20


async def test_a_new_token_of_the_same_participant_finds_them_too(service: Service) -> None:
    mine = {"participant_id": "desk 7", "autoplay": False}
    async with listening(*await open_stream(service, "call.wav", **mine)) as listener:
        before_db = await leave_a_trace(listener)
    async with listening(*await open_stream(service, "call.wav", **mine)) as listener:
        await find_the_trace(listener, before_db)
        other = await open_stream(service, "call.wav", participant_id="desk 8")
        async with listening(*other) as stranger:
            assert (stranger.statuses[0].position, stranger.statuses[0].paused) == (0, True)


async def test_another_clients_participant_of_that_name_has_a_room_of_its_own(
    recordings: Path, tmp_path: Path
) -> None:
    now_s = [0.0]
    log = tmp_path / "livekit.log"
    async with streams_of(recordings, log, clock=lambda: now_s[0]) as streams:
        ask = {"recording": streams.call, "autoplay": False, "participant_id": "desk 7"}
        one = await streams.open(client_id="one", **ask)
        async with listening(one.token, one.url) as listener:
            await listener.status_after(Scrub(position=5000))
        with pytest.raises(ParticipantTakenError):
            await streams.open(client_id="two", **ask)
        now_s[0] = DEFAULT_STREAM_TTL_S  # the first client's token has expired
        two = await streams.open(client_id="two", **ask)
        async with listening(two.token, two.url) as listener:
            assert listener.statuses[0].position == 0
        now_s[0] = 2 * DEFAULT_STREAM_TTL_S
        again = await streams.open(client_id="one", **ask)
        async with listening(again.token, again.url) as listener:
            assert listener.statuses[0].position == 5000
        assert streams.stats().streams == 2


async def test_more_streams_than_the_machine_carries_are_refused(
    recordings: Path, tmp_path: Path
) -> None:
    async with streams_of(recordings, tmp_path / "livekit.log", most_streams=2) as streams:
        for name in ("desk 1", "desk 2", "desk 1"):
            await open_as(streams, name)
        with pytest.raises(TooManyStreamsError, match="2 streams are open"):
            await open_as(streams, "desk 3")


async def test_a_stream_whose_listener_has_long_been_away_ends_for_another(
    recordings: Path, tmp_path: Path
) -> None:
    log = tmp_path / "livekit.log"
    async with streams_of(recordings, log, most_streams=2, yield_s=2.0) as streams:
        heard = await open_as(streams, "heard")
        async with listening(heard.token, heard.url) as listener:
            await open_as(streams, "left")
            with pytest.raises(TooManyStreamsError):
                await open_as(streams, "new")
            await asyncio.sleep(3.5)  # its bot reports once a second
            new = await open_as(streams, "new")
            with pytest.raises(TooManyStreamsError):
                await open_as(streams, "left")
            assert listener.room.isconnected()
            async with listening(new.token, new.url):
                assert streams.count == 2


async def test_a_stream_whose_opener_gave_up_ends_soon_unless_it_is_asked_for_again(
    recordings: Path, tmp_path: Path
) -> None:
    now_s = [0.0]
    log = tmp_path / "livekit.log"

    async def not_wanted() -> bool:
        return False

    async with streams_of(recordings, log, clock=lambda: now_s[0]) as streams:
        await streams.open(streams.call, autoplay=False, is_wanted=not_wanted)
        for name in ("again", "gone"):
            await streams.open(
                streams.call, autoplay=False, participant_id=name, is_wanted=not_wanted
            )
        streams.end_unwanted(lambda _: True)
        await until(lambda: streams.count == 2, 10.0)
        now_s[0] = UNCLAIMED_S - 1.0
        streams.end_unwanted(lambda _: True)
        again = await open_as(streams, "again")
        now_s[0] = UNCLAIMED_S
        streams.end_unwanted(lambda _: True)
        await until(lambda: streams.count == 1, 10.0)
        async with listening(again.token, again.url) as listener:
            assert listener.statuses[0].position == 0


async def test_as_left_till_shortly_before_the_time_is_up_and_anew_after_it(
    recordings: Path, tmp_path: Path
) -> None:
    async with streams_of(recordings, tmp_path / "livekit.log", idle_s=IDLE_S) as streams:
        late = await open_as(streams, "desk 1")
        async with listening(late.token, late.url) as listener:
            await listener.status_after(Scrub(position=5000))
        early = await open_as(streams, "desk 2")
        async with listening(early.token, early.url) as listener:
            before_db = await leave_a_trace(listener)
        await asyncio.sleep(SHORTLY_BEFORE_S)
        async with listening(early.token, early.url) as listener:
            await find_the_trace(listener, before_db)
            await until(lambda: streams.stats().streams == 1, 15.0)
            with pytest.raises(rtc.ConnectError):
                await asyncio.wait_for(rtc.Room().connect(late.url, late.token), 10)
            again = await open_as(streams, "desk 1")
            async with listening(again.token, again.url) as anew:
                assert anew.statuses[0].position == 0


async def test_a_room_ends_with_its_bot_even_with_a_listener_in_it(
    recordings: Path, tmp_path: Path
) -> None:
    async with streams_of(recordings, tmp_path / "livekit.log", idle_s=0.5) as streams:
        grant = await open_as(streams, "desk 1")
        stranger = rtc.Room()
        async with listening(grant.token, grant.url) as listener:
            token = streams.tokens.for_listener(listener.room.name, "stranger")
            await stranger.connect(grant.url, token)
            await listener.status_after(Scrub(position=5000))
        # Who leaves as soon as it has come may be missed by its server 22 s later only.
        await until(lambda: streams.stats().streams == 0, 40.0)
        await until(lambda: not stranger.isconnected())


async def test_a_listener_that_replaces_itself_and_scrubs_at_once_stays_there(
    service: Service,
) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url) as first:
        await play(first, 2000, 3500)
        second = Listener()  # that waits for no status
        try:
            await second.room.connect(url, token)
            await second.send(Scrub(position=9000))
            await asyncio.sleep(3.0)
            reported = [status.position for status in second.statuses]
            assert reported == sorted(reported)
            assert reported[-1] > 9000
            assert not first.room.isconnected()
        finally:
            await second.close()


PLAYS = """
import asyncio, json, sys
from callplayer.vendor.commands import Resume, Scrub
from tests.e2e.service_fixtures import listening

async def main():
    async with listening(*json.loads(sys.stdin.readline())) as listener:
        await listener.send(Scrub(position=2000))
        await listener.send(Resume())
        while True:
            print((await listener.status()).position, flush=True)

asyncio.run(main())
"""


async def test_a_listener_that_is_killed_and_soon_back_goes_on_from_where_it_was(
    service: Service,
) -> None:
    token, url = await open_stream(service, "call.wav")
    killed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PLAYS),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert killed.stdin is not None
    assert killed.stdout is not None
    killed.stdin.write(json.dumps([token, url]).encode() + b"\n")
    last_ms = 0
    async with asyncio.timeout(20):
        while last_ms < 6000:
            last_ms = int(await killed.stdout.readline())
    killed.kill()
    await killed.wait()
    await asyncio.sleep(5.0)
    async with listening(token, url) as back:
        # Till the bot has seen that this is another connection the call is as far on as it ran.
        await until(lambda: back.statuses[-1].position < last_ms + 1000)
        reported = back.statuses[-1]
        assert last_ms - 3500 < reported.position
        assert not reported.paused
        assert rms_db(await back.hear("caller", 0.2)) > -20


async def test_a_worker_that_is_killed_costs_its_own_listeners_only(
    recordings: Path, tmp_path: Path
) -> None:
    async with streams_of(recordings, tmp_path / "livekit.log") as streams:
        await until(lambda: len(workers_of(os.getpid())) == 1)
        pids = workers_of(os.getpid())
        mine = [await open_as(streams, f"desk {number}") for number in range(CROWD + 1)]
        await until(lambda: len(workers_of(os.getpid())) == 2)
        await until(lambda: len(streams.stats().workers) == 2)
        async with listening(mine[0].token, mine[0].url) as lost:
            (other,) = [pid for pid in workers_of(os.getpid()) if pid not in pids]
            theirs = await open_as(streams, "desk 99")
            assert {worker.pid: worker.streams for worker in streams.stats().workers} == {
                pids[0]: CROWD + 1,
                other: 1,
            }
            async with listening(theirs.token, theirs.url) as kept:
                await kept.send(Resume())
                await lost.send(Resume())
                await lost.status_after(Scrub(position=4000))
                await until(lambda: lost.statuses[-1].position > 6000)
                os.kill(pids[0], signal.SIGKILL)
                await until(lambda: not lost.room.isconnected(), 10.0)
                again = await open_as(streams, "desk 0")
                async with listening(again.token, again.url) as back:
                    reported = back.statuses[0]
                    assert not reported.paused
                    assert 4500 < reported.position < 9000
                    assert rms_db(await back.hear("caller", 0.2, settle_s=0.5)) > -20
                before = kept.statuses[-1].position
                await until(lambda: kept.statuses[-1].position > before + 500)
                assert kept.room.isconnected()
                assert rms_db(await kept.hear("caller", 0.2)) > -20
            assert streams.stats().workers_died == 1


async def test_a_worker_that_hangs_is_replaced(recordings: Path, tmp_path: Path) -> None:
    limits = WorkerLimits(silent_s=4.0, leave_s=0.2)
    async with streams_of(recordings, tmp_path / "livekit.log", limits=limits) as streams:
        grant = await open_as(streams, "desk 1")
        async with listening(grant.token, grant.url) as lost:
            await lost.status_after(Scrub(position=4000))
            (pid,) = workers_of(os.getpid())
            os.kill(pid, signal.SIGSTOP)
            await until(lambda: not lost.room.isconnected(), 30.0)
        again = await open_as(streams, "desk 1")
        async with listening(again.token, again.url) as back:
            assert back.statuses[0].position == 4000
        assert streams.stats().workers_died == 1


async def open_as(streams: CallStreams, participant: str) -> StreamGrant:
    return await streams.open(streams.call, autoplay=False, participant_id=participant)


async def test_the_player_goes_on_at_its_place_when_its_worker_is_killed(
    start_engine: StartEngine, tmp_path: Path
) -> None:
    write_sweep_call(tmp_path / "sweep.wav", 60.0)
    service = RigService(tmp_path, tmp_path / "sweep.wav")
    try:
        engine = start_engine(service)
        engine.wait_state(phase="playing", advancing=True)
        engine.send(cmd="scrub", position=20_000)
        engine.wait_for(lambda e: e["event"] == "state" and e["position_ms"] > 21_000)
        (worker,) = workers_of(service.process.pid)
        killed_s = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        engine.wait_for(lambda e: e["event"] == "state" and not e["advancing"], since_s=killed_s)
        lost = engine.last("state")["position_ms"]
        _, state = engine.wait_for(
            lambda e: e["event"] == "state" and e["phase"] == "playing" and e["advancing"],
            since_s=time.monotonic(),
            timeout_s=30.0,
        )
        assert lost - 1500 < state["position_ms"] < lost + 3000
        assert engine.quit() == 0
    finally:
        assert service.stop() == 0


def test_workers_end_with_a_service_that_is_killed(recordings: Path) -> None:
    service = Service(f"(Path({str(recordings)!r}),), port=0")
    try:
        (worker,) = workers_of(service.process.pid)
        environment = Path(f"/proc/{worker}/environ").read_bytes()
        assert b"CALLPLAYER_" not in environment
        service.process.kill()
        assert soon(lambda: not is_running(worker))
    finally:
        service.close()
