"""One engine through one fault: what it said, what was heard, and whether that is as it should be.

The engine is the real one, headless, and plays the position sweep into a null sink that is
recorded. Times are readings of the monotonic clock, in s.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.heard import Break, levels, nearest, place_s, quiet_spans, read_break
from tests.rig.processes import Event, HeadlessEngine
from tests.rig.pulse import RATE_HZ, PulseServer, Sink
from tests.rig.signals import PERIOD_S

BEFORE_S = 1.5
AFTER_S = 1.8
GAIN_DB = -6.0
OFF_MS = 1000.0
SHOWN_OFF_MS = 500.0
LEVEL_OFF_DB = 2.0
UNTRUE_S = 3.0
"""For so long a state may say "playing" without a sound: it takes a moment to notice."""

NOTICE_S = 20.0


@dataclass(frozen=True)
class Outcome:
    """One line of the table. Times in s, `off_ms` as in heard.Break; None where there is nothing.

    `noticed_s` counts from the fault's beginning, `again_s` from its end. `wrong` holds what is not
    as it should be; a row without any is good. `disturbed`: the sound device ran dry meanwhile, and
    was opened anew with more latency, which is a fault of the machine's own.
    """

    row: str
    noticed_s: float | None = None
    said: str = ""
    again_s: float | None = None
    off_ms: float | None = None
    lost: str = ""
    wrong: tuple[str, ...] = ()
    disturbed: bool = False

    def but(self, wrong: str) -> Outcome:
        """Return it with one thing more that is wrong."""
        return replace(self, wrong=(*self.wrong, wrong))

    def with_note(self, note: str) -> Outcome:
        """Return it with a remark on what was said."""
        return replace(self, said=f"{self.said}; {note}" if self.said else note)


@dataclass
class Judge:
    """Collects what is wrong."""

    wrong: list[str] = field(default_factory=list)

    def expect(self, good: bool, otherwise: str) -> None:
        """Note `otherwise` if it is not `good`."""
        if not good:
            self.wrong.append(otherwise)


class Play:
    """An engine that plays. `faults` are dated by `broke` and `mended`; then `outcome` judges."""

    def __init__(
        self,
        pulse: PulseServer,
        home: Path,
        environment: dict[str, str],
        incident: str,
        *,
        prefix: Sequence[str] = (),
        paused: bool = False,
    ) -> None:
        self.sink = Sink(pulse, f"faults{time.monotonic_ns()}")
        self._paused = paused
        self._home = home
        self.engine = HeadlessEngine(
            home, environment | self.sink.environment, incident, prefix=prefix
        )
        self.settled_s = self.broke_s = 0.0
        self._from_s = self._mended_s = self._lost_s = 0.0
        self._wish_ms: int | None = None
        self._gain_db = GAIN_DB

    def close(self) -> None:
        """End the engine and the recording."""
        self.engine.close()
        self.sink.close()

    def keep(self, path: Path) -> None:
        """Write down what the engine emitted, dated from the fault's beginning, and its log."""
        with path.open("w") as stream:
            for at_s, event in self.engine.events:
                stream.write(f"{at_s - self.broke_s:8.3f} {json.dumps(event)}\n")
            for log in self._home.rglob("callplayer.log"):
                stream.write(log.read_text(errors="replace"))

    # --- the fault --------------------------------------------------------------------------------

    def settle(self, timeout_s: float = 30.0) -> None:
        """Play for a while, the caller's volume set; paused afterwards if that is asked for."""
        self.engine.wait_state(timeout_s=timeout_s, phase="playing", advancing=True)
        self.engine.send(cmd="set-gain", gain=GAIN_DB, callerType="caller")
        self._from_s = self.settled_s = time.monotonic()
        time.sleep(BEFORE_S)
        if self._paused:
            asked_s = self.engine.send(cmd="pause")
            self.engine.wait_state(asked_s, phase="paused", unconfirmed_s=0.0)
            time.sleep(0.3)

    def broke(self) -> float:
        """Note that the fault begins now."""
        self.broke_s = self._mended_s = time.monotonic()
        return self.broke_s

    def mended(self) -> None:
        """Note that the fault ends now."""
        self._mended_s = time.monotonic()

    def wait_lost(self, timeout_s: float = NOTICE_S) -> Event:
        """Return the first state that shows the fault."""
        at_s, lost = self.engine.wait_for(self._shows_fault, timeout_s, self.broke_s)
        self._lost_s = at_s
        return lost

    def wish(self, *positions_ms: int, gain_db: float = -3.0) -> None:
        """Type positions and volumes; the last ones are what must become of it."""
        for position_ms in positions_ms:
            self.engine.send(cmd="scrub", position=position_ms)
            self.engine.send(cmd="set-gain", gain=-20, callerType="caller")
        self.engine.send(cmd="set-gain", gain=gain_db, callerType="caller")
        self._wish_ms, self._gain_db = positions_ms[-1], gain_db

    def wait_back(self, timeout_s: float = 30.0) -> Event:
        """Return the first state after the fault that has the call again; play on for a while."""
        wanted = "paused" if self._paused else "playing"
        back = self.engine.wait_for(
            lambda e: (
                e["event"] == "state"
                and e["phase"] == wanted
                and not e["detail"]
                and (self._paused or (e["advancing"] and e["requested_ms"] is None))
            ),
            timeout_s,
            max(self._mended_s, self._lost_s),
        )[1]
        time.sleep(AFTER_S)
        return back

    # --- the outcome ------------------------------------------------------------------------------

    def outcome(
        self,
        row: str,
        *,
        says: str,
        names_next_try: bool = False,
        breaks: bool = True,
    ) -> Outcome:
        """Judge a fault that is over, and the call back. `says` must match what was said.

        With `breaks` the sound must have broken off and gone on; without, a break is no failure.
        """
        judge = Judge()
        end_s = time.monotonic()
        states = self._states(self.broke_s, end_s)
        said = list(dict.fromkeys(state["detail"] for state in states if state["detail"]))
        noticed = [s for s in states if self._shows_fault(s)]
        judge.expect(bool(noticed) or not says, "nothing was said")
        found = any(re.search(says, text, re.IGNORECASE) for text in said) or not says
        judge.expect(found, f"said {said}, not {says!r}")
        reported_next = any(state["retry_at_s"] is not None for state in states)
        judge.expect(reported_next or not names_next_try, "the next try was not reported")
        end = states[-1]
        phase = "paused" if self._paused else "playing"
        judge.expect(end["phase"] == phase, f"it is {end['phase']} at the end")
        gains = {party["party"]: party["gain_db"] for party in end["parties"]}
        wanted = {"caller": self._gain_db, "callTaker": 0.0}
        judge.expect(gains == wanted, f"gains are {gains}")
        if self._paused:
            return self._still(row, judge, noticed, said, end)
        sound = self.sink.heard(self._from_s, end_s)
        gap = read_break(sound, self._from_s, self.broke_s)
        judge.expect(gap is not None or not breaks, "the sound did not break off")
        self._judge_truth(judge, states, sound)
        self._judge_level(judge, sound)
        self._judge_shown(judge, sound, end)
        off_ms = self._judge_place(judge, gap, states, end)
        return Outcome(
            row,
            self._since_broke_s(noticed),
            _joined(said),
            None if gap is None else max(gap.to_s - self._mended_s, 0.0),
            off_ms,
            _lost_text(gap, off_ms, self._wish_ms),
            tuple(judge.wrong),
            disturbed=any(state["device"] is None for state in states),
        )

    def failure(self, row: str, *, exit_code: int, code: str, says: str) -> Outcome:
        """Judge a fault that must end the engine, with its reason."""
        judge = Judge()
        at_s, error = self.engine.wait_for(
            lambda e: e["event"] == "error" and e.get("exit_code") is not None, NOTICE_S
        )
        left = self.engine.finish(15.0)
        judge.expect(error["code"] == code, f"the error is {error['code']}")
        judge.expect(bool(re.search(says, error["message"])), f"said {error['message']!r}")
        judge.expect(bool(error["hint"]), "no hint")
        judge.expect(left == exit_code, f"exit code {left}")
        last = self._states(0.0, time.monotonic())[-1]
        judge.expect(last["phase"] == "failed", f"it is {last['phase']} at the end")
        return Outcome(
            row,
            at_s - self.broke_s,
            f"{error['message']} (exit code {left})",
            lost="the call, with its reason",
            wrong=tuple(judge.wrong),
        )

    # --- within -----------------------------------------------------------------------------------

    def _states(self, from_s: float, to_s: float) -> list[Event]:
        return [e for at_s, e in list(self.engine.events)
                if e["event"] == "state" and from_s <= at_s <= to_s]  # fmt: skip

    @staticmethod
    def _shows_fault(event: Event) -> bool:
        return event["event"] == "state" and bool(
            event["phase"] not in ("playing", "paused") or event["detail"]
        )

    def _since_broke_s(self, noticed: list[Event]) -> float | None:
        return noticed[0]["as_of_s"] - self.broke_s if noticed else None

    def _still(
        self, row: str, judge: Judge, noticed: list[Event], said: list[str], end: Event
    ) -> Outcome:
        """Judge a call that was paused all the while."""
        before = self._states(self._from_s, self.broke_s)[-1]
        off_ms = end["position_ms"] - before["position_ms"]
        judge.expect(abs(off_ms) <= OFF_MS, f"the cursor is off by {off_ms} ms")
        sound = self.sink.heard(self.broke_s, end["as_of_s"])
        judge.expect(float(np.max(levels(sound))) < 0.01, "a paused call was heard")
        return Outcome(
            row,
            self._since_broke_s(noticed),
            _joined(said),
            off_ms=off_ms,
            lost="nothing: it was paused",
            wrong=tuple(judge.wrong),
        )

    def _judge_truth(self, judge: Judge, states: list[Event], sound: Any) -> None:
        """Look for states that show playing, well within a silence."""
        for from_s, to_s in quiet_spans(sound, self._from_s):
            untrue = [
                state
                for state in states
                if state["advancing"]
                and not state["detail"]
                and max(from_s, self.broke_s) + UNTRUE_S < state["as_of_s"] < to_s - UNTRUE_S / 2
            ]
            judge.expect(not untrue, f"{len(untrue)} states say playing in a silence")

    def _judge_level(self, judge: Judge, sound: Any) -> None:
        """Compare the level at the end with that before, a change of the caller's gain counted."""
        size = round(0.4 * RATE_HZ)
        at = round((self.broke_s - self._from_s - 0.1) * RATE_HZ)
        before, after = (float(np.median(levels(part)))
                         for part in (sound[at - size : at], sound[-size:]))  # fmt: skip
        db = 20 * np.log10(max(after, 1e-6) / max(before, 1e-6)) - _louder_db(self._gain_db)
        judge.expect(abs(db) < LEVEL_OFF_DB, f"it is {db:+.1f} dB louder than before")

    def _judge_shown(self, judge: Judge, sound: Any, end: Event) -> None:
        """Compare what is shown at the end with what is heard."""
        to_s = self._from_s + len(sound) / RATE_HZ
        heard = place_s(sound, self._from_s, to_s - 0.4, to_s)
        if heard is None:
            judge.expect(False, "no sound at the end")
            return
        shown_s = end["audible_ms"] / 1000 - end["as_of_s"]
        off_ms = nearest(shown_s - heard) * 1000
        judge.expect(abs(off_ms) < SHOWN_OFF_MS, f"shown is {off_ms:+.0f} ms off heard")

    def _judge_place(
        self, judge: Judge, gap: Break | None, states: list[Event], end: Event
    ) -> float | None:
        """Return how far off playing went on; that, and the states' own word, must be small."""
        if gap is None:
            before = self._states(self._from_s, self.broke_s)[-1]
            moved_ms = (end["as_of_s"] - before["as_of_s"]) * 1000
            off_ms = end["audible_ms"] - before["audible_ms"] - moved_ms
            judge.expect(abs(off_ms) <= OFF_MS, f"the cursor is off by {off_ms:.0f} ms")
            return off_ms
        if gap.off_ms is None:
            judge.expect(False, "the place cannot be read from the sound")
            return None
        again_ms = end["audible_ms"] - (end["as_of_s"] - gap.to_s) * 1000
        if self._wish_ms is not None:
            off_ms = again_ms - self._wish_ms
            judge.expect(abs(off_ms) <= OFF_MS, f"{off_ms:+.0f} ms off the last wish")
            return off_ms
        last = [s for s in self._states(self._from_s, end["as_of_s"])
                if s["advancing"] and s["as_of_s"] <= gap.from_s][-1]  # fmt: skip
        broke_ms = last["audible_ms"] + (gap.from_s - last["as_of_s"]) * 1000
        by_states_ms = again_ms - broke_ms
        judge.expect(
            abs(by_states_ms - gap.off_ms) < PERIOD_S * 500,
            f"heard {gap.off_ms:+.0f} ms off, but the states say {by_states_ms:+.0f} ms",
        )
        judge.expect(abs(gap.off_ms) <= OFF_MS, f"the cursor is off by {gap.off_ms:+.0f} ms")
        return gap.off_ms


def _louder_db(gain_db: float) -> float:
    """Return how much louder both parties are together when the caller's gain is another one."""
    power = (10 ** (gain / 10) + 1.0 for gain in (gain_db, GAIN_DB))
    now, before = power
    return float(10 * np.log10(now / before))


def _joined(said: list[str]) -> str:
    return " → ".join(text.rstrip(".") for text in said if not text.startswith(STEPS))


STEPS = ("signing in", "joining", "waiting for the call")


def _lost_text(gap: Break | None, off_ms: float | None, wish_ms: int | None) -> str:
    if gap is None or off_ms is None:
        return "nothing"
    if wish_ms is not None:
        return "nothing: it went where it was asked to"
    if off_ms <= 0:
        return f"nothing; {-off_ms / 1000:.1f} s heard twice" if off_ms < -50 else "nothing"
    return f"{off_ms / 1000:.1f} s"
