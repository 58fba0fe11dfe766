"""Finding a device by name, opening one through a PortAudio that is made up, and the simulated
card's clock."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.devices import portaudio as output
from callplayer.engine.devices.native_noise import quiet_stderr
from callplayer.engine.devices.portaudio import (
    OutputDevice,
    SimulatedOutput,
    SoundOutput,
    find_device,
    list_devices,
    refresh_devices,
    usable_rate_hz,
)
from callplayer.errors import SoundDeviceError


class PortAudioError(Exception):
    """What the made-up PortAudio raises."""


class CallbackAbort(Exception):
    """What a callback raises to end the made-up PortAudio's stream."""


@dataclass
class FakeStream:
    """Records what becomes of it."""

    callback: Any
    channels: int
    samplerate: int
    fails_to_start: bool = False
    latency: float = 0.031
    is_active: bool = True
    is_lost: bool = False
    calls: list[str] = field(default_factory=list)

    @property
    def active(self) -> bool:
        if self.is_lost:
            raise PortAudioError("Bad stream pointer")
        return self.is_active

    def start(self) -> None:
        if self.fails_to_start:
            raise PortAudioError("Device\x1b[2J unavailable")
        self.calls.append("start")

    def abort(self, ignore_errors: bool = True) -> None:
        self.calls.append("abort")

    def close(self, ignore_errors: bool = True) -> None:
        self.calls.append("close")


@dataclass
class FakePortAudio:
    """The parts of `sounddevice` that are used. Each device is (name, channels, rate)."""

    devices: list[tuple[str, int, float]]
    default: int | None = None
    rates_hz: tuple[int, ...] = (44_100, 48_000)
    fails_to_start: bool = False
    runs: bool = True
    fails_to_run: bool = False
    streams: list[FakeStream] = field(default_factory=list)
    PortAudioError: type[Exception] = PortAudioError
    CallbackAbort: type[Exception] = CallbackAbort

    def _terminate(self) -> None:
        if not self.runs:
            raise PortAudioError("PortAudio not initialized")
        self.runs = False

    def _initialize(self) -> None:
        if self.fails_to_run:
            raise PortAudioError("Host\x1b[2J error")
        self.runs = True

    def query_devices(self, kind: str | None = None) -> Any:
        if not self.runs:
            raise PortAudioError("PortAudio not initialized")
        if kind is not None:
            if self.default is None:
                raise PortAudioError("Error querying device -1")
            return {"index": self.default}
        return [
            {"name": n, "max_output_channels": c, "default_samplerate": r, "hostapi": 0}
            for n, c, r in self.devices
        ]

    def query_hostapis(self) -> Any:
        return [{"name": "ALSA"}]

    def check_output_settings(self, *, samplerate: int, **_: object) -> None:
        if samplerate not in self.rates_hz:
            raise PortAudioError("Invalid sample rate")

    def OutputStream(self, **options: Any) -> FakeStream:
        stream = FakeStream(
            options["callback"],
            options["channels"],
            options["samplerate"],
            fails_to_start=self.fails_to_start,
        )
        self.streams.append(stream)
        return stream


def _machine(
    monkeypatch: pytest.MonkeyPatch, *names: str, default: int | None = None, **more: Any
) -> FakePortAudio:
    portaudio = FakePortAudio([(name, 2, 44_100.0) for name in names], default, **more)
    monkeypatch.setattr(output, "_sounddevice", lambda: portaudio)
    return portaudio


# --- finding --------------------------------------------------------------------------------------


def test_only_devices_that_can_play_are_listed_with_their_own_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portaudio = _machine(monkeypatch, default=1)
    portaudio.devices = [("Microphone", 0, 16_000.0), ("Headset\x1b[31m", 1, 16_000.4)]
    assert list_devices() == [
        OutputDevice(1, "Headset\N{REPLACEMENT CHARACTER}[31m", "ALSA", 1, 16_000, True)
    ]


def test_no_name_means_the_default_and_without_one_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _machine(monkeypatch, "Speakers", "Headset", default=1)
    assert find_device("").name == "Headset"
    _machine(monkeypatch, "Speakers", "Headset")
    assert find_device("").name == "Speakers"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("Headset", "Headset"),  # whole, though it is a part of another
        ("headset", "Headset"),
        ("pro", "Headset Pro"),
        ("SPEAK", "Speakers"),
    ],
)
def test_a_name_or_a_part_that_only_one_has(
    monkeypatch: pytest.MonkeyPatch, wanted: str, found: str
) -> None:
    _machine(monkeypatch, "Speakers", "Headset Pro", "Headset")
    assert find_device(wanted).name == found


def test_one_name_in_two_host_apis_is_no_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, "Headset", "Headset")
    assert find_device("head").index == 0


