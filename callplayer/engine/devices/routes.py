"""How a stream of PortAudio's is named for the sound server, and led to one of its sinks.

Nothing but the environment reaches ALSA's plugins: `pulse` reads PULSE_SINK and PULSE_PROP,
`pipewire` (of pipewire-alsa) reads PIPEWIRE_ALSA and PIPEWIRE_NODE.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterable, Iterator

from callplayer.engine.devices.pulse import PulseView

ROUTES = ("pipewire", "pulse")
"""PortAudio's devices that play to the sink we name; without one of them sinks are no choice."""

ALIASES = (*ROUTES, "default")
"""PortAudio's devices that stand for whatever the sound server thinks best."""

SINK_VARIABLES = ("PULSE_SINK", "PIPEWIRE_NODE")
NAMED = {
    "PIPEWIRE_ALSA": "{ application.name=callplayer node.name=callplayer }",
    # The plugin `pulse` keeps its own application.name; by this key volumes are remembered.
    "PULSE_PROP": "module-stream-restore.id=sink-input-by-application-name:callplayer",
}


def name_streams() -> None:
    """Let this process's streams be callplayer's in the desktop's mixer; before PortAudio starts.

    What a person has set in the environment stays.
    """
    for variable, value in NAMED.items():
        os.environ.setdefault(variable, value)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libportaudio.so.2").PaJack_SetClientName(b"callplayer")


def route_of(devices: Iterable[str], view: PulseView | None) -> str:
    """Return the device that plays to the sink we name, "" if there is none.

    Only PipeWire answers to `pipewire`, and keeps more of what a stream says of itself there.
    """
    listed = set(devices)
    on_pipewire = view is not None and "PipeWire" in view.server
    routes = ROUTES if on_pipewire else ROUTES[1:]
    return next((route for route in routes if route in listed), "")


def sink_in_environment() -> str:
    """Return the sink that a person's environment names, or ""."""
    return next((os.environ[name] for name in SINK_VARIABLES if os.environ.get(name)), "")


@contextlib.contextmanager
def playing_to(sink: str | None) -> Iterator[None]:
    """Let a stream that is opened meanwhile play to this sink; "": the default, None: as it is."""
    if sink is None:
        yield
        return
    before = {name: os.environ.get(name) for name in SINK_VARIABLES}
    try:
        _set(dict.fromkeys(SINK_VARIABLES, sink or None))
        yield
    finally:
        _set(before)


def _set(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
