"""What becomes of the call when the server's sound is out of reach, and when it is back.

The SDK reports late that a connection is gone, and never that a server has fallen silent; so the
packets are watched as well. While nothing comes the call stands still at what was heard last. What
is back by itself goes on there; what is not back in time is given up, and a new room is joined.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.audio.track_layout import left, right
from callplayer.engine.cursor.call_state import OBEYS_S, Delays, ResumePoint
from callplayer.engine.cursor.command_queue import CommandQueue
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.session.connection import RoomConnection
from callplayer.vendor.parties import NEITHER, Party

LOG = logging.getLogger(__name__)

NEWS_WAIT_S = 1.0
"""How long after the sound's return a status is waited for: it says whether anything was missed."""

LOOKS_S = 1.0
"""A scrub that has brought no packet for this long is reported."""

BROKE = "The connection broke; it is being restored."
GONE = "The room is gone; joining again."
SILENT = "No sound comes from the server; waiting for it."
LEFT = "The call's sound has left the room; waiting for it."
LOOKS = "The server is looking for the place."
NOT_YET = "No sound of the call has come yet."
STATUS_STOPPED = (
    "The server does not say any more where the call is; the place shown goes by the clock."
)
NAMES: dict[Party, str] = {"caller": "the caller", "callTaker": "the call taker"}
ONE_TRACK = "One of the call's tracks brings no sound."


class ReconnectHost(Protocol):
    """What is done about it, in the engine."""

    def say(self, detail: str) -> None:
        """Report what goes on, in words."""

    def restore(self, back: ResumePoint) -> None:
        """Have the server go where the call was."""