def test_a_part_that_several_have_is_refused_with_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _machine(monkeypatch, "USB Headset", "USB Speakers", "HDMI")
    with pytest.raises(SoundDeviceError) as caught:
        find_device("usb")
    assert "USB Headset, USB Speakers" in caught.value.what
    assert "HDMI" not in caught.value.what


@pytest.mark.parametrize("names", [(), ("Speakers",)])
def test_a_device_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    _machine(monkeypatch, *names)
    with pytest.raises(SoundDeviceError) as caught:
        find_device("Head\x1bset")
    assert "--no-audio" in caught.value.hint
    assert "\x1b" not in caught.value.what


def cannot_be_imported(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Have the import of sounddevice raise `error`."""

    class Finder:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise error

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])


def test_without_portaudio_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    cannot_be_imported(monkeypatch, OSError("PortAudio library not found"))
    with pytest.raises(SoundDeviceError) as caught:
        list_devices()
    assert "libportaudio2" in caught.value.hint
    assert caught.value.exit_code == 6


def test_a_portaudio_that_does_not_work_is_reported_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portaudio = _machine(monkeypatch, "Speakers", fails_to_run=True)
    for look in (refresh_devices, refresh_devices, list_devices, lambda: find_device("")):
        with pytest.raises(SoundDeviceError) as caught:
            look()
        assert "\x1b" not in caught.value.what
    portaudio.fails_to_run = False
    refresh_devices()
    assert find_device("").name == "Speakers"


def test_a_portaudio_that_cannot_be_imported_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    cannot_be_imported(monkeypatch, PortAudioError("Error initializing PortAudio"))
    with pytest.raises(SoundDeviceError, match="Error initializing PortAudio"):
        list_devices()


FINE, RAN_DRY = (SimpleNamespace(output_underflow=dry) for dry in (False, True))


# --- opening --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rates_hz", "used_hz"), [((48_000,), 48_000), ((44_100,), 44_100)])
def test_48_khz_is_used_where_it_can_be(
    monkeypatch: pytest.MonkeyPatch, rates_hz: tuple[int, ...], used_hz: int
) -> None:
    portaudio = _machine(monkeypatch, "Speakers", rates_hz=rates_hz)
    device = find_device("")
    made = SoundOutput(device, Mixer(usable_rate_hz(device)))
    assert made.mixer.rate_hz == portaudio.streams[0].samplerate == used_hz
    assert made.latency_s == portaudio.streams[0].latency
    made.stop()
    assert portaudio.streams[0].calls == ["start", "abort", "close"]


def test_the_callback_plays_the_mixer_and_follows_the_latency(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portaudio = _machine(monkeypatch, "Speakers")
    made = SoundOutput(find_device(""), Mixer(48_000))
    # The device has long been open.
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 10.0)
    monkeypatch.setattr("callplayer.engine.audio.mixer.time", later)
    fill = portaudio.streams[0].callback
    block = np.full((480, 2), 9.0, dtype=np.float32)
    for _ in range(400):
        fill(block, 480, SimpleNamespace(outputBufferDacTime=5.05, currentTime=5.0), FINE)
    assert not block.any()
    assert made.latency_s == pytest.approx(0.05, abs=0.001)
    assert made.mixer.rendered_frames == 400 * 480
    for absurd in (0.0, 5000.0):
        fill(block, 480, SimpleNamespace(outputBufferDacTime=absurd, currentTime=5.0), RAN_DRY)
    assert made.latency_s == pytest.approx(0.05, abs=0.001)
    assert made.underflows == 2
    assert made.stalled_s(time.monotonic() + 20.0) == pytest.approx(10.0, abs=0.5)


def test_a_stream_that_has_ended_or_cannot_be_asked_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portaudio = _machine(monkeypatch, "Speakers")
    made = SoundOutput(find_device(""), Mixer(48_000))
    assert not made.ended()
    portaudio.streams[0].is_active = False
    assert made.ended()
    portaudio.streams[0].is_lost = True
    assert made.ended()


def test_a_device_that_cannot_be_opened_is_reported_in_plain_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portaudio = _machine(monkeypatch, "Speakers", fails_to_start=True)
    with pytest.raises(SoundDeviceError) as caught:
        SoundOutput(find_device(""), Mixer(48_000))
    assert portaudio.streams[0].calls[-1] == "close"
    assert "Speakers" in caught.value.what
    assert "\x1b" not in caught.value.what


@pytest.mark.parametrize("looks_s", [(0.05,), (0.4, 0.05)])
def test_a_device_without_a_clock_is_none_though_it_was_hardly_let_run_at_first(
    looks_s: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that came late is of a busy machine: the device takes two blocks by then, say."""
    portaudio, now_s, looks = _machine(monkeypatch, "null"), 100.0, list(looks_s)
    moment = SimpleNamespace(outputBufferDacTime=5.01, currentTime=5.0)

    def sleep(seconds: float) -> None:
        nonlocal now_s
        passed_s = looks.pop(0)
        now_s += passed_s
        with contextlib.suppress(CallbackAbort):
            for _ in range(2 if passed_s > seconds else 400):
                portaudio.streams[0].callback(np.zeros((240, 2), np.float32), 240, moment, FINE)

    clock = SimpleNamespace(monotonic=lambda: now_s, sleep=sleep)
    monkeypatch.setattr(output, "time", clock)
    monkeypatch.setattr("callplayer.engine.audio.mixer.time", clock)
    with pytest.raises(SoundDeviceError, match="takes sound without a clock"):
        SoundOutput(find_device(""), Mixer(48_000))
    assert portaudio.streams[0].calls[-1] == "close"


def test_what_native_libraries_print_is_kept_off_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with quiet_stderr():
        os.write(2, b"ALSA lib pcm.c: unknown PCM\n")
    os.write(2, b"ours\n")
    assert capfd.readouterr().err == "ours\n"


def test_stderr_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="native"), quiet_stderr():
        raise ValueError("native")
    os.write(2, b"ours\n")
    assert capfd.readouterr().err == "ours\n"


