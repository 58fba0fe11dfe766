"""What is learnt of one server: how late, how far ahead and how coarse its statuses are. Pure.

Nothing of this is in the contract, so nothing is assumed for good. Every bound follows from cause
and effect: sound cannot have played for longer than since its command went out, and it has played
at least since it was first heard. Times are in s, positions in ms from the start of the call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

COARSE_MS, COARSEST_MS = 100, 5_000
"""Positions that are all multiples of a step between these are rounded."""

COARSE_ENOUGH_MS = 500
DISTINCT, MORE_DISTINCT = 2, 6
"""How many different positions must fit a step, and more where it is small: by chance some do."""

NOTICED_MS = 100
"""A bias of the statuses below this cannot be distinguished from the network's own unevenness."""

IMPOSSIBLE_MS = 30
"""No sound can be ahead of its command at all; this is for clocks that run unevenly."""

DRAIN_SLACK_MS, MOST_SLACK_S = 60, 0.25
"""A queue shows as shorter than it is, by the time that a command takes, and by a block or two."""

LATE_MS = 200
"""Statuses that are late by less count as on time."""

SDK_QUEUE_MS = 1_000
"""What a sender's queue holds if it is not asked for another length (rtc.AudioSource)."""

MOST_AHEAD_MS = 2_000
MOST_SUSPECTED_MS = 1_400
"""A queue is seldom longer: a call that begins with more silence does just that."""

MOST_LATE_MS = 5_000
PROMPT_S = 0.35
"""A command that is answered within this time is acknowledged, or as good as that."""

FRESH_MS = 100
"""A position so close to the one asked for was reported when the command was carried out."""

OBEY_SLACK_S = 0.03
"""How much earlier than the effect of a command its first sign may be."""

SURE_ACKS = 2
ACK_WAIT_S = 0.6
LEAST_WAIT_S = 0.27
MOST_WAIT_S = 4.0
UNKNOWN_WAIT_S = 1.0
UNKNOWN_PATIENCE_S = 3.5
LEAST_PATIENCE_S, MOST_PATIENCE_S = 1.0, 6.0
ANSWERS = 4
REGULAR_GAPS = 4


@dataclass(frozen=True)
class ServerHabits:
    """`step_ms` is the greatest common divisor of the positions reported, of which `distinct`
    differed.

    `answers_s` are the last delays from a command to the first status that agreed with it, `acks`
    how many of them in a row can only have been sent in answer to the command; `obey_s` is
    the best upper bound of the time from a command to its effect. `ahead_ms` is by how much the
    position reported is ahead of the sound that is sent, `onset_lead_ms` by how much it was when
    sound last began, `late_ms` by how much it is behind; `flushes` whether a scrub drops what the
    sender's queue holds, None while that is not known.
    `keyframe_ms` is how far before the place asked for a scrub has landed, at the most.
    `resumes_on_scrub` and `pauses_on_scrub`: what a scrub does to the pause state unasked.
    """

    step_ms: int = 0
    distinct: int = 0
    reported_ms: int = 0
    answers_s: tuple[float, ...] = ()
    acks: int = 0
    obey_s: float | None = None
    ahead_ms: int = 0
    onset_lead_ms: int = 0
    late_ms: int = 0
    flushes: bool | None = None
    keyframe_ms: int = 0
    resumes_on_scrub: bool = False
    pauses_on_scrub: bool = False
    gaps_s: tuple[float, ...] = ()

    @property
    def rounding_ms(self) -> int:
        """Return the step in which positions are reported, 0 if they are exact."""
        enough = DISTINCT if self.step_ms >= COARSE_ENOUGH_MS else MORE_DISTINCT
        coarse = COARSE_MS <= self.step_ms <= COARSEST_MS and self.distinct >= enough
        return self.step_ms if coarse else 0

    @property
    def wait_s(self) -> float:
        """Return how long after a command the server has certainly carried it out."""
        if self.acks >= SURE_ACKS and self.answers_s[-1] <= PROMPT_S:
            return ACK_WAIT_S  # the acknowledgement is late, or lost
        if self.obey_s is None:
            return UNKNOWN_WAIT_S
        margin_s = 0.05 if self.obey_s < 0.2 else 0.25
        return min(max(self.obey_s + margin_s, LEAST_WAIT_S), MOST_WAIT_S)

    @property
    def unheard_ms(self) -> int:
        """Return how much of a new place is played before it counts as that; 0 if acknowledged."""
        if self.acks >= SURE_ACKS or (self.answers_s and self.answers_s[-1] <= PROMPT_S):
            return 0
        return round((self.wait_s - (self.obey_s or 0.0)) * 1000)

    @property
    def least_s(self) -> float:
        """Return how soon after a command a coarse position may be of before it."""
        if self.obey_s is None or not self.rounding_ms:
            return 0.0
        return min(self.obey_s + OBEY_SLACK_S, self.wait_s)

    @property
    def patience_s(self) -> float:
        """Return how long after a command a status is certainly newer than it."""
        if not self.answers_s:
            return UNKNOWN_PATIENCE_S
        return min(max(1.5 * max(self.answers_s) + 0.5, LEAST_PATIENCE_S), MOST_PATIENCE_S)

    @property
    def drain_ms(self) -> int:
        """Return for how long old sound may still be sent after a command was carried out."""
        if self.flushes:
            return 0
        took_ms = round(min(self.obey_s or 0.0, MOST_SLACK_S) * 1000)
        if self.ahead_ms >= IMPOSSIBLE_MS:
            return self.ahead_ms + took_ms + DRAIN_SLACK_MS
        # A queue that fills while its command is still answered shows only where sound began.
        may_hide = NOTICED_MS < self.onset_lead_ms <= took_ms + DRAIN_SLACK_MS
        return self.onset_lead_ms + DRAIN_SLACK_MS if may_hide else 0

    @property
    def lands_exactly(self) -> bool:
        """Return whether a scrub leads to the place asked for, as far as is known."""
        return not (self.keyframe_ms or self.rounding_ms)

    @property
    def suspected_ms(self) -> int:
        """Return by how much the position may be ahead of the sound beyond `ahead_ms`."""
        is_likely = not self.ahead_ms and NOTICED_MS < self.onset_lead_ms <= MOST_SUSPECTED_MS
        return self.onset_lead_ms if is_likely else 0

    @property
    def cadence_s(self) -> float | None:
        """Return how often statuses come, None while they come irregularly."""
        gaps_s = self.gaps_s
        if len(gaps_s) < REGULAR_GAPS or max(gaps_s) > 2 * min(gaps_s) + 0.1:
            return None
        return max(gaps_s)


