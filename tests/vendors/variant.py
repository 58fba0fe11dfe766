"""How one vendor is: every field is a freedom that the contract leaves to a server."""

from __future__ import annotations

from typing import Literal

import msgspec

Carried = Literal["caller", "callTaker", "third"]
Shape = Literal["plain", "strings", "bom", "wrapped", "list", "text-stream", "byte-stream", "topic"]
Answer = Literal["plain", "livekit", "nested", "bare"]

BOTH: tuple[Carried, ...] = ("caller", "callTaker")


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """One track: what it carries, who publishes it, when.

    `identity` "" stands for the bot itself. `after_s` and `replaced_after_s` count from the first
    resume; a track that is replaced comes back at once as a new one. So does `role_after_s`, from
    when on its participant's attributes give `role`. With `channels` 2 the caller is left and the
    call taker right.
    """

    name: str = ""
    carries: tuple[Carried, ...] = BOTH
    identity: str = ""
    channels: int = 1
    after_s: float = 0.0
    replaced_after_s: float | None = None
    role: str = ""
    role_after_s: float = 0.0


class Statuses(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of its cursor, and when. Times in s and ms.

    `every_s` None: on change only. `acknowledges`: one status follows each command at once. All are
    `late_s` late, rounded down to `round_ms`. With `none` there is not one.
    """

    every_s: float | None = 0.25
    acknowledges: bool = True
    late_s: float = 0.0
    round_ms: int = 1
    shape: Shape = "plain"
    none: bool = False


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One vendor.

    `queue_ms` is the queue of the SDK's audio sources: the cursor is ahead of the sound by it;
    `flushes`: a pause and a scrub empty it. A scrub lands on a multiple of `keyframe_ms` and is
    silent, without a packet, for `seeks_s`. `refuses` answers so many s with that HTTP status to
    the first requests for a stream token, with `Retry-After` if `retry_after` is set. The first
    room is closed after `closes_first_s`. Nobody speaks from `silent_from_ms` to `silent_to_ms`,
    and only a third party from `third_alone_from_ms` to `third_alone_to_ms`.
    """

    tracks: tuple[Track, ...] = (
        Track(name="caller", carries=("caller",)),
        Track(name="callTaker", carries=("callTaker",)),
    )
    statuses: Statuses = Statuses()
    queue_ms: int = 0
    flushes: bool = True
    keyframe_ms: int = 1
    seeks_s: float = 0.0
    after_scrub: Literal["", "resumes", "pauses"] = ""
    publishes: Literal["always", "after-resume", "unless-paused", "anew-at-scrub"] = "always"
    answer: Answer = "plain"
    created: int = 200
    refuses: int = 0
    refuses_s: float = 0.0
    retry_after: str = ""
    closes_first_s: float = 0.0
    silent_from_ms: int = 0
    silent_to_ms: int = 0
    third_alone_from_ms: int = 0
    third_alone_to_ms: int = 0