# --- the simulated card ---------------------------------------------------------------------------


class DatedMixer(Mixer):
    """Notes when it is asked for what: frames so far, and the moment."""

    def __init__(self) -> None:
        super().__init__(48_000)
        self.asked: list[tuple[int, float]] = []

    def render(self, out: np.ndarray) -> None:
        super().render(out)
        self.asked.append((self.rendered_frames, self.rendered_at_s))


@pytest.mark.parametrize("clock_ppm", [0.0, 100_000.0, -100_000.0])
def test_the_clock_knob_turns_the_rate(clock_ppm: float) -> None:
    """A busy machine asks for a block late, never early: the most punctual ones count."""
    mixer, rate_hz = DatedMixer(), 48_000 * (1 + clock_ppm * 1e-6)
    card = SimulatedOutput(mixer, block_frames=120, clock_ppm=clock_ppm)
    time.sleep(1.0)
    card.stop()
    third = len(mixer.asked) // 3
    (first, first_s), (last, last_s) = (
        min(part, key=lambda asked: asked[1] - asked[0] / rate_hz)
        for part in (mixer.asked[:third], mixer.asked[-third:])
    )
    assert (last - first) / (last_s - first_s) == pytest.approx(rate_hz, rel=0.03)


def test_a_stopped_card_asks_for_nothing_and_shows_for_how_long() -> None:
    mixer = Mixer(48_000)
    card = SimulatedOutput(mixer, name="no audio")
    while not mixer.rendered_frames:
        time.sleep(0.001)
    card.stop()
    frames = mixer.rendered_frames
    time.sleep(0.05)
    assert mixer.rendered_frames == frames
    assert card.stalled_s(mixer.rendered_at_s + 2.5) == pytest.approx(2.5)
    assert (card.device_name, card.latency_s) == ("no audio", 0.0)


LISTS_AND_TELLS = """
from pathlib import Path
from callplayer.engine.devices.portaudio import list_devices
list_devices()
print("libjack" in Path("/proc/self/maps").read_text())
print([str(each.resolve()) for each in Path("/proc/self/fd").iterdir()])
"""


def test_portaudio_opens_nothing_that_a_killed_player_can_lock() -> None:
    argv = [sys.executable, "-c", LISTS_AND_TELLS]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    has_jack, files = ran.stdout.splitlines()
    assert has_jack == "True", "this PortAudio has no JACK: nothing is shown"
    assert "jack_db" not in files


CLOCKLESS = """
pcm.!default { type null }
pcm.nothing { type null }
pcm.tofile { type file slave.pcm "nothing" file "/dev/null" format "raw" }
"""


@pytest.mark.parametrize("name", ["default", "nothing", "tofile"])
def test_an_alsa_device_without_a_clock_is_named_as_none(name: str, tmp_path: Path) -> None:
    """By its own time: it runs all the while. What a person waits is measured in test_alsa."""
    (tmp_path / "asound.conf").write_text(CLOCKLESS)
    environment = os.environ | {
        "ALSA_CONFIG_PATH": str(tmp_path / "asound.conf"),
        "PULSE_SERVER": str(tmp_path / "none"),
        "HOME": str(tmp_path),
    }
    opening = f"""
import time
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.devices.portaudio import SoundOutput, find_device
from callplayer.errors import SoundDeviceError
device, began_s = find_device({name!r}), time.process_time()
try:
    SoundOutput(device, Mixer(48_000)).stop()
except SoundDeviceError as error:
    print(time.process_time() - began_s, error.what)
"""
    done = subprocess.run(
        [sys.executable, "-c", opening], env=environment, capture_output=True, text=True, check=True
    )
    took_s, what = done.stdout.split(" ", 1)
    assert float(took_s) < 1.0
    assert f"{name!r} is none: it takes sound without a clock" in what
