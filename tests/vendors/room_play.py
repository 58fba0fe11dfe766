"""One engine against one vendor in a real room: what was heard, lost, repeated, silent.

The engine is the real one, headless, and plays into a null sink that is recorded. Each session
goes the same way: play, jump, pause and resume, the caller's volume down, the caller muted.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from tests.benchmarks.heard import read_jump
from tests.faults.heard import nearest, place_s, quiet_spans, read_break
from tests.rig.processes import HeadlessEngine
from tests.rig.pulse import RATE_HZ, Samples, Sink
from tests.rig.signals import BANDS_HZ, PERIOD_S, SWEEP_HZ_PER_S
from tests.vendors.bot import ANEW_S
from tests.vendors.rig import Rig
from tests.vendors.variant import BOTH, Carried, Variant

START_S = 20.0
LOUD = 0.02
PLAY_S = 1.6
JUMP_S = 1.8
PAUSE_S = 0.7
MIX_S = 0.5
LOOK_S, TWICE_S = 0.4, 1.6
"""How long a level is looked at; where a party is heard twice it goes up and down with the sweep,
for the two are some ms apart."""

GAIN_DB = -12.0

OLD_MS = 20.0
SILENT_MS = 250.0
UNACKNOWLEDGED_SILENT_MS = 400.0
START_LOST_MS = 60.0
LOST_MS = 50.0
REPEATED_MS = 1500.0
GAIN_OFF_DB = 2.5
MUTED_DB = -35.0
NOTHING_DB = -60.0


@dataclass
class Heard:
    """What came of a session. Times in ms; None: that was not heard, or cannot be read.

    `voices` were heard before the jump, `start_lost_ms` of the call's beginning was not. Of
    `silent_ms` after the jump `own_ms` are the server's own; of what was heard again over the pause
    (`off_ms` below 0) `keyframe_ms` are the server's, which went back to its keyframe. `holds` is
    how often the call waited for its sound device, with a pause, a scrub and a resume. `wrong` has
    what is not as it should be.
    """

    name: str
    voices: tuple[str, ...] = ()
    start_lost_ms: float | None = None
    old_ms: float | None = None
    silent_ms: float | None = None
    own_ms: float = 0.0
    off_ms: float | None = None
    keyframe_ms: float = 0.0
    buffer_ms: float | None = None
    silence_s: float | None = None
    commands: dict[str, int] = field(default_factory=dict)
    holds: int = 0
    wrong: list[str] = field(default_factory=list)

    def expect(self, good: bool, otherwise: str) -> None:
        """Note `otherwise` if it is not `good`."""
        if not good:
            self.wrong.append(otherwise)


def play_variant(
    rig: Rig,
    name: str,
    variant: Variant,
    *,
    voices: tuple[Carried, ...] = BOTH,
    first_play_s: float = PLAY_S,
    stall_s: float = 0.0,
) -> Heard:
    """Play one session against `variant`; return what was heard.

    It is to have `voices` after `first_play_s`, then feeds nothing for `stall_s` if that is set.
    """
    heard = Heard(name)
    rig.become(variant)
    with rig.sink() as sink, rig.engine(sink) as engine:
        session = _Session(rig, sink, engine, variant, heard)
        if session.begins(voices, first_play_s):
            if stall_s:
                session.stalls(stall_s)
            if variant.silent_to_ms:
                session.falls_silent()
            session.jumps(after_stall=bool(stall_s) and not variant.silent_to_ms)
            if variant.queue_ms and variant.flushes:
                session.jumps(learnt=True)
            session.pauses()
            session.turns_down()
        held = [each["held"] for _, each in engine.events if each["event"] == "state"]
        heard.holds = sum(now and not before for before, now in pairwise([False, *held]))
        heard.commands = dict(Counter(each["cmd"] for each in rig.report()["commands"]))
        heard.expect(engine.quit() == 0, "the exit code is not 0")
    return heard


class _Session:
    def __init__(
        self, rig: Rig, sink: Sink, engine: HeadlessEngine, variant: Variant, heard: Heard
    ) -> None:
        self._rig, self._sink, self._engine = rig, sink, engine
        self._variant, self._heard = variant, heard
        carried = [voice for track in variant.tracks for voice in track.carries]
        # A seek without packets makes WebRTC's buffer swell by its length, for 10 to 20 s.
        self._mix_s = MIX_S + variant.queue_ms / 1000 + variant.seeks_s
        self._look_s = LOOK_S if len(carried) == len(set(carried)) else TWICE_S

    def begins(self, voices: tuple[Carried, ...], play_s: float) -> bool:
        """Wait for the first sound, and look at it; return whether there was any."""
        first_s = self._first_sound_s()
        if first_s is None:
            self._heard.expect(False, "nothing was heard")
            return False
        time.sleep(play_s)
        now_s = time.monotonic()
        sound = self._sink.heard(first_s, now_s)
        place = place_s(sound, first_s, first_s + 0.15, first_s + 0.65)
        if place is not None:
            self._heard.start_lost_ms = nearest(place + first_s) * 1000
        lost_ms = self._heard.start_lost_ms
        self._heard.expect(
            lost_ms is not None and lost_ms <= START_LOST_MS, "the beginning was not heard"
        )
        end = sound[-RATE_HZ // 2 :]
        self._heard.voices = tuple(v for v in BANDS_HZ if voice_db(end, v) > MUTED_DB)
        self._heard.expect(set(self._heard.voices) == set(voices), "not all voices were heard")
        return True

    def stalls(self, stall_s: float) -> None:
        """Have the server feed nothing for a while, and the jitter buffer grow by it."""
        self._rig.vendor.talk({"stall_s": stall_s})
        time.sleep(stall_s + 6.0)

    def jumps(self, *, after_stall: bool = False, learnt: bool = False) -> None:
        """Jump by half the sweep's period beyond whole ones: the two places are clearly apart.

        It is `learnt` that the server's queue is dropped at a jump once it has been seen to be.
        """
        now_s = time.monotonic()
        old_s = self._shown_s(now_s)
        new_s = round(old_s + 3 * PERIOD_S + PERIOD_S / 2, 1)
        own_ms = self._own_ms(learnt=learnt)
        keyframe_s = self._variant.keyframe_ms / 1000
        landed_s = new_s // keyframe_s * keyframe_s if keyframe_s > 0.01 else new_s
        while not PERIOD_S / 4 < (landed_s - old_s) % PERIOD_S < PERIOD_S * 3 / 4:
            new_s, landed_s = new_s + keyframe_s, landed_s + keyframe_s
        asked_s = self._engine.send(cmd="scrub", position=round(new_s * 1000))
        listen_s = JUMP_S + own_ms / 1000
        jump = read_jump(self._sink.heard(asked_s, asked_s + listen_s), old_s, landed_s)
        heard = self._heard
        heard.old_ms = jump.stale_ms + (heard.old_ms or 0.0)
        heard.expect(jump.stale_ms <= OLD_MS, "old sound was heard after the jump")
        if jump.new_ms is None or jump.silent_ms is None:
            heard.expect(False, "the new place was not heard")
            return
        heard.silent_ms, heard.own_ms = jump.new_ms - jump.silent_ms, own_ms
        statuses = self._variant.statuses
        acknowledges = statuses.acknowledges and not statuses.none
        most_ms = own_ms + (SILENT_MS if acknowledges else UNACKNOWLEDGED_SILENT_MS)
        if after_stall:
            self._judge_buffer()
        else:
            heard.expect(heard.silent_ms <= most_ms, f"silent for more than {most_ms:.0f} ms")

    def falls_silent(self) -> None:
        """Have no party speak for a while: then the jitter buffer is at rest, nothing is lost."""
        goes_on_s = self._variant.silent_to_ms / 1000
        began_s = time.monotonic()
        while self._shown_s(time.monotonic()) < goes_on_s + PLAY_S:
            time.sleep(0.05)
        now_s = time.monotonic()
        sound = self._sink.heard(began_s, now_s)
        spans = quiet_spans(sound, began_s)
        from_s, to_s = max(spans, key=lambda span: span[1] - span[0], default=(now_s, now_s))
        place = place_s(sound, began_s, to_s + 0.05, to_s + 0.55)
        heard = self._heard
        if place is None:
            heard.expect(False, "no silence was heard, or nothing after it")
            return
        lost_ms = nearest(place + to_s - goes_on_s) * 1000
        heard.silence_s = to_s - from_s
        heard.expect(abs(lost_ms) <= LOST_MS, f"{lost_ms:.0f} ms were lost with the silence")
        self._judge_buffer()

    def _own_ms(self, *, learnt: bool) -> float:
        """Return for how long the server itself sends nothing of the new place after a jump.

        A queue that it does not drop plays out first; where it does, that shows at the first jump.
        """
        variant, statuses = self._variant, self._variant.statuses
        own_ms = (ANEW_S if variant.publishes == "anew-at-scrub" else variant.seeks_s) * 1000
        if statuses.acknowledges and not statuses.none:
            own_ms += statuses.late_s * 1000
        return own_ms + (0 if learnt and variant.flushes else variant.queue_ms)

    def _judge_buffer(self) -> None:
        time.sleep(1.2)
        reported = [e["jitter_buffer_ms"] for _, e in self._engine.events if e["event"] == "stats"]
        self._heard.buffer_ms = reported[-1] - min(reported)
        self._heard.expect(self._heard.buffer_ms <= 60.0, "the jitter buffer is still swollen")

    def pauses(self) -> None:
        """Pause and go on."""
        paused_s = self._engine.send(cmd="pause")
        time.sleep(PAUSE_S)
        self._engine.send(cmd="resume")
        # What a queue holds plays out before the resume, and goes before the sound that it brings.
        time.sleep(PLAY_S + 2 * self._own_ms(learnt=True) / 1000)
        began_s, now_s = paused_s - 0.9, time.monotonic()
        gap = read_break(self._sink.heard(began_s, now_s), began_s, paused_s)
        heard = self._heard
        if gap is None or gap.off_ms is None:
            heard.expect(False, "it did not pause and go on")
            return
        heard.off_ms = gap.off_ms
        heard.expect(gap.off_ms <= LOST_MS, "some was lost over the pause")
        done = self._rig.report()
        asked = [each["position"] for each in done["commands"] if each["cmd"] == "scrub"]
        heard.keyframe_ms = asked[-1] - done["landed_ms"][-1] if asked else 0.0
        again_ms = -gap.off_ms - heard.keyframe_ms
        heard.expect(again_ms <= REPEATED_MS, "too much was heard again")

    def turns_down(self) -> None:
        """Set the caller's volume, then mute the caller; the call taker stays as it was."""
        time.sleep(self._look_s - LOOK_S)
        before = self._levels_db()
        self._engine.send(cmd="set-gain", gain=GAIN_DB, callerType="caller")
        time.sleep(self._mix_s + self._look_s)
        down = self._levels_db()
        self._engine.send(cmd="mute", callerType="caller")
        time.sleep(self._mix_s + self._look_s)
        muted = self._levels_db()
        heard = self._heard
        off_db = down["caller"] - before["caller"] - GAIN_DB
        heard.expect(abs(off_db) < GAIN_OFF_DB, "the caller's volume is not what was set")
        heard.expect(muted["caller"] < MUTED_DB, "the muted caller is heard")
        for levels in (down, muted):
            steady = abs(levels["callTaker"] - before["callTaker"]) < GAIN_OFF_DB
            heard.expect(steady, "the call taker's volume changed")

    # --- readings ---------------------------------------------------------------------------------

    def _first_sound_s(self) -> float | None:
        began_s = self._engine.started_s
        while time.monotonic() < began_s + START_S:
            time.sleep(0.1)
            now_s = time.monotonic()
            sound = self._sink.heard(began_s, now_s)
            loud = np.flatnonzero(np.abs(sound) > LOUD)
            if len(loud):
                return began_s + float(loud[0]) / RATE_HZ
        return None

    def _shown_s(self, now_s: float) -> float:
        state: dict[str, Any] = self._engine.last("state")
        passed_s = now_s - state["as_of_s"] if state["advancing"] else 0.0
        return float(state["audible_ms"] / 1000 + passed_s)

    def _levels_db(self) -> dict[str, float]:
        now_s = time.monotonic()
        sound = self._sink.heard(now_s - self._look_s, now_s)
        return {voice: voice_db(sound, voice) for voice in BOTH}


def voice_db(sound: Samples, voice: str) -> float:
    """Return the level of a voice's sweep in `sound`, in dB of amplitude (full scale = 0).

    Root mean square over windows of 40 ms, in each of which the sweep is made a steady tone.
    """
    size = RATE_HZ // 25
    t = (np.arange(size) - size / 2) / RATE_HZ
    window = np.hanning(size) * np.exp(-1j * np.pi * SWEEP_HZ_PER_S * t * t)
    parts = sound[: len(sound) // size * size].reshape(-1, size)
    low_hz = BANDS_HZ[voice]
    first, last = (
        round(hz * size / RATE_HZ) for hz in (low_hz, low_hz + SWEEP_HZ_PER_S * PERIOD_S)
    )
    spectra = np.abs(np.fft.fft(parts * window, axis=1))[:, first:last]
    peaks = spectra.max(axis=1)
    amplitude = float(np.sqrt(np.mean(peaks * peaks))) * 2 / np.hanning(size).sum()
    return max(20 * np.log10(max(amplitude, 1e-9)), NOTHING_DB)
