"""One call as the user steers it: requests in, commands out, the server's word taken.

Every method is given the time, so each rule can be tried without a room, a device or a clock.
"""

from __future__ import annotations

from dataclasses import replace

from callplayer.engine.cursor import estimate as heads
from callplayer.engine.cursor import gate as gates
from callplayer.engine.cursor import inference, reconcile
from callplayer.engine.cursor.call_state import CallState, Delays, ResumePoint
from callplayer.engine.cursor.learning import learn_scrub
from callplayer.ipc import messages as m
from callplayer.vendor.commands import Command, Pause, Resume, Scrub, ScrubToEnd
from callplayer.vendor.status import Status

PAUSE_BACK_MS = 50
"""How far before the place where a pause broke off playing goes on: more than the place is unsure
by, and a sliver of the word that was cut."""

RESUME_HELD_S = 4.5
"""A resume waits no longer than this for the end of what was sent before the pause."""

UNSURE_MS = 600
"""How much further a pause goes back, at the most, where the server's positions are rounded."""

BREAK_BACK_MS = 130
"""The same where sound broke off by itself: the device may have been silent for a while before that
was noticed. A word heard twice is better than a word lost."""


MISSED_MS = 700
"""A server that has gone on by more than this while nothing came is to go back."""


class PlaybackState(CallState):
    """The call's state, and all that changes it."""

    # --- requests ---------------------------------------------------------------------------------

    def apply(self, request: m.Request, now_s: float, delays: Delays) -> list[Command]:  # noqa: PLR0911
        """Take one request; return the commands that the server must get for it."""
        match request:
            case m.TogglePause():
                if self.phase(now_s) == "at-end":
                    return self._play_again(now_s)
                wants = Resume() if self.head.wants_paused() else Pause()
                return self.apply(wants, now_s, delays)
            case Pause():
                return self._pause(now_s, delays)
            case Resume():
                return self._resume(now_s)
            case Scrub(position=position_ms) | m.SeekTo(position_ms=position_ms):
                return self._scrub(position_ms, now_s)
            case m.SeekBy(offset_ms=offset_ms):
                wish_ms = self.head.requested_ms(now_s)
                from_ms = self.shown_ms(now_s, delays) if wish_ms is None else wish_ms
                return self._scrub(from_ms + offset_ms, now_s)
            case ScrubToEnd():
                return self._scrub(None, now_s)
            case m.SetPartyGain() | m.AdjustGain() | m.Mute() | m.Unmute() | m.Solo() | m.Unsolo():
                return [*self.mix.apply(request)]
        return []

    def seek(self, position_ms: int | None, now_s: float) -> Scrub | ScrubToEnd:
        """Wish for a position inside the call, as far as its length is known; None: for the end."""
        if position_ms is not None:
            longest_ms = self.head.duration_ms(now_s) if self.head.knows_duration else position_ms
            position_ms = max(min(position_ms, longest_ms), 0)
        self._shut_for_a_scrub(now_s)
        self.head = heads.ask_position(self.head, position_ms, now_s)
        self._moved_s = self._sought_s = now_s
        if self.return_ms is not None:
            self.return_ms = position_ms
        return ScrubToEnd() if position_ms is None else Scrub(position_ms)

    def _scrub(self, position_ms: int | None, now_s: float) -> list[Command]:
        ended = self.head.ended
        commands: list[Command] = [self.seek(position_ms, now_s)]
        if ended:  # it has paused there unasked, and the call is to play
            self.head = heads.ask_paused(self.head, False, now_s)
            return [*commands, Resume()]
        return [*commands, *self._after_scrub(now_s)]

    def _after_scrub(self, now_s: float) -> list[Command]:
        """Return what keeps the pause state of a server that changes it at each scrub."""
        wants_paused, habits = self.head.wants_paused(), self.head.habits
        if habits.resumes_on_scrub if wants_paused else habits.pauses_on_scrub:
            self.head = heads.ask_paused(self.head, wants_paused, now_s)
            return [Pause() if wants_paused else Resume()]
        return []

    def _shut_for_a_scrub(self, now_s: float) -> None:
        """Keep what is on its way from being heard; of a call that rests nothing is."""
        head = self.head
        rests = head.status is not None and head.status.paused and head.wants_paused()
        if not (rests and gates.may_open(self._gate, now_s)):
            self._gate = gates.ask_move(self._gate, now_s)

    def _resume(self, now_s: float) -> list[Command]:
        """Go on; while sound of before the pause may still come, that waits for its end."""
        self._moved_s = now_s
        if self.opened and self.head.wants_paused() and not gates.may_open(self._gate, now_s):
            self.head = replace(self.head, resume_held=True)
            self._held_since_s = now_s
            return []
        return self._go_on(now_s)

    def _go_on(self, now_s: float) -> list[Command]:
        self.head = replace(self.head, resume_held=False)
        if self.opened and self.trackless and self.head.wants_paused():
            wish_ms = self.head.requested_ms(now_s)
            # What is played before the server counts as having gone back is not heard.
            unheard_ms = self.head.habits.unheard_ms
            rest_ms = max(self.head.confirmed_ms(now_s) - unheard_ms, 0)
            self.return_ms = rest_ms if wish_ms is None else wish_ms
        self.head = heads.ask_paused(self.head, False, now_s)
        return [Resume()]

    def stay_paused(self, now_s: float) -> None:
        """The call is to stay paused, as it is: nothing goes out for it."""
        self.head = heads.keep_paused(self.head, True, now_s)

    def _play_again(self, now_s: float) -> list[Command]:
        """At the end there is nothing to pause or to go on with: play from the start."""
        commands = self._scrub(0, now_s)
        if self.head.wants_paused():
            self.head = heads.ask_paused(self.head, False, now_s)
            commands.append(Resume())
        return commands

    def _pause(self, now_s: float, delays: Delays) -> list[Command]:
        was_playing = self.head.advancing() and not self.head.wants_paused()
        heard_ms = self.shown_ms(now_s, delays) + round(delays.device_ms)
        heard_ms = heard_ms if self.return_ms is None else self.return_ms
        self.return_ms = None
        self.head = heads.ask_paused(self.head, True, now_s)
        self._gate = gates.ask_move(self._gate, now_s)
        if was_playing and self.head.open_seek is None:
            # The server is ahead of the ear. What was sent and not heard must not be lost: the
            # cursor goes back to where the sound broke off, or a touch before.
            # A server may resume by itself on a scrub: the pause goes last.
            back_to_ms = min(heard_ms, self.head.confirmed_ms(now_s)) - PAUSE_BACK_MS
            habits = self.head.habits
            back_to_ms -= max(min(habits.rounding_ms // 2, UNSURE_MS), habits.suspected_ms)
            return [self.seek(back_to_ms, now_s), Pause()]
        return [Pause()]

    def pause_at(self, heard_ms: int | None, now_s: float) -> list[Command]:
        """Pause at a place that was heard earlier, or (None) where the cursor was last asked to be.

        For sound that broke off by itself: the server has gone on unheard since.
        """
        self.head = heads.ask_paused(self.head, True, now_s)
        self._gate = gates.ask_move(self._gate, now_s)
        if heard_ms is None or self.head.open_seek is not None:
            return [Pause()]
        return [self.seek(heard_ms - BREAK_BACK_MS, now_s), Pause()]

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
        self.head = reconcile.take_status(self.head, status, now_s)
        if not self.opened:
            self.head = replace(
                self.head, seek=wishes.seek, pause=wishes.pause, agreed=wishes.agreed
            )  # they have not been sent yet
            return False
        self.head = learn_scrub(wishes, self.head)
        pause = self.head.pause
        if self._gate.asked_s is None or self.head.open_seek or (pause and pause.paused):
            return self._turn_sooner(delays)
        turnover_s, least_s = self._turnover_s(delays), self.head.habits.least_s
        self._gate = gates.confirm_move(self._gate, now_s, turnover_s, least_s)
        return True

    def _turnover_s(self, delays: Delays) -> float:
        """Return how long after the server has obeyed old sound may still come."""
        return (delays.turnover_ms + self.head.habits.drain_ms) / 1000

    def _turn_sooner(self, delays: Delays) -> bool:
        """The server turned out to have dropped what it had queued: nothing more of it comes."""
        gate = self._gate
        if self.head.habits.flushes and gate.confirmed_s is not None:
            known_s = gate.turned_s - gate.confirmed_s - gate.early_s
            path_s = min(known_s, self._turnover_s(delays))
            self._gate = gates.turn_over(gate, gate.confirmed_s, path_s)
        return False

    def take_sound(self, now_s: float, delays: Delays) -> None:
        """Sound has begun to come in after silence: a resume has been carried out."""
        if self.opened and not self.away:
            sent_s = now_s - delays.turnover_ms / 1000
            self.head = inference.take_onset(self.head, now_s, sent_s)

    def due(self, now_s: float, delays: Delays) -> list[Command]:
        """Return what has to be sent now, though nothing was asked for just now.

        What is asked while the link is down has reached no server: it stays a wish.
        """
        if not self.opened or self.away or self.rejoining or self.unreachable:
            return []
        done_s = gates.obeyed_s(self._gate, now_s, self.head.habits.wait_s)
        if done_s is not None:
            self._gate = gates.confirm_move(self._gate, done_s, self._turnover_s(delays))
            self.head = inference.assume_carried_out(self.head, done_s)
        waited_s = now_s - self._held_since_s
        if self.head.resume_held and (
            gates.may_open(self._gate, now_s) or waited_s > RESUME_HELD_S
        ):
            return self._go_on(now_s)
        self.head, commands = heads.due_commands(self.head, now_s)
        return commands

    def turn_over(self, confirmed_s: float, turnover_ms: float) -> None:
        """The path was measured anew since the move was confirmed: the gate goes by that."""
        path_s = (turnover_ms + self.head.habits.drain_ms) / 1000
        self._gate = gates.turn_over(self._gate, confirmed_s, path_s)

    def opens_s(self, confirmed_s: float) -> float | None:
        """Return when the gate opens after that confirmation; None if it is not what counts.

        It is not where another move was asked for since, or the call has come to rest.
        """
        gate, head = self._gate, self.head
        counts = gate.confirmed_s == confirmed_s and head.advancing() and not head.wants_paused()
        return gate.turned_s if counts and not self.away else None

    def freeze(self, now_s: float, delays: Delays, broke_off_s: float | None) -> None:
        """The server's sound is out of reach: stand still at what was heard last.

        `broke_off_s` is when the last of its sound came, None if that is just now.
        """
        if self.away or not self.opened:
            return
        self._was_live = self.phase(now_s) == "live"
        self.away, self._news = True, None
        self.lost_at_s = now_s
        heard_ms = self.shown_ms(now_s, delays)
        if broke_off_s is not None:
            heard_ms = min(heard_ms, self.head.place_ms(broke_off_s))
        self.head = heads.freeze(self.head, heard_ms, now_s)

    def stand_at(self, place_ms: int, now_s: float) -> None:
        """While away: stand still at another place than that of `freeze`."""
        self.head = heads.freeze(self.head, max(place_ms, 0), now_s)

    def join_anew(self) -> None:
        """A new room is being joined: what the last one reported is void."""
        self.rejoining, self._news, self.primed = True, None, False

    def has_status_since(self, since_s: float) -> bool:
        """Return whether a status has come since then, while away."""
        return self._news is not None and self._news_s > since_s

    def has_stayed(self, flows_s: float) -> bool:
        """Return whether the server, whose sound is back since `flows_s`, goes on where we are."""
        if self._news is None or self.head.status is None:
            return False
        ahead_ms = self._news.position - self.head.status.position
        played_ms = max(self._news_s - flows_s, 0.0) * 1000
        same_pause = self._news.paused == self.head.status.paused
        return same_pause and -MISSED_MS <= ahead_ms <= played_ms + MISSED_MS

    def resume_from(self, now_s: float, delays: Delays, *, stays: bool) -> ResumePoint:
        """The server's sound is there again; return what to ask of it.

        `stays`: it goes on where we are. A new room knows nothing: what it has reported is all.
        """
        back = self._to_restore(now_s)
        stays = stays and self.head.open_seek is None
        fresh = (
            heads.CursorEstimate(habits=self.head.habits)
            if self.rejoining
            else heads.unfreeze(self.head, now_s)
        )
        self.away, self.rejoining, self.lost_at_s, self.return_ms = False, False, None, None
        self._gate = self._gate if stays else gates.Gate()
        self.head, news = fresh, self._news
        if news is not None:
            self.take_status(news, self._news_s, delays)
        return replace(back, stays=stays)

    def listen_at_once(self) -> None:
        """Let through what comes, though a move may not be confirmed.

        After a gap the statuses may be held up for longer than the sound: what is let through then
        may be a blip of another place, what is not would be lost.
        """
        self._gate = gates.Gate()

    def _to_restore(self, now_s: float) -> ResumePoint:
        """Return the last wishes, or what was so when the server was lost."""
        seek = self.head.open_seek
        to_end = seek.to_end if seek is not None else self._was_live
        wish_ms = self.head.requested_ms(now_s)
        position_ms = self.head.confirmed_ms(now_s) if wish_ms is None else wish_ms
        moved, self.primed = self.primed, False
        return ResumePoint(
            None if to_end else position_ms,
            self.head.wants_paused(),
            moved=moved,
            rests=moved and self._news is None,
        )

    def start_point(self, start: m.Start) -> ResumePoint:
        """Return what to ask at the start: what was typed meanwhile goes before `start`."""
        seek, pause = self.head.seek, self.head.pause
        default_ms = None if start == "live" else 0
        position_ms = default_ms if seek is None else seek.position_ms
        paused = start == "paused" if pause is None else bool(pause.paused)
        rests = self.primed and self.head.status is None
        return ResumePoint(position_ms, paused, moved=self.primed, rests=rests)

    def open_wishes(self) -> ResumePoint:
        """Return what was asked and may not have reached the server; the rest stays."""
        seek = self.head.open_seek
        position_ms = None if seek is None else seek.position_ms
        return ResumePoint(position_ms, self.head.wants_paused(), stays=seek is None)

    def take_return(self) -> ResumePoint | None:
        """Return where to go back to now that sound flows, once; None if nowhere."""
        place_ms, self.return_ms = self.return_ms, None
        return None if place_ms is None else ResumePoint(place_ms, paused=False, moved=True)
