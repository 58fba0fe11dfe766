"""What `callplayer doctor` finds by playing silence: which sound system plays it, how, how late."""

from __future__ import annotations

import time

from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.devices.faults import held_device, no_device
from callplayer.engine.devices.latency import FIRST_LATENCY_S
from callplayer.engine.devices.listing import find_target, open_target
from callplayer.engine.devices.pulse import NOWHERE, PulseView, view_now
from callplayer.engine.devices.routes import sink_in_environment
from callplayer.engine.devices.sound_system import describe_system
from callplayer.errors import SoundDeviceError

SETTLE_S = 0.5
"""How long a device plays silence until its delay and its place at the sound server are known."""


def try_sound(wanted: str) -> str:
    """Open the device and play silence on it; return one line of what was found.

    Raise SoundDeviceError where nothing would be heard: no device, or muted by the desktop's mixer.
    """
    before = view_now()
    sink = wanted or sink_in_environment()
    if before is not None and (program := before.held_by(sink)):
        raise held_device(program, sink or before.default)
    target = find_target(wanted, before)
    output = open_target(target, Mixer(target.rate_hz), FIRST_LATENCY_S)
    time.sleep(SETTLE_S)
    view = view_now() if before is not None else None
    runs = output.mixer.rendered_frames > 0
    output.stop()
    if view is not None and view.playing_on == NOWHERE:
        raise no_device()
    if not runs:
        raise SoundDeviceError(
            f"The sound device {target.device.name} opens, and asks for no sound.",
            "`callplayer devices` lists the others; --output-device=NAME chooses one.",
        )
    _check_heard(view)
    played_on = view.sink(view.playing_on) if view is not None else None
    return (
        f"{played_on.label if played_on is not None else target.device.name}: "
        f"{describe_system(target.device.host_api, view)}, at {target.rate_hz / 1000:g} kHz, "
        f"{output.latency_s * 1000:.0f} ms delay{_quiet(view)}"
    )


def _check_heard(view: PulseView | None) -> None:
    if view is not None and view.heard_at.muted:
        raise SoundDeviceError(
            "The sound is muted in the desktop's mixer.",
            "Unmute callplayer and its sink there; in a call, x does it.",
        )


def _quiet(view: PulseView | None) -> str:
    if view is None or view.heard_at.percent >= 100:
        return ""
    return f"; at {view.heard_at.percent} % in the desktop's mixer (in a call, X undoes it)"
