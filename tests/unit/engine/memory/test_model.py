"""The memory, its reader and the rules of the ear with a server that takes its time: a model.

Whatever is pressed and lost, what is heard is the call's own sound, without a gap or a repeat but
at a jump, and the place reported is right.
"""

from __future__ import annotations

import os
import threading

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.memory.compression import Pcm
from callplayer.engine.memory.ear import Arrival, Ear, Effect, Look, leave, look, overlap_ms
from callplayer.engine.memory.handback import Handback
from callplayer.engine.memory.reader import MemoryReader

STEP_MS = 50
STEP = STEP_MS * 48
CALL_MS = 40_000
OBEYS_MS = 100
SURE_MS = 300
REPORTED_WITHIN_MS = 22
MOST_STEP_DB = 9.0
LEAST_LIKENESS = 0.9
"""Of sound with such a step in its middle to the call's own; of another place it is some 0.05."""

CALL = np.random.default_rng(7).integers(-9_000, 9_000, CALL_MS * 48, dtype=np.int16)


class World:
    """A server with a cursor, a memory that takes what it sends, and an ear that reads it."""

    def __init__(self) -> None:
        self.memory = CallMemory()
        self.reader = MemoryReader(self.memory)
        self.handback = Handback(self.memory, threading.RLock())
        self.ear = Ear()
        self.now_ms = 0
        self.server_ms = 0
        self.plays = self.link = True
        self.error_ms = 0.0
        self.coming: tuple[int, int] | None = None
        self.hungry_ms = 0
        self.expected: int | None = None
        self.gain_db = self.server_db = 0.0
        self.memory.set_gains({"call": (0.0,)}, 0, 0)
        self.coming_db: list[tuple[int, float]] = []
        self.loudest_db = self.softest_db = 0.0

    def set_gain(self, gain_db: float) -> None:
        """Press a key for a volume: the server has it within SURE_MS."""
        if not self.link:
            return
        self.memory.set_gains({"call": (gain_db,)}, 10 * 48, SURE_MS * 48)
        self.loudest_db, self.softest_db = max(self.gain_db, gain_db), min(self.gain_db, gain_db)
        self.gain_db = gain_db
        self.coming_db.append((self.now_ms + OBEYS_MS, gain_db))

    def moves(self, place_ms: int) -> None:
        """A status says that the server has gone elsewhere by itself."""
        if self.link and self.plays:
            self.memory.close()
            self.server_ms = place_ms

    def jump(self, place_ms: int) -> None:
        """Press a key that goes to a place."""
        paused = self.ear.paused
        if not self.reader.seek(float(place_ms), ("call",)):
            if self.link and place_ms < CALL_MS - 2_000:
                self.ear = Ear()
                self._scrub(place_ms)
            return
        self.expected = None
        self.ear, effects = leave(
            self.ear, paused=paused, grows=self.reader.is_at_newest, reached=self.link
        )
        self._obey(effects)

    def pause(self, paused: bool) -> None:
        if not self.ear.at_head:
            self.ear = Ear(False, paused, self.ear.server, self.ear.asked_s)

    def lose(self) -> None:
        self.link, self.plays, self.coming = False, False, None
        self.memory.close()

    def back(self) -> None:
        if not self.link:
            self.link = True
            if self.ear.at_head:
                self._scrub(max(self.server_ms - 200, 0))

    def _scrub(self, place_ms: int) -> None:
        self.memory.close()
        self.plays, self.coming = False, (self.now_ms + OBEYS_MS, place_ms)

    def _obey(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            assert self.link, "nothing is asked of a server that is out of reach"
            if effect == "park":
                self.memory.close()
                self.plays, self.coming = False, None
            elif effect == "refill":
                end_ms = self.handback.begin(self.reader)
                ahead_s = self.reader.frames_ahead() / 48_000
                self._scrub(max(round(end_ms) - overlap_ms(ahead_s), 0))
            elif effect == "fetch":
                self._scrub(round(self.reader.end_ms()))

    def step(self) -> None:
        """Let 50 ms go by."""
        self.now_ms += STEP_MS
        while self.coming_db and self.now_ms >= self.coming_db[0][0]:
            self.server_db = self.coming_db.pop(0)[1]
        if self.coming is not None and self.now_ms >= self.coming[0]:
            self.server_ms, self.coming, self.plays = self.coming[1], None, True
        if self.plays:
            self._receive()
        if self.ear.at_head:
            return
        arrival: Arrival = "awaited"
        if self.ear.server == "comes":
            arrival = self.handback.join(self.reader, ("call",), patient=True)
        ends_ms = self.reader.end_ms()
        seen = Look(
            ahead_s=self.reader.frames_ahead() / 48_000,
            grows=self.reader.is_at_newest,
            at_end=ends_ms >= CALL_MS - 150,
            is_live=False,
            reached=self.link,
            arrival=arrival,
        )
        self.ear, effects = look(self.ear, seen, self.now_ms / 1000)
        self._obey(effects)
        if not (self.ear.at_head or self.ear.paused):
            self._hear(at_end=seen.at_end)

    def _receive(self) -> None:
        for at_ms in range(self.server_ms, min(self.server_ms + STEP_MS, CALL_MS), 10):
            pcm = np.rint(CALL[at_ms * 48 :][:480] * 10 ** (self.server_db / 20)).astype(np.int16)
            told_ms = at_ms + 10 + self.error_ms
            self.memory.append("call", pcm, told_ms, is_news=at_ms % 100 == 0)
        self.server_ms = min(self.server_ms + STEP_MS, CALL_MS)

    def _hear(self, *, at_end: bool) -> None:
        reported = round(self.reader.place_ms * 48)
        sound = self.reader.read(STEP).get("call", np.zeros(0, np.float32))
        heard: Pcm = np.rint(sound * 32_768).astype(np.int16)
        if len(heard) < STEP and self.link and not at_end:
            self.hungry_ms += STEP_MS
            assert self.hungry_ms < 6_000, "the ear is left without sound"
        else:
            self.hungry_ms = 0
        if self.expected is None:
            if len(heard) < 400:
                return
            self.expected = _place_of(heard[:400], reported)
        assert abs(self.expected - reported) <= REPORTED_WITHIN_MS * 48, (
            "the place reported is right"
        )
        wanted = CALL[self.expected :][: len(heard)]
        self._compare(heard[: len(wanted)], wanted)
        self.expected += len(heard)

    def _compare(self, heard: Pcm, wanted: Pcm) -> None:
        """Each sample is the call's own, at the volume that is wanted or, for a while, softer."""
        loud = np.abs(wanted) > 2_000
        if not loud.any():
            return
        factors_db = 20 * np.log10(np.maximum(heard[loud] / wanted[loud], 1e-3))
        assert factors_db.max() <= self.loudest_db + 0.1, "another place, or too loud"
        least_db = self.softest_db - MOST_STEP_DB - 0.1
        assert factors_db.min() >= least_db, "another place, or too soft"
        steps_db = np.abs(np.diff(factors_db))
        assert np.median(steps_db) < 0.05, "skipped or repeated"
        self.loudest_db = self.softest_db = self.gain_db


def _place_of(heard: Pcm, reported: int) -> int:
    """Return where the sound heard is from: the volume may be any."""
    reach = (REPORTED_WITHIN_MS + 2) * 48
    first = max(reported - reach, 0)
    around = CALL[first : reported + reach + len(heard)].astype(float)
    scores = np.correlate(around, heard.astype(float))
    place = first + int(np.argmax(scores))
    likeness = np.corrcoef(CALL[place:][: len(heard)], heard)[0, 1]
    assert likeness > LEAST_LIKENESS, (
        "what is heard is none of the call's sound near the place reported"
    )
    return place


KEYS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 120)),
    st.tuples(st.just("back-by"), st.integers(100, 6_000)),
    st.tuples(st.just("go-to"), st.integers(0, CALL_MS - 3_000)),
    st.tuples(st.sampled_from(["pause", "resume", "lose", "back"]), st.just(0)),
    st.tuples(st.just("error"), st.integers(-18, 18)),
    st.tuples(st.just("gain"), st.sampled_from([-6, 0, 3])),
    st.tuples(st.just("moves"), st.integers(0, CALL_MS - 3_000)),
)


