"""The player's rules against every kind of server, on a simulated clock."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from callplayer.ipc import messages as m
from callplayer.vendor.commands import Pause, Resume, Scrub
from tests.vendors.measures import breaks, clock_error_ms, flickers, jumps, saw_ms
from tests.vendors.rules_table import (
    END_MS,
    LIVE_END_MS,
    LIVE_SCRIPT,
    LIVE_VARIANTS,
    ODD_VARIANTS,
    SCRIPT,
    VARIANTS,
    Row,
    row,
)
from tests.vendors.simulation import Knobs, play

SILENT_ACK_MS, SILENT_MS = 250, 400
"""The most after a jump beyond the server's own lag: where it acknowledges, and where it does not.
An acknowledgement that is lost is none."""

LOST_MS, REPEATED_MS = 50, 1_500
LONG_MS = 50_000

DEEP = int(os.environ.get("CALLPLAYER_TEST_SERVERS", "0"))
"""So many servers by chance, other ones each time; 0: the same few hundred each time."""


def _row(name: str) -> Row:
    if name in LIVE_VARIANTS:
        return row(name, play(LIVE_VARIANTS[name], LIVE_SCRIPT, LIVE_END_MS))
    return row(name, play(VARIANTS[name], SCRIPT, END_MS))


@pytest.mark.parametrize("name", [*VARIANTS, *LIVE_VARIANTS])
def test_every_kind_of_server_is_played_right(name: str) -> None:
    knobs, found = (VARIANTS | LIVE_VARIANTS)[name], _row(name)
    assert found.old_ms == 0
    most_ms = SILENT_ACK_MS if knobs.acknowledges and knobs.sends_status else SILENT_MS
    if knobs.loss:
        most_ms = 650
    assert found.silent_ms is not None
    assert found.silent_ms <= most_ms
    assert found.lost_ms <= LOST_MS
    assert found.repeated_ms <= REPEATED_MS + knobs.keyframe_ms
    assert found.flickers == 0
    assert found.saw_ms <= max(20, min(knobs.rounding_ms // 4, 250))
    assert found.clock_error_ms <= max(
        80, min(knobs.rounding_ms // 2, 500), 250 * (not knobs.sends_status)
    )
    assert found.right_in_the_end
    assert found.phase == ("live" if knobs.live else "paused")
    # One scrub stays one scrub: four jumps, and one for each pause.
    assert found.scrubs == (1 if knobs.live else 7)


@pytest.mark.parametrize(
    ("name", "silent_ms", "saw_most_ms", "error_ms"),
    [
        ("positions uneven by 60 ms", 300, 20, 120),
        ("statuses overtake, 0.4 s", 400, 150, 250),
        ("statuses overtake, 1 s, 10 a second", 400, 150, 300),
        ("says paused while it buffers 1 s", 1_250, 20, 80),
        ("the same, 1 Hz, no ack", 1_400, 20, 80),
    ],
)
def test_odd_servers_are_played_right_and_their_clock_is_steady(
    name: str, silent_ms: int, saw_most_ms: int, error_ms: int
) -> None:
    found = row(name, play(ODD_VARIANTS[name], SCRIPT, END_MS))
    assert (found.old_ms, found.flickers, found.scrubs) == (0, 0, 7)
    assert found.silent_ms is not None
    assert found.silent_ms <= silent_ms
    assert found.lost_ms <= LOST_MS
    assert found.repeated_ms <= REPEATED_MS
    assert found.saw_ms <= saw_most_ms
    assert found.clock_error_ms <= error_ms
    assert found.right_in_the_end


@pytest.mark.parametrize("cadence_s", [0.1, 0.25, 1.0])
def test_an_end_that_is_still_reported_after_a_jump_back_is_none(cadence_s: float) -> None:
    """A press of space would play from the start."""
    script: list[tuple[int, m.Request]] = [(0, Resume()), (2_000, Scrub(595_000))]
    script += [(10_000, m.SeekBy(-20_000))]
    story = play(Knobs(stale_end_s=1.0, cadence_s=cadence_s), script, 14_000)
    phases = [phase for _, phase in story.shown]
    assert phases[990] == "at-end"
    assert set(phases[1010:]) == {"playing"}


@pytest.mark.parametrize("acknowledges", [True, False])
@pytest.mark.parametrize("asks_pause", [True, False])
def test_a_jump_back_from_the_end_plays_though_the_server_has_paused_there(
    acknowledges: bool, asks_pause: bool
) -> None:
    script: list[tuple[int, m.Request]] = [(0, Resume()), (2_000, Scrub(595_000))]
    script += [(9_000, Pause())] if asks_pause else []
    script += [(10_000, m.SeekBy(-20_000))]
    knobs = Knobs(pauses_at_end=True, acknowledges=acknowledges, phase_ms=330)
    story = play(knobs, script, 14_000)
    assert "at-end" in {phase for _, phase in story.shown}
    assert story.server_paused == asks_pause
    assert story.shown[-1][1] == ("paused" if asks_pause else "playing")
    assert (story.heard[-1] is None) == asks_pause


@st.composite
def servers(draw: st.DrawFn) -> Knobs:
    """Any valid server, within the ranges that the contract leaves open."""
    acknowledges = draw(st.booleans())
    # A queue that is shorter than a round trip is not noticed.
    # What is ahead by a queue and behind by its lateness or rounding looks like neither.
    queue_ms = draw(st.sampled_from([0, 0, 200, 400, 1000]))
    lags = st.sampled_from([0.0, 0.0, 0.1, 0.5, 1.0, 3.0]) | st.floats(0.0, 3.0)
    biases = st.sampled_from([0, 0, 0, -1000, -300, 200, 1000])
    cadences = st.floats(0.05, 10.0) if not acknowledges else st.none() | st.floats(0.05, 10.0)
    cadence_s = draw(cadences)
    # With no status soon after a command, nothing can show that old sound is still queued.
    loss = draw(st.sampled_from([0.0, 0.0, 0.0, 0.2]))
    is_sparse = cadence_s is None or cadence_s > (1.0 if loss else 2.0)
    return Knobs(
        cadence_s=cadence_s,
        acknowledges=acknowledges,
        obey_s=draw(st.sampled_from([0.0, 0.05, 0.1])),
        status_lag_s=0.0 if queue_ms else draw(lags),
        bias_ms=0 if queue_ms else draw(biases),
        rounding_ms=0 if queue_ms else draw(st.sampled_from([0, 0, 0, 100, 250, 1000, 5000])),
        keyframe_ms=draw(st.sampled_from([0, 0, 0, 1000, 5000])),
        loss=loss,
        queue_ms=queue_ms,
        flushes_seek=is_sparse or draw(st.booleans()),
        flushes_pause=draw(st.booleans()),
        # What a server does unasked shows by a status only: it is as late as that is.
        after_scrub="" if is_sparse else draw(st.sampled_from(["", "", "resumes", "pauses"])),
        duration=draw(st.sampled_from(["right", "zero-first", "always-zero", "shrinking"])),
        network_ms=draw(st.sampled_from([0, 20, 50])),
        path_ms=draw(st.sampled_from([40, 60, 120])),
        phase_ms=draw(st.integers(0, 100)) * 10,
        seed=draw(st.integers(0, 1000)),
    )


_story: tuple[tuple[int, m.Request], ...] = (
    (0, Resume()),
    (6_000, Scrub(60_000)),
    (12_000, Scrub(23_456)),
    (18_000, m.SeekBy(-5_000)),
    (24_000, Pause()),
    (30_000, Resume()),
    (37_000, Pause()),
    (37_300, Resume()),
)


@pytest.mark.timeout(400)
@given(knobs=servers())
@settings(
    max_examples=DEEP or 80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not DEEP,
    phases=[Phase.generate],
)
def test_whatever_the_timing_no_wish_is_lost_and_nothing_old_is_heard(knobs: Knobs) -> None:
    story = play(knobs, _story, LONG_MS)
    assert not story.server_paused, "the last wish is to play"
    assert story.shown[-1][1] == "playing"
    assert story.heard[-1] is not None
    found = jumps(story)
    assert all(jump.silent_ms is not None for jump in found)
    assert sum(jump.old_ms for jump in found) == 0
    assert sum(isinstance(command, Scrub) for _, command in story.commands) <= 6
    for broken in breaks(story):
        assert broken.lost_ms < 10**6


UNLUCKY = {
    "a queue that fills within a round trip": Knobs(
        acknowledges=False, cadence_s=1 / 3, queue_ms=200, flushes_seek=False, flushes_pause=False,
        obey_s=0.1, network_ms=50, phase_ms=210, duration="always-zero", seed=233,
    ),
    "late and rounded": Knobs(
        acknowledges=False, cadence_s=0.05, status_lag_s=2.4, rounding_ms=250, loss=0.2,
        after_scrub="pauses", obey_s=0.1, network_ms=50, seed=845,
    ),
    "rounded down, then up": Knobs(
        acknowledges=False, cadence_s=0.05, status_lag_s=2.4, rounding_ms=250, loss=0.2, seed=525,
        after_scrub="pauses", obey_s=0.05, bias_ms=200, duration="zero-first", path_ms=120,
        phase_ms=20,
    ),
    "agrees by chance before it obeys": Knobs(
        acknowledges=False, cadence_s=2.186420986275836, rounding_ms=5000, loss=0.2, obey_s=0.05,
        network_ms=0, path_ms=120, phase_ms=530, seed=118,
    ),
    "keyframes, reported on change only": Knobs(
        cadence_s=None, keyframe_ms=5000, queue_ms=200, obey_s=0.1, duration="shrinking",
        network_ms=50, path_ms=40, phase_ms=710, seed=71,
    ),
    "late statuses of a path that was concluded": Knobs(
        acknowledges=False, cadence_s=1.5, status_lag_s=1.5, keyframe_ms=5000, loss=0.2,
        obey_s=0.1, bias_ms=200, duration="zero-first", phase_ms=80, seed=455,
    ),
    "ahead by a queue of a path that was concluded": Knobs(
        acknowledges=False, cadence_s=6.0, queue_ms=200, loss=0.2, obey_s=0.1, network_ms=50,
        path_ms=120, phase_ms=10, duration="always-zero", seed=37,
    ),
    "a duration that comes with old news": Knobs(
        acknowledges=False, cadence_s=5.261412461178105, status_lag_s=3.0, loss=0.2, obey_s=0.05,
        bias_ms=-300, network_ms=50, duration="zero-first", phase_ms=450, seed=243,
    ),
}  # fmt: skip

UNSURE = {
    "pauses on each scrub, and says so after the next": Knobs(
        acknowledges=False, cadence_s=1.5087448800436947, status_lag_s=3.0, bias_ms=-300, seed=463,
        rounding_ms=1000, flushes_seek=False, flushes_pause=False, after_scrub="pauses",
        phase_ms=970,
    ),
    "behind by a keyframe and by its lateness": Knobs(
        acknowledges=False, cadence_s=3.0, status_lag_s=3.0, keyframe_ms=5000, loss=0.2, seed=2,
        obey_s=0.05, network_ms=50, phase_ms=20,
    ),
    "resumes for the jump before": Knobs(
        acknowledges=False, cadence_s=0.05, status_lag_s=2.8671475903111605, bias_ms=200, seed=192,
        rounding_ms=250, after_scrub="pauses", network_ms=50, phase_ms=990,
    ),
    "a coarse step back before the jump back": Knobs(
        cadence_s=0.05, bias_ms=-1000, rounding_ms=5000, keyframe_ms=5000, network_ms=50, seed=191,
        after_scrub="pauses", duration="always-zero", phase_ms=980,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNLUCKY)
def test_unlucky_timings_are_played_right(name: str) -> None:
    """Each was once heard, lost or shown wrong: the worst of thousands by chance."""
    story = play(UNLUCKY[name], _story, LONG_MS)
    found = jumps(story)
    assert [jump.old_ms for jump in found] == [0, 0, 0]
    assert all(jump.silent_ms is not None and jump.silent_ms <= 430 for jump in found)
    assert all(broken.lost_ms <= 350 for broken in breaks(story))
    assert clock_error_ms(story) <= 2_000


@pytest.mark.parametrize("name", UNSURE)
def test_nothing_old_is_heard_of_servers_whose_place_cannot_be_known(name: str) -> None:
    """Their positions are late, coarse and wrong all at once."""
    found = jumps(play(UNSURE[name], _story, LONG_MS))
    assert [jump.old_ms for jump in found] == [0, 0, 0]
    assert all(jump.silent_ms is not None and jump.silent_ms <= 1_200 for jump in found)


@pytest.mark.timeout(400)
@given(
    queue_ms=st.integers(0, 100).map(lambda tens: tens * 10),
    flushes_seek=st.booleans(),
    flushes_pause=st.booleans(),
    cadence_s=st.sampled_from([0.05, 0.25, 1.0]),
    acknowledges=st.booleans(),
    phase_ms=st.integers(0, 100).map(lambda tens: tens * 10),
)
@settings(max_examples=DEEP or 30, deadline=None, derandomize=not DEEP, phases=[Phase.generate])
def test_across_a_pause_nothing_is_lost_and_little_repeated(
    queue_ms: int, flushes_seek: bool, flushes_pause: bool, cadence_s: float,
    acknowledges: bool, phase_ms: int,
) -> None:  # fmt: skip
    knobs = Knobs(
        queue_ms=queue_ms, flushes_seek=flushes_seek, flushes_pause=flushes_pause,
        cadence_s=cadence_s, acknowledges=acknowledges, phase_ms=phase_ms,
    )  # fmt: skip
    found = breaks(play(knobs, _story, LONG_MS))
    assert len(found) == 2
    for each in found:
        assert each.lost_ms <= LOST_MS
        assert each.repeated_ms <= REPEATED_MS


def test_the_measures_see_a_player_that_does_nothing_about_it() -> None:
    """A gate that is always open, and a pause that goes nowhere, must show."""
    story = play(Knobs(), _story, LONG_MS)
    heard = [f and replace(f, serial=0) for f in story.heard]
    story.heard = heard
    assert all(jump.silent_ms is None for jump in jumps(story))
    story.shown = [
        (place - 40 * (index % 2), phase) for index, (place, phase) in enumerate(story.shown)
    ]
    assert saw_ms(story) >= 30
    story.shown = [(p, "live" if i % 2 else phase) for i, (p, phase) in enumerate(story.shown)]
    assert flickers(story) > 100


@pytest.mark.parametrize("late_s", [0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("jump_ms", [1_200, 1_800, 2_500])
def test_a_jump_soon_after_the_start_hides_no_lateness(late_s: float, jump_ms: int) -> None:
    """The statuses of the path that was left show it, too."""
    script: tuple[tuple[int, m.Request], ...] = (
        (0, Resume()),
        (jump_ms, Scrub(60_000)),
        (jump_ms + 3_400, Pause()),
        (jump_ms + 4_400, Resume()),
    )
    (broken,) = breaks(play(Knobs(status_lag_s=late_s), script, jump_ms + 9_000))
    assert broken.repeated_ms <= 100


@pytest.mark.parametrize("queue_ms", [0, 200, 500, 700, 1_000, 1_400])
@pytest.mark.parametrize("flushes", [False, True])
def test_a_queue_full_of_silence_costs_no_sound(queue_ms: int, flushes: bool) -> None:
    """It looks like a call that begins with silence, until sound begins once more."""
    script: tuple[tuple[int, m.Request], ...] = (
        (0, Resume()),
        (4_000, Pause()),
        (5_500, Resume()),
        (11_000, Scrub(60_000)),
        (16_000, Pause()),
        (17_000, Resume()),
    )
    knobs = Knobs(queue_ms=queue_ms, feeds_paused=True, flushes_seek=flushes, flushes_pause=flushes)
    story = play(knobs, script, 22_000)
    (jump,) = jumps(story)
    assert jump.old_ms == 0
    assert jump.silent_ms is not None
    assert jump.silent_ms <= SILENT_ACK_MS
    for broken in breaks(story):
        assert broken.lost_ms <= LOST_MS
        assert broken.repeated_ms <= REPEATED_MS
