"""Which sound system plays, and through which layer. Pure."""

from __future__ import annotations

import re

from callplayer.engine.devices.jack import JACK
from callplayer.engine.devices.pulse import PulseView

_ON_PIPEWIRE = re.compile(r"\(on (PipeWire [\w.]+)\)")
_LAYERS = {
    "alsa": "pipewire-alsa",
    "pipewire-pulse": "ALSA's plugin for PulseAudio",
    "jack": "JACK",
}


def describe_system(host_api: str, view: PulseView | None) -> str:
    """Return what plays, such as `PipeWire 0.3.65, through pipewire-alsa`.

    `host_api` is PortAudio's name of the layer that the device is opened by; a `view` that shows
    our stream says which sound server plays it.
    """
    server = view.server if view is not None else ""
    pipewire = _ON_PIPEWIRE.search(server)
    if host_api == JACK:
        return f"{pipewire.group(1)}, through JACK" if pipewire else "JACK"
    if view is None or not view.playing_on:
        return host_api
    if pipewire:
        return f"{pipewire.group(1)}, through {_LAYERS.get(view.layer, 'ALSA')}"
    return f"{server or 'PulseAudio'}, through {_LAYERS['pipewire-pulse']}"
