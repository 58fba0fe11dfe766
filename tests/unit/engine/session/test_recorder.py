"""What of the sound that comes is remembered: none that was made up, all else with its place."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.session.recall.recorder import Recorder
from callplayer.vendor.parties import TrackNames
from callplayer.vendor.status import Status

FRAME = np.full(480, 3_000, np.int16)


@dataclass
class Path:
    """A receive path whose counters the test sets."""

    network_ms: float | None = None
    jitter_buffer_ms: float = 40.0
    delay_ms: float = 40.0
    concealed_ms: float = 0.0
    invented_ms: float = 0.0
    dropped_ms: float = 0.0
    steady: bool = True

    def turnover_ms(self, _confirmed_s: float) -> float:
        return 0.0


@dataclass
class Rig:
    """Two parties' tracks that play, in simulated time; looks are a second apart."""

    monkeypatch: pytest.MonkeyPatch
    path: Path = field(default_factory=Path)
    memory: CallMemory = field(default_factory=CallMemory)
    now_s: float = 100.0

    def __post_init__(self) -> None:
        self.monkeypatch.setattr(time, "monotonic", lambda: self.now_s)
        call = PlaybackState()
        call.opened = True
        call.take_status(Status(0, 60_000, False, False, True), self.now_s, Delays())
        self.channels = ChannelBank(48_000)
        self.channels.connect(Mixer(48_000))
        self.recorder = Recorder(call, self.channels, self.path, self.memory)
        for party in ("caller", "callTaker"):
            self.channels.add(party, TrackNames(party))
        self.recorder.take_tracks()
        self.channels.set_gate(True)
        self.recorder.take_losses(self.now_s)

    def second(
        self,
        *,
        concealed_ms: float = 0.0,
        invented_ms: float = 0.0,
        dropped_ms: float = 0.0,
        lacks_ms: int = 0,
    ) -> None:
        for at_ms in range(0, 1_000, 10):
            self.now_s += 0.01
            if 500 <= at_ms < 500 + lacks_ms:
                continue
            for party in ("caller", "callTaker"):
                self.channels.push(party, FRAME)
        self.path.concealed_ms += concealed_ms
        self.path.invented_ms += invented_ms
        self.path.dropped_ms += dropped_ms
        self.recorder.take_losses(self.now_s)

    def kept_s(self, *, suspect: bool) -> list[float]:
        return [
            sum(each.end - each.first for each in voice.stretches if each.is_suspect is suspect)
            / 48_000
            for voice in self.memory.voices.values()
        ]


def test_what_comes_while_the_gate_is_open_is_remembered_of_each_party(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig(monkeypatch)
    rig.second()
    rig.second()
    assert rig.kept_s(suspect=False) == pytest.approx([2.0, 2.0])


def test_what_a_jitter_buffer_makes_up_without_any_packet_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig(monkeypatch)
    rig.second()
    assert not rig.recorder.is_made_up
    rig.second(concealed_ms=800.0)
    for _ in range(5):
        rig.second(concealed_ms=2_000.0)
        assert rig.recorder.is_made_up
    assert rig.kept_s(suspect=False) == pytest.approx([1.6, 1.6], abs=0.02), "until it broke off"
    assert rig.kept_s(suspect=True) == [0.0, 0.0]
    rig.second()
    assert rig.kept_s(suspect=False) == pytest.approx([2.6, 2.6], abs=0.02)


def test_a_track_that_sends_nothing_leaves_the_other_ones_sound_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig(monkeypatch)
    for _ in range(4):
        rig.second(concealed_ms=1_000.0)
    assert rig.kept_s(suspect=False) == pytest.approx([4.0, 4.0])


@pytest.mark.parametrize(
    "lost", [{"concealed_ms": 300.0, "invented_ms": 90.0}, {"dropped_ms": 30.0}]
)
def test_what_was_made_up_in_part_or_lost_by_the_sdk_is_fetched_again(
    monkeypatch: pytest.MonkeyPatch, lost: dict[str, float]
) -> None:
    rig = Rig(monkeypatch)
    for _ in range(7):
        rig.second()
    rig.second(**lost)
    rig.second()
    assert min(rig.kept_s(suspect=True)) >= 1.0
    assert min(rig.kept_s(suspect=False)) >= 3.0


@pytest.mark.parametrize(("lacks_ms", "breaks_off"), [(20, False), (200, False), (200, True)])
def test_what_came_since_the_sdk_lost_some_is_suspect_though_the_place_was_put_right_since(
    monkeypatch: pytest.MonkeyPatch, lacks_ms: int, breaks_off: bool
) -> None:
    rig = Rig(monkeypatch)
    for _ in range(7):
        rig.second()
    rig.second(lacks_ms=lacks_ms)
    if breaks_off:
        rig.recorder.close()
    for _ in range(3):
        rig.second()
    assert rig.kept_s(suspect=True) == [0.0, 0.0]
    rig.second(dropped_ms=lacks_ms)
    assert rig.kept_s(suspect=True) == pytest.approx([5.0 - lacks_ms / 1_000] * 2, abs=0.25)
    for voice in rig.memory.voices.values():
        assert next(each.is_suspect for each in voice.stretches if each.end > 7_450 * 48)


def test_loss_that_goes_on_leaves_nothing_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    rig.second()
    rig.second()
    for number in range(6):
        rig.now_s += 0.004 if number % 2 else 0.0
        rig.second(concealed_ms=100.0, invented_ms=100.0)
    assert rig.kept_s(suspect=True) == pytest.approx([6.0, 6.0], abs=0.05)
