"""From the command to the first screen and to the first sound, on loopback."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.rig.processes import CALLPLAYER, Service, clean_environment
from tests.rig.pulse import RATE_HZ, PulseServer, Sink, pulse_server
from tests.rig.signals import position_sweep, write_sweep_call
from tests.rig.terminal import Terminal


@dataclass(frozen=True)
class Start:
    """Times of each start, in s."""

    screen_s: list[float]
    sound_s: list[float]


def measure(times: int, program: Sequence[str] = CALLPLAYER) -> Start:
    """Start callplayer so many times in a terminal of 80×24."""
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        write_sweep_call(home / "sweep.wav", 60.0)
        service = Service(home, home / "sweep.wav")
        try:
            return _started(times, home, server, service.environment, service.incidents[0], program)
        finally:
            service.stop()


def measure_file(times: int, hours: float = 0.0) -> Start:
    """Start callplayer on a file without a server: of a minute, or of so many hours of Opus."""
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        path = home / ("long.opus" if hours else "sweep.wav")
        if hours:
            write_long_opus(path, hours)
        else:
            write_sweep_call(path, 60.0)
        return _started(times, home, server, {}, str(path))


def _started(
    times: int,
    home: Path,
    server: PulseServer,
    variables: dict[str, str],
    call: str,
    program: Sequence[str] = CALLPLAYER,
) -> Start:
    screens, sounds = [], []
    with contextlib.closing(Sink(server, "start")) as sink:
        environment = clean_environment(home) | variables | sink.environment
        for number in range(times):
            place = home / str(number)
            place.mkdir()
            began_s = time.monotonic()
            terminal = Terminal(place, [*program, call], environment)
            terminal.wait_until(lambda screen: "quit" in screen)
            screens.append(time.monotonic() - began_s)
            terminal.wait_for("PLAYING")
            time.sleep(1.0)
            sound = np.abs(sink.heard(began_s, time.monotonic()))
            sounds.append(float(np.argmax(sound > 0.02)) / RATE_HZ)
            terminal.type("q")
            terminal.wait_end()
            terminal.close()
    return Start(screens, sounds)


def write_long_opus(path: Path, hours: float) -> None:
    """Write so many hours of Opus in packets of 20 ms: a minute's packets, again and again."""
    minute = position_sweep(60.0, "caller")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(minute[None, :], format="flt", layout="mono")
        frame.sample_rate = RATE_HZ
        fifo, packets = av.AudioFifo(), []
        for part in av.AudioResampler(stream.format.name, "mono", RATE_HZ).resample(frame):
            fifo.write(part)
        while (part := fifo.read(stream.codec_context.frame_size)) is not None:
            packets += [bytes(packet) for packet in stream.encode(part)]
        for number in range(round(hours * 3600 / 60) * len(packets)):
            packet = av.Packet(packets[number % len(packets)])
            packet.stream, packet.time_base = stream, Fraction(1, RATE_HZ)
            packet.pts = packet.dts = number * RATE_HZ // 50
            packet.duration = RATE_HZ // 50
            container.mux(packet)