class Reconnector:
    """Notices that the server's sound is lost or back, and has the engine do what is to be done."""

    def __init__(
        self,
        *,
        call: PlaybackState,
        channels: ChannelBank,
        link: RoomConnection,
        queue: CommandQueue,
        delays: Callable[[], Delays],
        host: ReconnectHost,
    ) -> None:
        self._call = call
        self._channels = channels
        self._link = link
        self._queue = queue
        self._delays = delays
        self._host = host
        self._flows_s: float | None = None
        self.give_up_timer: asyncio.TimerHandle | None = None

    @property
    def watchful(self) -> bool:
        """Return whether to look at the packets often."""
        flow = self._link.flow
        return self._call.away or flow.suspect(self._channels.track_ids, time.monotonic())

    # --- what the room reports --------------------------------------------------------------------

    def joined(self) -> None:
        """The first room, or a new one, is there with its sound."""
        self._channels.layout.forget()
        self._call.unreachable = not self._link.up
        if self._link.up:
            self._cancel_give_up_timer()
        self._queue.use(self._link.room if self._link.up else None)

    def link_lost(self) -> None:
        """The SDK lost its connection and tries again. What still comes in is heard meanwhile."""
        if self._link.closed.is_set():
            return
        # Sending waits for as long as the SDK reconnects; what is asked meanwhile is a wish.
        self._link.up, self._call.unreachable = False, True
        self._queue.use(None)
        self._host.say(BROKE)
        self._start_give_up_timer()

    def link_back(self) -> None:
        """The SDK has its connection back."""
        if self._link.closed.is_set():
            return
        self._link.up, self._call.unreachable = True, False
        self._cancel_give_up_timer()
        if self._call.away:  # the next looks show when its sound is back, too
            self._start_give_up_timer()
            return
        self._queue.use(self._link.room)
        if self._call.opened:
            self._host.restore(self._call.open_wishes())

    def tracks_gone(self) -> None:
        """The last track has ended. That is a loss, unless the call need not sound."""
        now_s = time.monotonic()
        if not self._call.may_lack_tracks(now_s, self._link.flow.sounded_until_s(now_s)):
            self._lose_tracks()

    def senders_left(self) -> None:
        """All that sent sound have left the room: a scrub excuses tracks that go, but not that."""
        if not self._call.is_idle():
            self._lose_tracks()

    def _lose_tracks(self) -> None:
        if self._link.room is None or self._call.away or not self._call.opened:
            return
        self._go_away(LEFT)
        self._start_give_up_timer()

    def closed(self, reason: str) -> None:
        """The room is gone for good, or given up."""
        LOG.warning("the room is given up: %s", reason)
        self.stop()
        self._link.up = False
        self._go_away(GONE)
        self._link.closed.set()
        self._host.say(GONE)

    def retry_now(self) -> None:
        """Give up waiting for what may come back by itself."""
        call, link = self._call, self._link
        lost = call.opened and (call.away or not link.up)
        if lost and not call.rejoining and not link.closed.is_set():
            self.closed("a new one is asked for")

    def stop(self) -> None:
        """Be patient no more: the engine ends."""
        self._cancel_give_up_timer()

    # --- looks ------------------------------------------------------------------------------------

    def look(self, now_s: float) -> None:
        """See what came since the last look."""
        call, flow = self._call, self._link.flow
        if call.rejoining or not call.opened or self._link.closed.is_set():
            return
        if call.away:
            self._look_if_back(now_s)
            return
        flow.expect(call.expected_stretch(), now_s)
        tracks = self._channels.track_ids
        if not tracks and not self._link.sounded:
            call.flow_detail = "" if call.head.wants_paused() else NOT_YET
            return
        if not tracks and not call.may_lack_tracks(now_s, flow.sounded_until_s(now_s)):
            self._go_away(LEFT)
            self._start_give_up_timer()
            return
        if call.return_ms is not None and self._flows_all():
            back = call.take_return()
            if back is not None:
                self._host.restore(back)
        sought_s = call.looks_for_place_since(now_s)
        if sought_s is not None and self._has_stopped_since(sought_s):
            is_long = now_s - sought_s > LOOKS_S
            call.flow_detail = LOOKS if is_long and not call.head.wants_paused() else ""
            return
        if tracks and all(flow.silent(track_id, now_s) for track_id in tracks):
            self._go_away(SILENT if self._link.up else BROKE)
            self._start_give_up_timer()
            return
        self._call.flow_detail = self._lack(now_s)

    def _has_stopped_since(self, sought_s: float) -> bool:
        """Return whether nothing comes since a scrub, but what was sent before it was obeyed."""
        flow = self._link.flow
        if not any(flow.flows_since(each, sought_s) for each in self._channels.track_ids):
            return True
        return flow.broke_off_s is not None and flow.broke_off_s < sought_s + OBEYS_S

    def _flows_all(self) -> bool:
        tracks = self._channels.track_ids
        return self._link.all_tracks_here() and all(map(self._link.receives, tracks))

    def _lack(self, now_s: float) -> str:
        """Return what does not come while the rest of it does, in words."""
        flow = self._link.flow
        tracks, layout = self._channels.track_ids, self._channels.layout
        silent = {
            part
            for track_id in tracks
            if flow.silent(track_id, now_s)
            for part in (left(track_id), right(track_id))
        }
        if not self._channels.track_ids and self._call.may_lack_tracks(
            now_s, flow.sounded_until_s(now_s)
        ):
            return ""
        sounding = NEITHER.union(
            *(carries for part, carries in layout.carries.items() if part not in silent)
        )
        lacking = [party for party in NAMES if party in layout.seen - sounding]
        if lacking:
            return f"No sound comes from {NAMES[lacking[0]]}."
        if silent:
            return ONE_TRACK
        return STATUS_STOPPED if flow.status_gap_s(now_s) else ""

    def _go_away(self, why: str) -> None:
        if self._call.away or not self._call.opened:
            return
        LOG.warning("the sound is lost: %s", why)
        self._call.freeze(time.monotonic(), self._delays(), self._link.flow.broke_off_s)
        self._call.flow_detail = ""
        self._queue.use(None)
        self._flows_s = None
        self._host.say(why)

    def _look_if_back(self, now_s: float) -> None:
        """Go on once the sound is there again, and it is known where the server is."""
        call, flow = self._call, self._link.flow
        if not self._link.up or not self._link.all_tracks_here():
            self._flows_s = None
            return
        since_s = call.lost_at_s or 0.0
        flows = all(flow.flows_since(track_id, since_s) for track_id in self._channels.track_ids)
        # A server that is paused may send nothing at all.
        if not flows and not call.is_idle():
            return
        if self._flows_s is None:
            self._flows_s = now_s
        # What was lost is asked for again; what only came late may be where the call is.
        may_stay = flow.was_late or not flows
        waited_s = now_s - self._flows_s
        if may_stay and not call.has_status_since(self._flows_s) and waited_s < NEWS_WAIT_S:
            return
        stays = may_stay and call.has_stayed(self._flows_s)
        LOG.info("the sound is back; %s", "nothing was missed" if stays else "going back")
        self._cancel_give_up_timer()
        self._queue.use(self._link.room)
        self._host.restore(call.resume_from(now_s, self._delays(), stays=stays))
        if not stays:
            call.listen_at_once()

    # --- patience ---------------------------------------------------------------------------------

    def _start_give_up_timer(self) -> None:
        """Give the room up after a while."""
        if self.give_up_timer is None:
            loop = asyncio.get_running_loop()
            self.give_up_timer = loop.call_later(
                self._link.limits.give_up_s, self.closed, "it is not back in time"
            )

    def _cancel_give_up_timer(self) -> None:
        if self.give_up_timer is not None:
            self.give_up_timer.cancel()
            self.give_up_timer = None
