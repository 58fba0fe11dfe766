"""The sound devices that can be chosen: as a client is told of them, and what a name means."""

from __future__ import annotations

from collections.abc import Sequence

from callplayer.engine.devices.listing import choices, fresh_devices, resolve_name
from callplayer.engine.devices.portaudio import OutputDevice
from callplayer.engine.devices.pulse import PulseView
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.reporter import Reporter
from callplayer.ipc import messages as m
from callplayer.text import plain_text


class DeviceList:
    """Looks for the devices there are. `view` is what the sound server, if any, told last."""

    def __init__(self, sound: AudioPipeline, teller: Reporter) -> None:
        self._sound = sound
        self._teller = teller

    async def tell(self, view: PulseView | None, *, on_sink: str, chosen: str) -> None:
        """Tell the devices; sound comes from the sink `on_sink` ("": from no sink we know)."""
        listed = choices(await self._listed(view), view)
        output = self._sound.output if not self._sound.has_stand_in else None
        self._teller.emit(
            m.DevicesEvent(
                devices=tuple(m.Device(choice.name, choice.label) for choice in listed),
                current=(on_sink or output.device_name) if output is not None else None,
                chosen=chosen,
            )
        )

    async def meant(self, asked: str, view: PulseView | None) -> str | None:
        """Return the name of the device that is meant; None, and that is told, if it is not one."""
        listed = await self._listed(view)
        known = choices(listed, view)
        name = asked if asked in {d.name for d in listed} else resolve_name(asked, known)
        if name is None:
            self._teller.error(
                "no-such-device",
                f"There is no sound device {plain_text(asked, 80)!r}, or more than one.",
                f"There are: {', '.join(choice.label for choice in known) or 'none'}.",
            )
        return name

    async def _listed(self, view: PulseView | None) -> Sequence[OutputDevice]:
        """Return PortAudio's devices; with a sound server those of the last opening will do."""
        if view is not None and self._sound.listed:
            return self._sound.listed
        return await fresh_devices()
