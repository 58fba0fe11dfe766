"""The sound device: found by name, opened through PortAudio, fed from the mixer.

PortAudio is imported late: without its library `import sounddevice` raises, and a player that only
wants `--no-audio` does not need it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.devices.faults import held_device, is_busy, no_device
from callplayer.engine.devices.jack import JACK, keep_from_ending, keep_out_of_database
from callplayer.engine.devices.latency import FIRST_LATENCY_S, LONGEST_PLAUSIBLE_S, plausible_s
from callplayer.engine.devices.native_noise import quiet_stderr
from callplayer.engine.devices.routes import name_streams
from callplayer.errors import SoundDeviceError
from callplayer.text import plain_text

PREFERRED_RATE_HZ = 48_000
CLOCK_LOOK_S, STARVED_S, CLOCK_KNOWN_S, FIRST_BLOCK_S = 0.05, 0.075, 2.0, 0.5
FILLED_S, CLOCK_LEAD_S = 0.2, 1.0
"""A device takes no more sound than this beyond the time that passes, to fill itself at first. One
that takes so much more has no clock: ALSA's `null` and `file` take all there is."""

PORTAUDIO_HINT = (
    "Install it (Debian/Ubuntu: apt install libportaudio2, macOS: brew install portaudio), "
    "or run with --no-audio."
)


@dataclass(frozen=True)
class OutputDevice:
    """A device that can play: PortAudio's index (valid for this process only), name and rates."""

    index: int
    name: str
    host_api: str
    channels: int
    default_rate_hz: int
    is_default: bool


class Output(Protocol):
    """What plays a mixer. `latency_s` is from the mixer's block to the air (or the wire)."""

    device_name: str
    closes: bool
    """Whether it can be closed once its sound system has ended: JACK's cannot."""

    takes_latency: bool
    """Whether it holds as much as is asked of it: JACK's server holds what it was started with."""

    latency_s: float
    underflows: int
    """How often the device ran out of what it had been given."""

    def stop(self) -> None:
        """Stop and close; returns when no block will be asked for any more."""
        ...

    def stalled_s(self, now_s: float) -> float:
        """Return for how long no block has been asked for."""
        ...

    def take_gap_s(self) -> float:
        """Return the longest time between two blocks since the last call of this."""
        ...

    def ended(self) -> bool:
        """Return whether the device has ended by itself: it is gone."""
        ...


def list_devices() -> list[OutputDevice]:
    """Return the devices that can play; raise SoundDeviceError if PortAudio cannot say."""
    sd = _sounddevice()
    with _asking(sd):
        default_index = _default_index(sd)
        devices = list(sd.query_devices())
        host_apis = [str(api["name"]) for api in sd.query_hostapis()]
    if JACK in host_apis:
        keep_from_ending(sd._exit_handler)
    return [
        OutputDevice(
            index=index,
            name=plain_text(str(info["name"]), 80),
            host_api=host_apis[int(info["hostapi"])],
            channels=int(info["max_output_channels"]),
            default_rate_hz=round(float(info["default_samplerate"])),
            is_default=index == default_index,
        )
        for index, info in enumerate(devices)
        if int(info["max_output_channels"]) > 0
    ]


def refresh_devices() -> None:
    """Have PortAudio look for devices anew: it lists those of its start. No stream may be open.

    Where it has seen JACK, the devices of its start have to do: it could not be ended.
    Raise SoundDeviceError if it cannot start again; it can be tried again then.
    """
    sd = _sounddevice()
    with contextlib.suppress(sd.PortAudioError):
        if any(api["name"] == JACK for api in sd.query_hostapis()):
            return
    with _asking(sd):
        with contextlib.suppress(sd.PortAudioError):  # it does not run, as after a failed start
            sd._terminate()
        sd._initialize()


