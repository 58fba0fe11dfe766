"""The call held at the place that was heard last, for as long as no sound can come out."""

from __future__ import annotations

from collections.abc import Callable

from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.playback import BREAK_BACK_MS, PlaybackState
from callplayer.vendor.commands import Command, Resume, ScrubToEnd

RECENT_S = 0.5
"""A place that was heard no longer before sound broke off is where it broke off."""

LIVE_AGAIN_S = 2.0
"""A call that was live and held for less than this goes on live: that is a change of device."""


class Hold:
    """Notes where the call is heard; pauses it there, and lets it go on from there."""

    def __init__(
        self,
        call: PlaybackState,
        delays: Callable[[], Delays],
        send: Callable[[list[Command]], None],
    ) -> None:
        self._call = call
        self._delays = delays
        self._send = send
        self._heard_ms: int | None = None
        self._segment_ms = 0
        self._heard_s, self._was_live = float("-inf"), False
        self._live_s: float | None = None
        self._place_ms: int | None = None
        self._again_ms: int | None = None

    def record(self, now_s: float) -> None:
        """Sound comes out at this moment: remember what is heard."""
        head = self._call.head
        if (
            self._call.opened
            and head.advancing()
            and not head.wants_paused()
            and head.open_seek is None
        ):
            self._heard_ms = self._call.shown_ms(now_s, self._delays())
            self._segment_ms = head.segment_ms
            self._heard_s, self._was_live = now_s, self._call.phase(now_s) == "live"

    @property
    def can_go_on(self) -> bool:
        """Return whether a call that is let go on can be heard, as far as the link is concerned."""
        return not (self._call.unreachable or self._call.away)

    def break_off(self, now_s: float, silent_s: float) -> None:
        """Nothing has come out for `silent_s` up to this moment: go back to the place heard last.

        The call has gone on meanwhile, maybe to its end, or was found to be out of reach.
        """
        call = self._call
        plays = call.opened and not call.held and not call.head.wants_paused()
        if not plays or now_s - silent_s - self._heard_s >= RECENT_S:
            return
        # Where the call has gone to since is a stretch of its own, by the server's word alone.
        same_stretch = not call.moved_since(self._heard_s) and self._heard_ms is not None
        place_ms = self._heard_by(now_s - silent_s) if same_stretch else call.head.segment_ms
        self._pause(place_ms, now_s - silent_s if self._was_live else None, now_s)
        call.held = True
        if call.away and place_ms is not None:
            call.stand_at(place_ms - BREAK_BACK_MS, now_s)

    def ask_again(self) -> None:
        """The link was down while the call was held: the server may not be where it was sent.

        The place is asked for once more at the release, unless `forget_place` is called before.
        """
        if self._call.held:
            self._again_ms = self._place_ms

    def forget_place(self) -> None:
        """A jump is asked for: the call goes on from there."""
        self._place_ms = self._again_ms = None

    def engage(self, now_s: float, *, goes_on: bool, broke_off_s: float | None = None) -> None:
        """Sound comes out no more: pause at the place heard last. `goes_on`: only for a while.

        `broke_off_s` is when the device took the last of it, None if that is not known.
        """
        call = self._call
        call.memory_pauses = call.from_memory and not goes_on
        if call.held or not call.opened or call.head.wants_paused():
            call.held = call.held and goes_on
            return
        phase = call.phase(now_s)
        if phase == "at-end":
            return
        # After a jump that has not been heard yet, that is where the call is to go on. While the
        # server is away it stands where it was heard last already.
        same_stretch = self._heard_ms is not None and self._segment_ms == call.head.segment_ms
        place_ms = self._heard_by(broke_off_s) if same_stretch else call.head.segment_ms
        self._pause(place_ms, now_s if phase == "live" else None, now_s)
        call.held = goes_on

    def _heard_by(self, broke_off_s: float | None) -> int | None:
        """Return the place that was heard when sound broke off: it went on since the last record.

        Not where the call was moved since, or not heard for a while.
        """
        if self._heard_ms is None or broke_off_s is None or self._call.moved_since(self._heard_s):
            return self._heard_ms
        went_on_s = broke_off_s - self._heard_s
        return self._heard_ms + (round(went_on_s * 1000) if 0.0 < went_on_s < RECENT_S else 0)

    def _pause(self, place_ms: int | None, live_s: float | None, now_s: float) -> None:
        self._live_s = live_s
        is_sure = place_ms is not None and self._call.head.open_seek is None
        self._place_ms = place_ms if is_sure else None
        self._send(self._call.pause_at(None if self._call.away else place_ms, now_s))

    def release(self, now_s: float) -> None:
        """Sound can come out again: go on, if the call was only held."""
        again_ms, self._again_ms = self._again_ms, None
        if not self._call.held:
            return
        self._call.held = False
        if self._live_s is not None and now_s - self._live_s < LIVE_AGAIN_S:
            self._send(self._call.apply(ScrubToEnd(), now_s, self._delays()))
        elif again_ms is not None:
            self._send([self._call.seek(again_ms - BREAK_BACK_MS, now_s)])
        self._send(self._call.apply(Resume(), now_s, self._delays()))
