"""The devices a person can choose from: the sound server's sinks and PortAudio's devices, by name.

Run as a program it prints PortAudio's devices as JSON: PortAudio lists those of its start, and can
look anew only while it plays nothing, so a player that plays asks a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from callplayer.config import without_settings
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.devices.portaudio import (
    OutputDevice,
    SoundOutput,
    find_device,
    list_devices,
    refresh_devices,
    usable_rate_hz,
)
from callplayer.engine.devices.pulse import PulseView, Sink
from callplayer.engine.devices.routes import ALIASES, playing_to, route_of, sink_in_environment
from callplayer.errors import SoundDeviceError

LOG = logging.getLogger(__name__)

LIST_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Choice:
    """A device that can be chosen: `name` is what to ask for, `label` what to show."""

    name: str
    label: str


@dataclass(frozen=True)
class OutputTarget:
    """What to open: a PortAudio device, for a sound server its sink (None: as it likes), a rate.

    `listed` are all the devices that there were when it was looked for.
    """

    device: OutputDevice
    sink: str | None
    rate_hz: int
    listed: tuple[OutputDevice, ...]


def find_target(wanted: str, view: PulseView | None, *, refresh: bool = False) -> OutputTarget:
    """Return what to open for a name (or a part of it that only one has); "" is the default.

    It may hang with the sound server. Raise SoundDeviceError if there is no such device.
    """
    if refresh:
        refresh_devices()
    listed = tuple(list_devices())
    sink = _find_sink(wanted, view, [device.name for device in listed])
    if sink is not None:
        device = find_device(route_of((device.name for device in listed), view))
        return OutputTarget(device, sink.name, usable_rate_hz(device), listed)
    device = find_device(wanted)
    return OutputTarget(device, _as_set_or_default(view), usable_rate_hz(device), listed)


def open_target(target: OutputTarget, mixer: Mixer, latency_s: float) -> SoundOutput:
    """Open a target for `mixer`; it may hang. Raise SoundDeviceError if it cannot be opened."""
    with playing_to(target.sink):
        return SoundOutput(target.device, mixer, latency_s)


def choices(devices: Iterable[OutputDevice], view: PulseView | None) -> list[Choice]:
    """Return what a person can choose from, the sound server's sinks first."""
    listed = {device.name: device for device in devices}
    if view is None or not route_of(listed, view):
        return [Choice(name, f"{name} ({listed[name].host_api})") for name in listed]
    sinks = [Choice(sink.name, sink.label) for sink in view.audible]
    others = [name for name in listed if name not in ALIASES]
    return sinks + [Choice(name, f"{name} ({listed[name].host_api})") for name in others]


def resolve_name(wanted: str, known: Sequence[Choice]) -> str | None:
    """Return the name that a name, a label or a part only one has stands for; None if none does."""
    folded = wanted.casefold()
    exact = [c for c in known if folded in (c.name.casefold(), c.label.casefold())]
    parts = [c for c in known if folded in f"{c.name}\n{c.label}".casefold()]
    if not wanted:
        return ""
    return next((found[0].name for found in (exact, parts) if len(found) == 1), None)


def would_play(wanted: str, devices: Sequence[OutputDevice], view: PulseView | None) -> str:
    """Return the name of the sink or device that a call would play on; "" for none.

    A wanted one that is not there is no reason not to play: the default one does.
    """
    names = [device.name for device in devices]
    sink = _find_sink(wanted, view, names)
    if sink is not None:
        return sink.name
    known = [Choice(name, name) for name in dict.fromkeys(names)]
    default = next((each.name for each in devices if each.is_default), "".join(names[:1]))
    name = resolve_name(wanted, known) or default
    if view is None or name not in ALIASES:
        return name
    named = sink_in_environment()
    return named if view.sink(named) is not None else view.default or name


async def fresh_devices() -> list[OutputDevice]:
    """Return the devices there are now, as a process of its own sees them.

    None if it hangs, or cannot be started now: a call that plays goes on.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", __name__,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=without_settings(os.environ),
        )  # fmt: skip
    except OSError as error:
        LOG.warning("the sound devices cannot be listed now: %s", error.strerror)
        return []
    try:
        async with asyncio.timeout(LIST_TIMEOUT_S):
            output, _ = await process.communicate()
        return msgspec.json.decode(output, type=list[OutputDevice])
    except (TimeoutError, msgspec.MsgspecError):
        return []
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def _find_sink(wanted: str, view: PulseView | None, devices: Sequence[str]) -> Sink | None:
    """Return the sink that a name means, unless a PortAudio device has just that name."""
    if not wanted or view is None or not route_of(devices, view):
        return None
    folded = wanted.casefold()
    exact = [s for s in view.sinks if folded in (s.name.casefold(), s.label.casefold())]
    if exact:
        return exact[0]
    if folded in (name.casefold() for name in devices):
        return None
    parts = [s for s in view.sinks if folded in f"{s.name}\n{s.label}".casefold()]
    return parts[0] if len(parts) == 1 else None


def _as_set_or_default(view: PulseView | None) -> str | None:
    """Leave the sink to the user's environment, unless that names one that is gone."""
    named = sink_in_environment()
    return "" if named and view is not None and view.sink(named) is None else None


def _print_devices() -> None:
    try:
        devices = list_devices()
    except SoundDeviceError:
        devices = []
    sys.stdout.buffer.write(msgspec.json.encode(devices))


if __name__ == "__main__":
    _print_devices()
