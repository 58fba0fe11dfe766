"""From the command to the first screen and to the first sound, on loopback."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.rig.processes import CALLPLAYER, Service, clean_environment
from tests.rig.pulse import RATE_HZ, Sink, pulse_server
from tests.rig.signals import write_sweep_call
from tests.rig.terminal import Terminal


@dataclass(frozen=True)
class Start:
    """Times of each start, in s."""

    screen_s: list[float]
    sound_s: list[float]


def measure(times: int) -> Start:
    """Start callplayer so many times in a terminal of 80×24."""
    screens, sounds = [], []
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        write_sweep_call(home / "sweep.wav", 60.0)
        service = Service(home, home / "sweep.wav")
        sink = Sink(server, "start")
        environment = clean_environment(home) | service.environment | sink.environment
        try:
            for number in range(times):
                place = home / str(number)
                place.mkdir()
                began_s = time.monotonic()
                terminal = Terminal(place, [*CALLPLAYER, service.incidents[0]], environment)
                terminal.wait_until(lambda screen: "quit" in screen)
                screens.append(time.monotonic() - began_s)
                terminal.wait_for("PLAYING")
                time.sleep(1.0)
                sound = np.abs(sink.heard(began_s, time.monotonic()))
                sounds.append(float(np.argmax(sound > 0.02)) / RATE_HZ)
                terminal.type("q")
                terminal.wait_end()
                terminal.close()
        finally:
            sink.close()
            service.stop()
    return Start(screens, sounds)
