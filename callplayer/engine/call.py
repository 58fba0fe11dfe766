"""The state of one call as the user steers it: requests in, commands out, events to tell.

No room, no device, no clock of its own: every method is told what time it is, so each rule can be
tried without any of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from callplayer.engine import gate as gates
from callplayer.engine import messages as m
from callplayer.engine import playhead as heads
from callplayer.engine.party_mix import PartyMix
from callplayer.vendor.parties import PARTIES, Party
from callplayer.wire import (
    Command,
    Pause,
    Resume,
    Scrub,
    ScrubToEnd,
    Status,
)

PAUSE_BACK_MS = 50
"""How far before the place where a pause broke off playing goes on: more than the place is unsure
by, and a sliver of the word that was cut."""

BREAK_BACK_MS = 130
"""The same where sound broke off by itself: the device may have been silent for a while before that
was noticed. A word heard twice is better than a word lost."""


@dataclass(frozen=True)
class Delays:
    """How long sound takes, in ms: from the server's cursor to the ear, in the device alone, and
    until nothing that was sent before can come out of the receive path any more."""

    path_ms: float = 0.0
    device_ms: float = 0.0
    turnover_ms: float = 0.0


MISSED_MS = 700
"""A server that has gone on by more than this while nothing came is to go back."""


@dataclass(frozen=True)
class Return:
    """Where to come back to (None: the live end) after a link was lost, and whether to wait.

    With `stays` the server's cursor is where it should be, and is left alone.
    """

    position_ms: int | None
    paused: bool
    stays: bool = False


class Call:
    """Cursor and wishes; volumes and mutes stand in `mix`.

    `opened` is set once everything was ready for sound. While `away` the server's sound is out of
    reach: the call stands still at what was heard last, and what is asked is kept as a wish;
    `rejoining` says that it is in a new room already, or tries to be. While `held` the call is
    paused only for want of a sound device, and is to go on by itself; `sound_detail` says what the
    sound lacks, `flow_detail` what does not come from the server while the rest of it does.
    """

    def __init__(self) -> None:
        self.head = heads.Playhead()
        self.mix = PartyMix()
        self.opened = False
        self.away = False
        self.rejoining = False
        self.failed = False
        self._was_live = False
        self._news: Status | None = None
        self._news_s = 0.0
        self._moved_s = 0.0
        self.held = False
        self.lost_at_s: float | None = None
        self.retry_at_s: float | None = None
        self.detail = ""
        self.flow_detail = ""
        self.sound_detail = ""
        self._gate = gates.Gate()

    # --- requests ---------------------------------------------------------------------------------

    def obey(self, request: m.Request, now_s: float, delays: Delays) -> list[Command]:  # noqa: PLR0911
        """Take one request; return the commands that the server must get for it."""
        match request:
            case m.TogglePause():
                if self.phase() == "at-end":
                    return self._play_again(now_s)
                wants = Resume() if self.head.wants_paused() else Pause()
                return self.obey(wants, now_s, delays)
            case Pause():
                return self._pause(now_s, delays)
            case Resume():
                self.head = heads.ask_paused(self.head, False, now_s)
                self._moved_s = now_s
                return [Resume()]
            case Scrub(position=position_ms):
                return [self.seek(position_ms, now_s)]
            case m.SeekBy(offset_ms=offset_ms):
                wish_ms = self.head.requested_ms(now_s)
                from_ms = self.shown_ms(now_s, delays) if wish_ms is None else wish_ms
                return [self.seek(from_ms + offset_ms, now_s)]
            case ScrubToEnd():
                self.head = heads.ask_end(self.head, now_s)
                self._moved_s = now_s
                self._gate = gates.ask_move(self._gate, now_s)
                return [ScrubToEnd()]
            case m.SetGain() | m.AdjustGain() | m.Mute() | m.Unmute() | m.Solo() | m.Unsolo():
                return [*self.mix.apply(request)]
        return []

    def seek(self, position_ms: int, now_s: float) -> Scrub:
        """Wish for a position, held inside the call as far as its length is known."""
        if self.head.status is not None:
            position_ms = min(position_ms, self.head.duration_ms(now_s))
        position_ms = max(position_ms, 0)
        self.head = heads.ask_position(self.head, position_ms, now_s)
        self._moved_s = now_s
        self._gate = gates.ask_move(self._gate, now_s)
        return Scrub(position_ms)

    def _play_again(self, now_s: float) -> list[Command]:
        """At the end there is nothing to pause or to go on with: play from the start."""
        commands: list[Command] = [self.seek(0, now_s)]
        if self.head.wants_paused():
            self.head = heads.ask_paused(self.head, False, now_s)
            commands.append(Resume())
        return commands

    def _pause(self, now_s: float, delays: Delays) -> list[Command]:
        was_playing = self.head.advancing() and not self.head.wants_paused()
        heard_ms = self.shown_ms(now_s, delays) + round(delays.device_ms)
        self.head = heads.ask_paused(self.head, True, now_s)
        self._gate = gates.ask_move(self._gate, now_s)
        if was_playing and self.head.seek is None:
            # The server is ahead of the ear. What it sent and nobody heard must not be lost: the
            # cursor goes back to where the sound broke off, or a touch before.
            back_to_ms = min(heard_ms, self.head.confirmed_ms(now_s)) - PAUSE_BACK_MS
            return [Pause(), self.seek(back_to_ms, now_s)]
        return [Pause()]

    def pause_at(self, heard_ms: int | None, now_s: float) -> list[Command]:
        """Pause at a place that was heard earlier, or (None) where the cursor was last asked to be.

        For sound that broke off by itself: the server has gone on unheard since.
        """
        self.head = heads.ask_paused(self.head, True, now_s)
        self._gate = gates.ask_move(self._gate, now_s)
        if heard_ms is None or self.head.seek is not None:
            return [Pause()]
        return [Pause(), self.seek(heard_ms - BREAK_BACK_MS, now_s)]

    # --- the server's word ------------------------------------------------------------------------

    def take_status(self, status: Status, now_s: float, delays: Delays) -> bool:
        """Take a status; return whether it confirmed a move, so that the gate turns over.

        While away it is only kept: it may be old, or of a server that knows nothing of us yet.
        Before the call is open nothing has been sent that it could confirm.
        """
        if self.away:
            self._news, self._news_s = status, now_s
            return False
        wishes = self.head
        self.head = heads.take_status(self.head, status, now_s)
        if not self.opened:
            self.head = heads.keep_wishes(self.head, wishes)
            return False
        if self._gate.asked_s is None or self.head.seek or self.head.pause:
            return False
        self._gate = gates.confirm_move(self._gate, now_s, delays.turnover_ms / 1000)
        return True

    def turn_over(self, confirmed_s: float, turnover_ms: float) -> None:
        """The path was measured anew since the move was confirmed: the gate goes by that."""
        self._gate = gates.turn_over(self._gate, confirmed_s, turnover_ms / 1000)

    def go_away(self, now_s: float, delays: Delays, broke_off_s: float | None) -> None:
        """The server's sound is out of reach: stand still at what was heard last.

        `broke_off_s` is when the last of its sound came, None if that is just now.
        """
        if self.away or not self.opened:
            return
        self._was_live = self.phase() == "live"
        self.away, self._news = True, None
        self.lost_at_s = now_s
        heard_ms = self.shown_ms(now_s, delays)
        if broke_off_s is not None:
            heard_ms = min(heard_ms, self.head.place_ms(broke_off_s))
        self.head = heads.hold(self.head, heard_ms, now_s)

    def join_anew(self) -> None:
        """A new room is being joined: what the last one told is void."""
        self.rejoining, self._news = True, None

    def has_news_since(self, since_s: float) -> bool:
        """Tell whether a status has come since then, while away."""
        return self._news is not None and self._news_s > since_s

    def has_stayed(self, flows_s: float) -> bool:
        """Tell whether the server, whose sound is back since `flows_s`, goes on where we are."""
        if self._news is None or self.head.status is None:
            return False
        ahead_ms = self._news.position - self.head.status.position
        played_ms = max(self._news_s - flows_s, 0.0) * 1000
        same_pause = self._news.paused == self.head.status.paused
        return same_pause and -MISSED_MS <= ahead_ms <= played_ms + MISSED_MS

    def come_back(self, now_s: float, delays: Delays, *, stays: bool) -> Return:
        """The server's sound is there again; return what to ask of it.

        `stays`: it goes on where we are. A new room knows nothing, so that what it told is all.
        """
        back = self._to_restore(now_s)
        stays = stays and self.head.seek is None
        fresh = heads.Playhead() if self.rejoining else heads.let_go(self.head, now_s)
        self.away, self.rejoining, self.lost_at_s = False, False, None
        self._gate = self._gate if stays else gates.Gate()
        self.head, news = fresh, self._news
        if news is not None:
            self.take_status(news, self._news_s, delays)
        return Return(back.position_ms, back.paused, stays)

    def listen_at_once(self) -> None:
        """Let through what comes, though a move may not be confirmed.

        After a gap the statuses may be held up for longer than the sound: what is let through then
        may be a blip of another place, what is not would be lost.
        """
        self._gate = gates.Gate()

    def _to_restore(self, now_s: float) -> Return:
        """Return the last wishes, or what was so when the server was lost."""
        seek = self.head.seek
        to_end = seek.to_end if seek is not None else self._was_live
        wish_ms = self.head.requested_ms(now_s)
        position_ms = self.head.confirmed_ms(now_s) if wish_ms is None else wish_ms
        return Return(None if to_end else position_ms, self.head.wants_paused())

    def to_begin(self, start: m.Start) -> Return:
        """Return what to ask at the start: what was typed meanwhile goes before `start`."""
        seek, pause = self.head.seek, self.head.pause
        default_ms = None if start == "live" else 0
        position_ms = default_ms if seek is None else seek.position_ms
        return Return(position_ms, start == "paused" if pause is None else bool(pause.paused))

    def open_wishes(self) -> Return:
        """Return what was asked and may not have reached the server; the rest stays."""
        seek = self.head.seek
        position_ms = None if seek is None else seek.position_ms
        return Return(position_ms, self.head.wants_paused(), stays=seek is None)

    # --- readings ---------------------------------------------------------------------------------

    def sounding_stretch(self) -> Hashable:
        """Return what is another with each jump and resume, while the server must be sending sound.

        None if it need not, as far as is known.
        """
        if not self.head.advancing() or self.head.wants_paused():
            return None
        return self.head.segment_ms, self._moved_s

    def rests(self) -> bool:
        """Tell whether the server need not send anything: paused, or at the end of the call."""
        status = self.head.status
        return status is None or status.paused or (status.at_end and status.call_over)

    def may_be_heard(self, now_s: float) -> bool:
        """Tell whether what comes in now is to be let out."""
        may = not (self.rejoining or self.head.wants_paused())
        return may and gates.may_open(self._gate, now_s)

    def shown_ms(self, now_s: float, delays: Delays) -> int:
        """Return the position that is heard, or that playing will go on from."""
        return self.head.audible_ms(now_s, delays.path_ms)

    def phase(self) -> m.Phase:
        """Return the one word for what goes on."""
        head, status = self.head, self.head.status
        if self.failed:
            return "failed"
        if self.away:
            return "reconnecting"
        if not self.opened or status is None:
            return "connecting"
        at_end = status.at_end and head.seek is None
        if at_end and status.call_over:
            return "at-end"
        if head.wants_paused():
            return "paused"
        return "live" if at_end else "playing"

    def state(
        self,
        now_s: float,
        delays: Delays,
        lanes: Sequence[m.LaneState],
        levels_db: Mapping[str, float],
        device: str | None,
    ) -> m.StateEvent:
        """Return the whole state; `levels_db` has the RMS level of each lane that sounds."""
        head, status = self.head, self.head.status
        return m.StateEvent(
            phase=self.phase(),
            position_ms=head.confirmed_ms(now_s),
            audible_ms=self.shown_ms(now_s, delays),
            audible_in_ms=head.audible_in_ms(now_s, delays.path_ms),
            duration_ms=head.duration_ms(now_s),
            paused=head.wants_paused(),
            at_end=bool(status and status.at_end),
            call_over=bool(status and status.call_over),
            requested_ms=head.requested_ms(now_s),
            unconfirmed_s=round(head.unconfirmed_s(now_s), 3),
            advancing=not self.away and head.advancing() and not head.wants_paused(),
            as_of_s=now_s,
            parties=tuple(
                self.mix.state(party, _loudest_db(party, lanes, levels_db)) for party in PARTIES
            ),
            lanes=tuple(lanes),
            device=device,
            held=self.held,
            lost_at_s=self.lost_at_s if self.away else None,
            retry_at_s=self.retry_at_s,
            detail=self.detail or self.flow_detail or self.sound_detail,
        )


def _loudest_db(
    party: Party, lanes: Iterable[m.LaneState], levels_db: Mapping[str, float]
) -> float:
    levels = (levels_db.get(each.lane) for each in lanes if party in each.carries)
    return max((db for db in levels if db is not None), default=m.LEVEL_FLOOR_DB)
