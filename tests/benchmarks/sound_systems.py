"""callplayer on PipeWire beside PulseAudio: key → new sound, and position shown less heard.

PipeWire is reached by pipewire-alsa, as on most desktops, and by ALSA's plugin for PulseAudio.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import clients, latency, shown
from tests.rig.pipewire import pipewire_server
from tests.rig.processes import Service
from tests.rig.pulse import Sink, SoundServer, pulse_server
from tests.rig.signals import write_sweep_call

PULSEAUDIO = "PulseAudio"


@dataclass
class System:
    """One sound system by one layer: its jumps, and the errors of the clock and of `audible_ms`."""

    name: str
    jumps: latency.Latency
    errors: list[shown.Errors] = field(default_factory=list)


def measure(sessions: int, jumps: int, steady_s: float) -> list[System]:
    """Measure all systems in turns, each in `sessions` of so many jumps; then the clocks."""
    with (
        tempfile.TemporaryDirectory() as folder,
        pulse_server() as pulse,
        pipewire_server() as pipewire,
    ):
        home = Path(folder)
        write_sweep_call(home / "sweep.wav", latency.CALL_S)
        service = Service(home, home / "sweep.wav")
        ways: dict[str, tuple[SoundServer, Mapping[str, str]]] = {
            PULSEAUDIO: (pulse, {}),
            "PipeWire, pipewire-alsa": (pipewire, pipewire.through("alsa")),
            "PipeWire, plugin for PulseAudio": (pipewire, pipewire.through("pulse")),
        }
        measured = {
            name: System(name, latency.Latency(name, [], [])) for name in ways
        }  # fmt: skip
        chance = random.Random(911)
        try:
            for session in range(sessions):
                for name, (server, layer) in ways.items():
                    sink = _sink(server, layer, f"jumps{session}")
                    own_home = home / f"{name}{session}"
                    own_home.mkdir()
                    duration_ms = round(latency.CALL_S * 1000)
                    with clients.callplayer(own_home, service, sink, duration_ms) as client:
                        one = measured[name].jumps
                        latency.measure_client(
                            one, client, sink, jumps, 0, latency.LISTEN_S, chance
                        )
                    sink.close()
            for name, (server, layer) in ways.items():
                sink = _sink(server, layer, "clock")
                measured[name].errors += [
                    *shown.screen_errors(home, service, sink, steady_s, 0, 0)[:1],
                    shown.engine_errors(home, service, sink, steady_s),
                ]
                sink.close()
        finally:
            service.stop()
    return list(measured.values())


def _sink(server: SoundServer, layer: Mapping[str, str], name: str) -> Sink:
    sink = Sink(server, name)
    sink.environment |= layer
    return sink
