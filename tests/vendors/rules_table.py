"""The table of the rules: how the player does with every kind of server, on a simulated clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callplayer.engine.cursor.playback import PlaybackState
from callplayer.ipc import messages as m
from callplayer.vendor.commands import Pause, Resume, Scrub, ScrubToEnd
from tests.vendors.measures import breaks, clock_error_ms, flickers, jumps, saw_ms
from tests.vendors.simulation import Knobs, Story, play

SCRIPT: tuple[tuple[int, m.Request], ...] = (
    (0, Resume()),
    (8_000, Scrub(60_000)),
    (16_000, m.SeekBy(-5_000)),
    (24_000, Scrub(123_456)),
    (32_000, m.SeekBy(5_000)),
    (40_000, Pause()),
    (48_000, Resume()),
    (56_000, Pause()),
    (56_400, Resume()),
    (64_000, Pause()),
)
END_MS = 72_000

LIVE_SCRIPT: tuple[tuple[int, m.Request], ...] = ((0, Resume()), (5_000, ScrubToEnd()))
LIVE_END_MS = 20_000

VARIANTS: dict[str, Knobs] = {
    "our own service": Knobs(),
    "20 statuses a second": Knobs(cadence_s=0.05),
    "1 Hz, acknowledges": Knobs(cadence_s=1.0),
    "on change only": Knobs(cadence_s=None),
    "1 Hz, no acknowledgement": Knobs(cadence_s=1.0, acknowledges=False, phase_ms=330),
    "3 s, no acknowledgement": Knobs(cadence_s=3.0, acknowledges=False, phase_ms=700),
    "10 s, no acknowledgement": Knobs(cadence_s=10.0, acknowledges=False, phase_ms=4_000),
    "no status at all": Knobs(sends_status=False),
    "statuses 1 s late": Knobs(status_lag_s=1.0),
    "statuses 3 s late": Knobs(status_lag_s=3.0),
    "obeys 0.5 s late": Knobs(obey_s=0.5),
    "obeys 2 s late, 1 Hz": Knobs(obey_s=2.0, cadence_s=1.0),
    "obeys 0.5 s late, 1 Hz, no ack": Knobs(
        obey_s=0.5, cadence_s=1.0, acknowledges=False, phase_ms=330
    ),
    "status 1 s ahead, queue flushed": Knobs(queue_ms=1000),
    "status 1 s ahead, not flushed": Knobs(queue_ms=1000, flushes_seek=False, flushes_pause=False),
    "1 s ahead, fed while paused": Knobs(queue_ms=1000, feeds_paused=True),
    "the same, not flushed": Knobs(
        queue_ms=1000, feeds_paused=True, flushes_seek=False, flushes_pause=False
    ),
    "status 0.4 s ahead, 1 Hz": Knobs(queue_ms=400, cadence_s=1.0),
    "status 1 s ahead, 1 Hz, no ack": Knobs(
        queue_ms=1000, cadence_s=1.0, acknowledges=False, phase_ms=330
    ),
    "reported 1 s behind": Knobs(bias_ms=-1000),
    "whole seconds": Knobs(rounding_ms=1000),
    "whole seconds, 1 Hz, no ack": Knobs(
        rounding_ms=1000, cadence_s=1.0, acknowledges=False, phase_ms=330
    ),
    "positions of 5 s": Knobs(rounding_ms=5000),
    "keyframes of 5 s": Knobs(keyframe_ms=5000),
    "keyframes of 2 s, 1 Hz": Knobs(keyframe_ms=2000, cadence_s=1.0),
    "a third of statuses lost": Knobs(loss=0.33),
    "on change, half lost": Knobs(cadence_s=None, loss=0.5, seed=5),
    "resumes on scrub": Knobs(after_scrub="resumes"),
    "pauses on scrub": Knobs(after_scrub="pauses"),
    "position stands while it plays": Knobs(stands=True),
    "duration 0 at first": Knobs(duration="zero-first", cadence_s=1.0),
    "duration always 0": Knobs(duration="always-zero"),
    "duration shrinks": Knobs(duration="shrinking"),
    "200 ms of network": Knobs(network_ms=200),
}

ODD_VARIANTS: dict[str, Knobs] = {
    "positions uneven by 60 ms": Knobs(noise_ms=60),
    "statuses overtake, 0.4 s": Knobs(unordered_s=0.4),
    "statuses overtake, 1 s, 10 a second": Knobs(unordered_s=1.0, cadence_s=0.1),
    "says paused while it buffers 1 s": Knobs(buffers_s=1.0),
    "the same, 1 Hz, no ack": Knobs(buffers_s=1.0, cadence_s=1.0, acknowledges=False, phase_ms=330),
}
"""What the contract allows and hardly any server does."""

LIVE_VARIANTS: dict[str, Knobs] = {
    "live": Knobs(live=True, duration_ms=30_000),
    "live, edge 0.8 s behind": Knobs(live=True, duration_ms=30_000, edge_ms=800),
    "live, atEnd flickers": Knobs(live=True, duration_ms=30_000, edge_ms=200, flickers=True),
    "live, whole seconds": Knobs(live=True, duration_ms=30_000, edge_ms=500, rounding_ms=1000),
}


@dataclass(frozen=True)
class Row:
    """What one variant came to. Of several jumps or pauses the worst; None where there was none.

    `right_in_the_end`: server, screen and user agree on whether it plays.
    """

    name: str
    old_ms: int
    silent_ms: int | None
    lost_ms: int
    repeated_ms: int
    scrubs: int
    others: int
    saw_ms: int
    flickers: int
    clock_error_ms: int
    phase: str
    right_in_the_end: bool


def row(name: str, story: Story) -> Row:
    """Return the row of one story."""
    found, broken = jumps(story), breaks(story)
    silences = [jump.silent_ms for jump in found]
    wants_pause = isinstance(
        next(a.request for a in reversed(story.asked) if isinstance(a.request, Pause | Resume)),
        Pause,
    )
    return Row(
        name=name,
        old_ms=max((jump.old_ms for jump in found), default=0),
        silent_ms=None if None in silences else max((s or 0 for s in silences), default=0),
        lost_ms=max((each.lost_ms for each in broken), default=0),
        repeated_ms=max((each.repeated_ms for each in broken), default=0),
        scrubs=sum(isinstance(c, Scrub | ScrubToEnd) for _, c in story.commands),
        others=sum(isinstance(c, Pause | Resume) for _, c in story.commands),
        saw_ms=saw_ms(story),
        flickers=flickers(story),
        clock_error_ms=clock_error_ms(story),
        phase=story.shown[-1][1],
        right_in_the_end=story.server_paused == wants_pause
        and (story.shown[-1][1] == "paused") == wants_pause,
    )


def rows(new_call: Callable[[], PlaybackState] = PlaybackState) -> Sequence[Row]:
    """Play every variant; return a row for each."""
    all_recorded = (VARIANTS | ODD_VARIANTS).items()
    recorded = [row(n, play(k, SCRIPT, END_MS, new_call)) for n, k in all_recorded]
    live = [row(n, play(k, LIVE_SCRIPT, LIVE_END_MS, new_call)) for n, k in LIVE_VARIANTS.items()]
    return recorded + live


def lines(table: Sequence[Row]) -> list[str]:
    """Return the table as lines of text."""
    head = ("server", "old", "silent", "lost", "repeat", "scrubs", "p/r", "saw", "flick", "clock",
            "phase", "right")  # fmt: skip
    cells = [head] + [
        (
            r.name, f"{r.old_ms}", "never" if r.silent_ms is None else f"{r.silent_ms}",
            "all" if r.lost_ms >= 10**6 else f"{r.lost_ms}", f"{r.repeated_ms}", f"{r.scrubs}",
            f"{r.others}", f"{r.saw_ms}", f"{r.flickers}", f"{r.clock_error_ms}", r.phase,
            "yes" if r.right_in_the_end else "NO",
        )
        for r in table
    ]  # fmt: skip
    return [f"{c[0]:34}" + "".join(f"{each:>8}" for each in c[1:]) for c in cells]
