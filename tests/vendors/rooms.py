"""The servers that are played against in a real room."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.vendors.rig import Rig
from tests.vendors.room_play import Heard, play_variant
from tests.vendors.variant import BOTH, Statuses, Track, Variant

MIXED = (Track(name="call"),)
MIX = (Track(name="mixed"),)
CALLER = Track(name="caller", carries=("caller",))
TAKER = Track(name="callTaker", carries=("callTaker",))
UNNAMED = (Track(carries=("caller",)), Track(carries=("callTaker",)))
TWO_BOTS = (
    Track(name="audio", identity="caller", carries=("caller",)),
    Track(name="audio", identity="call-taker", carries=("callTaker",)),
)


@dataclass(frozen=True)
class Server:
    """One server. `how` goes to `play_variant`.

    `short` ones are tested each time.
    """

    name: str
    variant: Variant
    short: bool = False
    how: dict[str, Any] = field(default_factory=dict)

    def play(self, rig: Rig) -> Heard:
        """Play a session against it."""
        return play_variant(rig, self.name, self.variant, **self.how)


def _tracks(*tracks: Track, **more: Any) -> Variant:
    return Variant(tracks=tracks, **more)


def _statuses(**statuses: Any) -> Variant:
    return Variant(tracks=MIXED, statuses=Statuses(**statuses))


def _answers(**answers: Any) -> Variant:
    return Variant(tracks=MIXED, **answers)


SERVERS = (
    Server("one mixed track", _tracks(*MIXED)),
    Server("one mixed track, unnamed", _tracks(Track())),
    Server("two tracks", Variant()),
    Server("two tracks, unnamed", _tracks(*UNNAMED)),
    Server("two participants", _tracks(*TWO_BOTS)),
    Server("one stereo track", _tracks(Track(name="call", channels=2))),
    Server("mixed track and the caller's own", _tracks(*MIXED, CALLER)),
    Server("mixed track and both parties' own", _tracks(*MIX, CALLER, TAKER)),
    Server("mix with a third party, and both parties' own",
           _tracks(Track(name="mixed", carries=(*BOTH, "third")), CALLER, TAKER,
                   third_alone_from_ms=1_000, third_alone_to_ms=2_500),
           how={"voices": (*BOTH, "third"), "first_play_s": 4.0}),
    Server("a conference of callers",
           _tracks(Track(name="caller-1", carries=("caller",)),
                   Track(name="caller-2", carries=("third",)), TAKER),
           how={"voices": (*BOTH, "third")}),
    Server("two tracks that get their roles after 3 s",
           _tracks(*(Track(name="audio", identity=f"PA_{role}", carries=(role,), role=role,
                           role_after_s=3.0) for role in BOTH)),
           how={"first_play_s": 4.0}),
    Server("a third party", _tracks(CALLER, TAKER, Track(name="medic", carries=("third",))),
           how={"voices": (*BOTH, "third")}),
    Server("the call taker 4 s late",
           _tracks(CALLER, Track(name="callTaker", carries=("callTaker",), after_s=4.0)),
           how={"first_play_s": 6.0}),
    Server("the caller's track replaced after 2 s",
           _tracks(Track(name="caller", carries=("caller",), replaced_after_s=2.0), TAKER),
           how={"first_play_s": 4.0}),
    Server("tracks only after resume", _tracks(*MIXED, publishes="after-resume")),
    Server("tracks only after resume, no status at all",
           _tracks(*MIXED, publishes="after-resume", statuses=Statuses(none=True))),
    Server("no sound for the first 6 s", _tracks(Track(name="call", after_s=6.0))),
    Server("room closed before its sound",
           _tracks(*MIXED, publishes="after-resume", closes_first_s=1.0)),
    Server("no tracks while paused", _tracks(*MIXED, publishes="unless-paused")),
    Server("new tracks at each scrub", _tracks(*MIXED, publishes="anew-at-scrub")),
    Server("no packet while seeking, 1 s", _tracks(*MIXED, seeks_s=1.0)),
    Server("status at 1 Hz, no answer", _statuses(every_s=1.0, acknowledges=False)),
    Server("status on change only", _statuses(every_s=None), short=True),
    Server("status ahead by a queue of 1,000 ms", _tracks(*MIXED, queue_ms=1000)),
    Server("the same, not flushed", _tracks(*MIXED, queue_ms=1000, flushes=False)),
    Server("status in whole seconds", _statuses(round_ms=1000)),
    Server("keyframes up to 5 s", _tracks(*MIXED, keyframe_ms=5000)),
    Server("status 1.5 s late", _statuses(late_s=1.5)),
    Server("no status at all", _statuses(none=True)),
    Server("status of strings", _statuses(shape="strings")),
    Server("status with BOM and NUL", _statuses(shape="bom")),
    Server("status wrapped", _statuses(shape="wrapped")),
    Server("status in a list", _statuses(shape="list")),
    Server("status in text streams", _statuses(shape="text-stream")),
    Server("status in byte streams", _statuses(shape="byte-stream")),
    Server("status under a topic", _statuses(shape="topic")),
    Server("resumes by itself after a scrub", _tracks(*MIXED, after_scrub="resumes")),
    Server("pauses by itself after a scrub", _tracks(*MIXED, after_scrub="pauses")),
    Server("token: LiveKit's own answer, 201", _answers(answer="livekit", created=201)),
    Server("token: nested", _answers(answer="nested")),
    Server("token: 404 for 2 s", _answers(refuses=404, refuses_s=2.0)),
    Server("token: 409 for 2 s", _answers(refuses=409, refuses_s=2.0)),
    Server("token: 425 for 2 s", _answers(refuses=425, refuses_s=2.0)),
    Server("token: 503 for 2 s, Retry-After",
           _answers(refuses=503, refuses_s=2.0, retry_after="1")),
    Server("feeds nothing for 0.5 s", Variant(), short=True,
           how={"stall_s": 0.5, "first_play_s": 4.0}),
    Server("the same, then a silence of 1.5 s",
           Variant(silent_from_ms=12_000, silent_to_ms=13_500),
           how={"stall_s": 0.5, "first_play_s": 4.0}),
)  # fmt: skip
