"""The impaired link does what it says, and a call that stalls on it comes back, on time again."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.continuity import read_delays
from tests.e2e.conftest import SWEEP_S
from tests.faults.heard import quiet_spans
from tests.rig.impaired_link import ADDRESSES, ImpairedLink, Side, impaired_link, other_side
from tests.rig.packet_relay import Impairment
from tests.rig.processes import Event, HeadlessEngine, Service
from tests.rig.pulse import RATE_HZ, Sink
from tests.rig.signals import write_sweep_call

pytestmark = pytest.mark.measures

NOTICED_S = 4.0
"""Without sound for so long, a link that is down is noticed: long before LiveKit does."""

JOINT_S = 0.15
"""A machine that is busy may leave a hole of this size."""

PORT = 5000
PACKET = struct.Struct("!Id")
PACKET_GAP_S = 0.004
QUIET_AFTER_S = 0.3
STALL_MS = 300.0
SETTLE_S, BEFORE_S = 1.5, 1.0
BACK_S = 20.0
"""WebRTC's jitter buffer keeps a stall in mind: 5 to 7 s where nothing else holds packets up."""

MOST_ADDED_MS = 50.0
"""The stall adds 260 ms. A busy machine moves the buffers by some tens of ms all by itself."""

LOOK_S = 0.5


@pytest.fixture(scope="module")
def link() -> Iterator[ImpairedLink]:
    with impaired_link() as link:
        yield link


@pytest.fixture(autouse=True)
def _without_faults(link: ImpairedLink) -> None:
    link.impair(Impairment())


def _udp_socket(address: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, PORT))
    made.settimeout(QUIET_AFTER_S)
    return made


@contextlib.contextmanager
def arrivals(link: ImpairedLink, to: Side, packets: int) -> Iterator[list[tuple[int, float]]]:
    """Send numbered packets to a side while the block runs; fill the list with those that came.

    Each with its number and how many ms it took: both ends read the same clock.
    """
    source = other_side(to)
    sender = link.inside(source, lambda: _udp_socket(ADDRESSES[source]))
    receiver = link.inside(to, lambda: _udp_socket(ADDRESSES[to]))
    all_sent = threading.Event()
    came: list[tuple[int, float]] = []

    def send() -> None:
        for number in range(packets):
            sender.sendto(PACKET.pack(number, time.monotonic()), (ADDRESSES[to], PORT))
            time.sleep(PACKET_GAP_S)
        all_sent.set()

    def receive() -> None:
        quiet = False
        while not quiet:
            last = all_sent.is_set()
            try:
                number, sent_s = PACKET.unpack(receiver.recv(PACKET.size))
                came.append((number, (time.monotonic() - sent_s) * 1000))
            except TimeoutError:
                quiet = last

    threads = [threading.Thread(target=work) for work in (receive, send)]
    for thread in threads:
        thread.start()
    yield came
    for thread in threads:
        thread.join()
    sender.close()
    receiver.close()


@pytest.mark.parametrize("to", ["client", "server"])
def test_a_link_without_faults_adds_next_to_nothing(link: ImpairedLink, to: Side) -> None:
    with arrivals(link, to, 100) as came:
        pass
    assert [number for number, _ in came] == list(range(100))
    assert np.median([ms for _, ms in came]) < 2.0


def test_delay_jitter_and_loss_are_as_set_and_one_way_only(link: ImpairedLink) -> None:
    link.impair(Impairment(delay_ms=40.0, jitter_ms=30.0, loss_percent=10.0), to="client")
    with arrivals(link, "client", 400) as came:
        pass
    numbers, delays_ms = zip(*came, strict=True)
    assert list(numbers) == sorted(numbers), "a packet overtook another"
    assert 0.06 < 1 - len(came) / 400 < 0.14
    assert 40.0 <= min(delays_ms) < 50.0
    assert 65.0 < np.percentile(delays_ms, 95) < 75.0
    with arrivals(link, "server", 50) as back:
        pass
    assert len(back) == 50
    assert np.median([ms for _, ms in back]) < 2.0


def test_a_stall_holds_what_comes_and_a_cut_loses_it(link: ImpairedLink) -> None:
    with arrivals(link, "client", 150) as came:
        link.stall(STALL_MS)
    assert [number for number, _ in came] == list(range(150))
    assert STALL_MS - 30 < max(ms for _, ms in came) < STALL_MS + 30
    assert came[-1][1] < 5.0
    link.set_up(False)
    with arrivals(link, "client", 10) as came:
        pass
    assert not came
    link.set_up(True)
    with arrivals(link, "client", 10) as came:
        pass
    assert len(came) == 10