# The check tries the same examples each time; by hand others are tried at each run.
@settings(max_examples=40, deadline=None, derandomize="CI" in os.environ)
@given(st.lists(KEYS, min_size=1, max_size=14))
# A server goes by itself beyond the end of the memory, or nearly, just when it is to go on there.
@example([("go-to", 3000), ("back-by", 100), ("wait", 1), ("moves", 3001), ("wait", 40)])
@example([("go-to", 3000), ("back-by", 300), ("wait", 1), ("moves", 20_000), ("wait", 40)])
@example(
    [("go-to", 3000), ("back-by", 900), ("error", 18), ("wait", 1), ("moves", 2870), ("wait", 40)]
)
def test_whatever_is_pressed_and_lost_what_is_heard_is_the_call(
    keys: list[tuple[str, int]],
) -> None:
    world = World()
    for _ in range(60):
        world.step()
    for key, value in keys:
        match key:
            case "wait":
                for _ in range(value):
                    world.step()
            case "back-by":
                here_ms = world.server_ms if world.ear.at_head else world.reader.place_ms
                world.jump(max(round(here_ms) - value, 0))
            case "go-to":
                world.jump(value)
            case "pause" | "resume":
                world.pause(key == "pause")
            case "lose":
                world.lose()
            case "back":
                world.back()
            case "error":
                world.error_ms = float(value)
            case "gain":
                world.set_gain(float(value))
            case "moves":
                world.moves(value)
        world.step()