def find_device(wanted: str) -> OutputDevice:
    """Return the device of that name (whole, or a part that only one has), or the default for "".

    Raise SoundDeviceError if there is none or the part is not enough.
    """
    devices = list_devices()
    if not devices:
        raise no_device()
    if not wanted:
        return next((device for device in devices if device.is_default), devices[0])
    folded = wanted.casefold()
    exact = [device for device in devices if device.name.casefold() == folded]
    partial = [device for device in devices if folded in device.name.casefold()]
    for found in (exact, partial):
        if found and len({device.name for device in found}) == 1:
            return found[0]
    if partial:
        names = ", ".join(sorted({device.name for device in partial}))
        raise SoundDeviceError(
            f"{plain_text(wanted, 80)!r} fits several sound devices: {names}.", "Name one in full."
        )
    raise SoundDeviceError(
        f"There is no sound device named {plain_text(wanted, 80)!r}.",
        "`callplayer devices` lists them; or run with --no-audio.",
    )


class SoundOutput:
    """An open PortAudio stream. Float32, at most two channels, the same sound on each."""

    def __init__(
        self, device: OutputDevice, mixer: Mixer, latency_s: float = FIRST_LATENCY_S
    ) -> None:
        """Open `device` at the mixer's rate and start it; raise SoundDeviceError if it cannot be.

        `latency_s` is what is asked of the device; blocks are half of it.
        """
        sd = _sounddevice()
        self._error: type[Exception] = sd.PortAudioError
        self.device_name = device.name
        self.closes = self.takes_latency = device.host_api != JACK
        self.mixer = mixer
        self.latency_s = latency_s
        self.underflows = 0
        self._called_s = time.monotonic()
        self._gap_s = 0.0
        self._opened_s = self._called_s
        self._stop_stream: type[Exception] = sd.CallbackAbort
        self._has_clock = True
        stream: Any = None
        try:
            with quiet_stderr():
                stream = sd.OutputStream(
                    samplerate=mixer.rate_hz,
                    blocksize=round(latency_s / 2 * mixer.rate_hz),
                    device=device.index,
                    channels=min(2, device.channels),
                    dtype="float32",
                    latency=latency_s,
                    callback=self._fill,
                )
                self._stream = stream
                self.latency_s = plausible_s(float(stream.latency), latency_s)
                stream.start()
                self._see_clock()
        except sd.PortAudioError as error:
            if stream is not None:
                stream.close(ignore_errors=True)
            if is_busy(str(error)):
                raise held_device("Another program", device.name) from error
            raise SoundDeviceError(
                f"The sound device {device.name!r} cannot be opened: {plain_text(str(error))}.",
                "`callplayer devices` lists the others; or run with --no-audio.",
            ) from error
        if not self._has_clock:
            self.stop()
            raise SoundDeviceError(
                f"The sound device {device.name!r} is none: it takes sound without a clock.",
                "`callplayer devices` lists the others; or run with --no-audio.",
            )

    def _see_clock(self) -> None:
        """Return once the device has shown no haste, or has been found to have no clock."""
        while self._has_clock:
            looked_s = time.monotonic()
            time.sleep(CLOCK_LOOK_S)
            now_s = time.monotonic()
            # A process that is not let run can take no more than one that waits for a clock.
            is_starved = now_s - looked_s > STARVED_S and now_s - self._opened_s < FIRST_BLOCK_S
            least_s = FILLED_S if self.mixer.rendered_frames else -FIRST_BLOCK_S
            if self._lead_s(now_s) <= least_s and not is_starved:
                return

    def _lead_s(self, now_s: float) -> float:
        return self.mixer.rendered_frames / self.mixer.rate_hz - (now_s - self._opened_s)

    def stop(self) -> None:
        """Close at once; what the device still holds is dropped."""
        with quiet_stderr():
            self._stream.abort(ignore_errors=True)
            self._stream.close(ignore_errors=True)

    def stalled_s(self, now_s: float) -> float:
        """Return for how long PortAudio has not asked for a block."""
        return max(0.0, now_s - self._called_s)

    def take_gap_s(self) -> float:
        """Return the longest time between two of PortAudio's blocks since the last call of this."""
        gap_s, self._gap_s = self._gap_s, 0.0
        return gap_s

    def ended(self) -> bool:
        """Return whether PortAudio has given the stream up."""
        try:
            return not self._stream.active
        except self._error:
            return True

    def _fill(self, out: npt.NDArray[np.float32], _frames: int, moment: Any, flags: Any) -> None:
        self.mixer.render(out)
        called_s, self._called_s = self._called_s, self.mixer.rendered_at_s
        self._gap_s = max(self._gap_s, self._called_s - called_s)
        is_new = self._called_s - self._opened_s < CLOCK_KNOWN_S
        if is_new and self._lead_s(self._called_s) > CLOCK_LEAD_S:
            self._has_clock = False
            raise self._stop_stream
        if flags.output_underflow:
            self.underflows += 1
        ahead_s = moment.outputBufferDacTime - moment.currentTime
        if 0.0 < ahead_s < LONGEST_PLAUSIBLE_S:
            self.latency_s += 0.02 * (ahead_s - self.latency_s)