def test_after_a_stall_the_sound_is_back_and_the_delay_too(
    link: ImpairedLink, tmp_path: Path, sink: Sink
) -> None:
    write_sweep_call(tmp_path / "sweep.wav", SWEEP_S)
    service = Service(tmp_path, tmp_path / "sweep.wav", prefix=link.prefix("server"))
    try:
        link.forward(service.api_url, service.environment["CALLPLAYER_STREAM_URL"])
        environment = service.environment | sink.environment
        incident = service.incidents[0]
        engine = HeadlessEngine(tmp_path, environment, incident, prefix=link.prefix("client"))
        try:
            _play_through_a_stall(engine, link, sink)
            _play_on_while_the_link_is_down(engine, link, sink)
            assert engine.quit() == 0
        finally:
            engine.close()
    finally:
        assert service.stop() == 0


def _play_through_a_stall(engine: HeadlessEngine, link: ImpairedLink, sink: Sink) -> None:
    engine.wait_state(phase="playing", advancing=True)
    time.sleep(SETTLE_S)
    from_s = time.monotonic()
    time.sleep(BEFORE_S)
    was = _next_stats(engine)
    stall_s = time.monotonic()
    before_ms = _delay_ms(sink, engine, from_s, stall_s)
    link.stall(STALL_MS)
    time.sleep(STALL_MS / 1000)
    added_ms = np.inf
    while added_ms > MOST_ADDED_MS:
        time.sleep(LOOK_S)
        end_s = time.monotonic()
        added_ms = _delay_ms(sink, engine, end_s - LOOK_S, end_s) - before_ms
        # A device that ran dry is opened again with more latency, and blocks half as long as that.
        now = engine.last("stats")
        added_ms -= 1.5 * max(0.0, now["device_latency_ms"] - was["device_latency_ms"])
        in_time = added_ms <= MOST_ADDED_MS or end_s - stall_s < BACK_S
        assert in_time, f"the delay is still {added_ms:.0f} ms too long; {was} became {now}"

    # A hole in the sound is either the network's, and counted as concealed, or the player's own,
    # and counted as an underrun.
    stats = _next_stats(engine)
    concealed_ms = stats["concealed_ms"] - was["concealed_ms"]
    underruns = stats["underruns"] - was["underruns"]
    silent_ms = _silent_ms(sink.heard(stall_s, end_s))
    assert concealed_ms > 50.0
    assert silent_ms <= concealed_ms or underruns > 0


def _delay_ms(sink: Sink, engine: HeadlessEngine, from_s: float, to_s: float) -> float:
    """Return how far what is heard is behind the service's cursor, as the engine knows it."""
    state = engine.last("state")
    began_s = state["as_of_s"] - state["position_ms"] / 1000
    delays = read_delays(sink.heard(from_s, to_s), from_s, began_s)
    assert len(delays.late_ms) > 5, "there is no sound"
    return float(np.median(delays.late_ms))


def _next_stats(engine: HeadlessEngine) -> Event:
    return engine.wait_for(lambda e: e["event"] == "stats", since_s=time.monotonic())[1]


def _silent_ms(sound: np.ndarray) -> float:
    """Return how much of the sound is silence, by steps of 5 ms."""
    size = RATE_HZ // 200
    steps = sound[: len(sound) // size * size].reshape(-1, size)
    return 5.0 * int(np.sum(np.max(np.abs(steps), axis=1) < 0.002))


def _play_on_while_the_link_is_down(engine: HeadlessEngine, link: ImpairedLink, sink: Sink) -> None:
    """Nothing is silent: what is remembered plays, and what comes then joins it."""
    for _ in range(3):
        time.sleep(6.0)
        place_ms = engine.wait_state(since_s=time.monotonic())["audible_ms"]
        asked_s = engine.send(cmd="set-loop", start_ms=place_ms - 4_500, end_ms=place_ms - 3_500)
        back = engine.wait_state(since_s=asked_s, from_memory=True)
        if back["lead_ms"] > 3_000:  # else the sound had a break, and the server rests
            break
        engine.send(cmd="end-loop")
    time.sleep(0.5)
    broke_s = time.monotonic()
    link.set_up(False)
    engine.wait_state(since_s=broke_s, phase="reconnecting", timeout_s=NOTICED_S)
    back_s = time.monotonic()
    link.set_up(True)
    engine.send(cmd="end-loop")
    engine.wait_state(since_s=back_s, phase="playing", detail="")
    time.sleep(8.0)
    heard = sink.heard(broke_s, broke_s + 10.0)
    assert [end - start for start, end in quiet_spans(heard, 0.0) if end - start > JOINT_S] == []
