"""How a call is to be opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from callplayer.ipc import messages as m


@dataclass(frozen=True)
class EngineOptions:
    """`start` says what is done once everything is ready.

    With `wait_for_device` the call is joined without a sound device if there is none yet, and waits
    for one; with `silent_without_device` it plays on silently until one comes. `recording` is a
    file to play without a server; then there is no incident of the API.
    """

    incident_id: str
    start: m.Start = "play"
    no_audio: bool = False
    wait_for_device: bool = False
    silent_without_device: bool = False
    recording: Path | None = None

    @property
    def waits(self) -> bool:
        """Whether the call is begun without looking for a device first."""
        return self.wait_for_device and not (self.silent_without_device or self.no_audio)