class SimulatedOutput:
    """A sound card made of a thread: for `--no-audio`, and for tests that turn its knobs.

    It asks for `block_frames` at a time on a clock that runs `clock_ppm` fast.
    """

    def __init__(
        self, mixer: Mixer, *, block_frames: int = 480, clock_ppm: float = 0.0, name: str = "none"
    ) -> None:
        self.mixer = mixer
        self.device_name = name
        self.closes = self.takes_latency = True
        self.latency_s = 0.0
        self.underflows = 0
        self._block: npt.NDArray[np.float32] = np.zeros((block_frames, 1), dtype=np.float32)
        self._period_s = block_frames / mixer.rate_hz / (1.0 + clock_ppm * 1e-6)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated-output", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join(timeout=1.0)

    def stalled_s(self, now_s: float) -> float:
        """Return for how long no block has been asked for."""
        return max(0.0, now_s - self.mixer.rendered_at_s) if self.mixer.rendered_frames else 0.0

    def take_gap_s(self) -> float:
        """Report no gap: what a thread takes is not heard."""
        return 0.0

    def ended(self) -> bool:
        """Report that a thread does not end by itself."""
        return False

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._end.wait(max(0.0, due_s - time.monotonic())):
            self.mixer.render(self._block)
            due_s = max(due_s + self._period_s, time.monotonic() - 1.0)


def _sounddevice() -> Any:
    keep_out_of_database()
    name_streams()
    try:
        with quiet_stderr():
            import sounddevice
    except OSError as error:
        raise SoundDeviceError("The PortAudio library is missing.", PORTAUDIO_HINT) from error
    except Exception as error:  # PortAudio's own, which has no name until it has been imported
        raise _does_not_work(error) from error
    return sounddevice


@contextlib.contextmanager
def _asking(sd: Any) -> Iterator[None]:
    """Ask PortAudio something; raise SoundDeviceError for its own error."""
    try:
        with quiet_stderr():
            yield
    except sd.PortAudioError as error:
        raise _does_not_work(error) from error


def _does_not_work(error: Exception) -> SoundDeviceError:
    return SoundDeviceError(
        f"The sound system does not work: {plain_text(str(error), 200)}.",
        "See that it runs, or run with --no-audio.",
    )


def _default_index(sd: Any) -> int:
    try:
        return int(sd.query_devices(kind="output")["index"])
    except sd.PortAudioError:
        return -1


def usable_rate_hz(device: OutputDevice) -> int:
    """Return 48 kHz where the device takes it, else the rate it likes best."""
    sd = _sounddevice()
    try:
        with quiet_stderr():
            sd.check_output_settings(
                device=device.index,
                channels=min(2, device.channels),
                dtype="float32",
                samplerate=PREFERRED_RATE_HZ,
            )
    except (sd.PortAudioError, ValueError):
        return device.default_rate_hz
    return PREFERRED_RATE_HZ