def note_position(habits: ServerHabits, position_ms: int, *, plays: bool) -> ServerHabits:
    """A position was reported."""
    step_ms = math.gcd(habits.step_ms, position_ms)
    is_new = plays and position_ms != habits.reported_ms
    return replace(
        habits, step_ms=step_ms, reported_ms=position_ms, distinct=habits.distinct + is_new
    )


def note_gap(habits: ServerHabits, gap_s: float) -> ServerHabits:
    """A status came `gap_s` after the one before."""
    return replace(habits, gaps_s=(*habits.gaps_s, gap_s)[-REGULAR_GAPS:])


def note_answer(habits: ServerHabits, delay_s: float, played_ms: int | None = None) -> ServerHabits:
    """A command was agreed with `delay_s` after it went out: it was carried out by then.

    `played_ms` is how far the position reported was past the one asked for, None if that says
    nothing.
    """
    if played_ms is not None:
        is_ack = abs(played_ms) <= FRESH_MS and delay_s <= PROMPT_S and not habits.rounding_ms
        habits = replace(habits, acks=habits.acks + 1 if is_ack else 0)
    bounds = [delay_s] if habits.obey_s is None else [delay_s, habits.obey_s]
    answers_s = (*habits.answers_s, delay_s)[-ANSWERS:]
    return replace(habits, answers_s=answers_s, obey_s=min(bounds))


def note_effect(habits: ServerHabits, delay_s: float, *, exact: bool = False) -> ServerHabits:
    """The effect of a command was there `delay_s` after it went out, or (`exact`) just then."""
    delay_s = max(delay_s, 0.0)
    if habits.obey_s is not None and not exact:
        delay_s = min(delay_s, habits.obey_s)
    return replace(habits, obey_s=delay_s)


def note_ahead(habits: ServerHabits, lead_ms: float) -> ServerHabits:
    """The position reported was this much further than sound can have come since its command."""
    if lead_ms <= max(IMPOSSIBLE_MS, habits.ahead_ms):
        return habits
    return replace(habits, ahead_ms=min(round(lead_ms), MOST_AHEAD_MS), late_ms=0)


def note_onset(habits: ServerHabits, lead_ms: float) -> ServerHabits:
    """Sound began when the position reported was `lead_ms` further than it began.

    A queue full of silence was before it, or the call begins with silence: it is a queue of the
    SDK's own length, or else one that shows twice.
    """
    before_ms = habits.onset_lead_ms
    habits = replace(habits, onset_lead_ms=max(round(lead_ms), 0))
    if lead_ms <= NOTICED_MS:
        was_wrong = before_ms > NOTICED_MS and abs(habits.ahead_ms - before_ms) <= NOTICED_MS
        return replace(habits, ahead_ms=0) if was_wrong else habits
    if min(abs(lead_ms - SDK_QUEUE_MS), abs(lead_ms - before_ms)) <= NOTICED_MS:
        return note_ahead(habits, lead_ms)
    return habits


def note_late(habits: ServerHabits, behind_ms: float) -> ServerHabits:
    """The position reported was this much behind where sound must have come since it began."""
    behind_ms -= habits.rounding_ms
    if habits.ahead_ms or abs(behind_ms - habits.late_ms) <= NOTICED_MS:
        return habits
    late_ms = round(min(behind_ms, MOST_LATE_MS)) if behind_ms > LATE_MS else 0
    return replace(habits, late_ms=late_ms)


def note_queue(habits: ServerHabits, lead_ms: float, since_s: float) -> ServerHabits:
    """A scrub was sent `since_s` ago: a queue that was dropped fills again, else it cannot."""
    if habits.ahead_ms < 2 * IMPOSSIBLE_MS or habits.flushes is not None:
        return habits
    if lead_ms > 0.6 * habits.ahead_ms:
        return replace(habits, flushes=True)
    if since_s > 0.5 and lead_ms < 0.4 * habits.ahead_ms:
        return replace(habits, flushes=False)
    return habits
