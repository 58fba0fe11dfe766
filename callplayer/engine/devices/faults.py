"""What is wrong with a sound device, in words for people."""

from __future__ import annotations

from callplayer.errors import SoundDeviceError

NO_AUDIO_HINT = "Connect one and run again, or run with --no-audio to go on without sound."


def no_device() -> SoundDeviceError:
    """Return the error of a machine that can play nothing."""
    return SoundDeviceError("There is no sound device that can play.", NO_AUDIO_HINT)


def held_device(program: str, device: str) -> SoundDeviceError:
    """Return the error of a device that a program holds for itself."""
    return SoundDeviceError(
        f"{program} holds the sound device {device} for itself.",
        "Close it there, or choose another one: `callplayer devices` lists them.",
    )


def is_busy(error: str) -> bool:
    """Return whether an error of PortAudio's is that of a device that is open elsewhere.

    ALSA's is EBUSY; PortAudio makes paDeviceUnavailable of some.
    """
    return "[ALSA error -16]" in error or "PaErrorCode -9985" in error
