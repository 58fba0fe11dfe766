"""`callplayer devices`: list the sound devices."""

from __future__ import annotations

import argparse

from callplayer.errors import EXIT_DONE


def run_devices(_options: argparse.Namespace) -> int:
    """List the sound server's sinks and the sound devices; `*` marks the one that would play."""
    from callplayer.config import load_settings
    from callplayer.engine.devices.listing import would_play
    from callplayer.engine.devices.portaudio import list_devices
    from callplayer.engine.devices.pulse import view_now
    from callplayer.engine.devices.routes import ALIASES, ROUTES
    from callplayer.errors import SoundDeviceError
    from callplayer.preferences import read_output_device

    devices = list_devices()
    view = view_now() if any(device.name in ROUTES for device in devices) else None
    sinks = view.audible if view is not None else ()
    if view is not None and not sinks:  # what plays to the sound server is heard nowhere
        devices = [device for device in devices if device.name not in ALIASES]
    if not devices:
        raise SoundDeviceError(
            "There is no sound device that can play.",
            "Connect one, or run the player with --no-audio.",
        )
    width = max(len(name) for name in (*(d.name for d in devices), *(s.name for s in sinks)))
    wanted = load_settings({}).output_device or read_output_device()
    plays = would_play(wanted, devices, view)
    marked = False
    for sink in sinks:
        mark = "*" if sink.name == plays else " "
        marked = marked or sink.name == plays
        print(f"{mark} {sink.name:<{width}}  {sink.label}, a sink of the sound server")
    for device in devices:
        mark = "*" if device.name == plays and not marked else " "
        marked = marked or device.name == plays
        rate_khz = device.default_rate_hz / 1000
        print(
            f"{mark} {device.name:<{width}}  {device.host_api}, "
            f"{device.channels} channels, {rate_khz:g} kHz"
        )
    return EXIT_DONE
