"""The state of one call as the user steers it: requests in, commands out, events to tell.

No room, no device, no clock of its own: every method is told what time it is, so each rule can be
tried without any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from callplayer.engine import gate as gates
from callplayer.engine import messages as m
from callplayer.engine import playhead as heads
from callplayer.wire import (
    GAIN_MAX_DB,
    GAIN_MIN_DB,
    Command,
    Party,
    Pause,
    Resume,
    Scrub,
    ScrubToEnd,
    SetGain,
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


@dataclass(frozen=True)
class Return:
    """Where to come back to (None: the live end) after a link was lost, and whether to wait."""

    position_ms: int | None
    paused: bool


class Call:
    """Cursor, wishes, mutes, and the gains that were asked for.

    `opened` is set once everything was ready for sound. While `held` the call is paused only for
    want of a sound device, and is to go on by itself; `sound_detail` says what the sound lacks.
    """

    def __init__(self) -> None:
        self.head = heads.Playhead()
        self.gains_db: dict[Party, float] = {}
        self.opened = False
        self.link_up = False
        self.rejoining = False
        self.failed = False
        self._was_live = False
        self.held = False
        self.lost_at_s: float | None = None
        self.retry_at_s: float | None = None
        self.detail = ""
        self.sound_detail = ""
        self._gate = gates.Gate()
        self._muted: set[Party] = set()
        self._soloed: set[Party] = set()

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
                return [Resume()]
            case Scrub(position=position_ms):
                return [self.seek(position_ms, now_s)]
            case m.SeekBy(offset_ms=offset_ms):
                wish_ms = self.head.requested_ms(now_s)
                from_ms = self.shown_ms(now_s, delays) if wish_ms is None else wish_ms
                return [self.seek(from_ms + offset_ms, now_s)]
            case ScrubToEnd():
                self.head = heads.ask_end(self.head, now_s)
                self._gate = gates.ask_move(self._gate, now_s)
                return [ScrubToEnd()]
            case m.SetGain(gain=gain_db, callerType=party):
                return self._set_gain(party, gain_db)
            case m.AdjustGain(delta_db=delta_db, callerType=party):
                return self._set_gain(party, self.gains_db.get(party, 0.0) + delta_db)
        self._mix(request)
        return []

    def seek(self, position_ms: int, now_s: float) -> Scrub:
        """Wish for a position, held inside the call as far as its length is known."""
        if self.head.status is not None:
            position_ms = min(position_ms, self.head.duration_ms(now_s))
        position_ms = max(position_ms, 0)
        self.head = heads.ask_position(self.head, position_ms, now_s)
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

    def _set_gain(self, party: Party, gain_db: float) -> list[Command]:
        self.gains_db[party] = round(min(max(gain_db, GAIN_MIN_DB), GAIN_MAX_DB), 2)
        return self.gain_commands(party)

    def gain_commands(self, party: Party) -> list[Command]:
        """Return what tells the server a party's gain; a mixed track holds both parties."""
        gain_db = self.gains_db[party]
        if party == "call":
            return [SetGain(gain_db, "caller"), SetGain(gain_db, "callTaker")]
        return [SetGain(gain_db, party)]

    def _mix(self, request: m.Request) -> None:
        match request:
            case m.Mute(callerType=party):
                self._muted.add(party)
            case m.Unmute(callerType=party):
                self._muted.discard(party)
            case m.Solo(callerType=party):
                self._soloed.add(party)
            case m.Unsolo(callerType=party):
                self._soloed.discard(party)

    # --- the server's word ------------------------------------------------------------------------

    def take_status(self, status: Status, now_s: float, delays: Delays) -> bool:
        """Take a status; return whether it confirmed a move, so that the gate turns over."""
        self.head = heads.take_status(self.head, status, now_s)
        if self._gate.asked_s is None or self.head.seek or self.head.pause:
            return False
        self._gate = gates.confirm_move(self._gate, now_s, delays.turnover_ms / 1000)
        return True

    def turn_over(self, confirmed_s: float, turnover_ms: float) -> None:
        """The path was measured anew since the move was confirmed: the gate goes by that."""
        self._gate = gates.turn_over(self._gate, confirmed_s, turnover_ms / 1000)

    def lose_link(self, now_s: float, delays: Delays) -> None:
        """The room is gone or out of reach: stand still at what was heard last."""
        if not self.link_up:
            return
        self._was_live = self.phase() == "live"
        self.link_up = False
        self.lost_at_s = now_s if self.lost_at_s is None else self.lost_at_s
        self.head = heads.hold(self.head, self.shown_ms(now_s, delays), now_s)

    def to_restore(self, now_s: float) -> Return:
        """Return what to ask of the server once it is back: the last wishes, or what was so."""
        seek = self.head.seek
        to_end = seek.to_end if seek is not None else self._was_live
        wish_ms = self.head.requested_ms(now_s)
        position_ms = self.head.confirmed_ms(now_s) if wish_ms is None else wish_ms
        return Return(None if to_end else position_ms, self.head.wants_paused())

    def start_over(self) -> None:
        """A new room will be joined, and what the last one said is void."""
        self.head = heads.Playhead()
        self._gate = gates.Gate()
        self.opened = False

    # --- readings ---------------------------------------------------------------------------------

    def may_be_heard(self, now_s: float) -> bool:
        """Tell whether what comes in now is to be let out."""
        return not self.head.wants_paused() and gates.may_open(self._gate, now_s)

    def shown_ms(self, now_s: float, delays: Delays) -> int:
        """Return the position that is heard, or that playing will go on from."""
        return self.head.audible_ms(now_s, delays.path_ms)

    def is_silenced(self, party: Party) -> bool:
        """Tell whether mute, or another party's solo, keeps a party out of the mix."""
        return party in self._muted or bool(self._soloed and party not in self._soloed)

    def phase(self) -> m.Phase:
        """Return the one word for what goes on."""
        head, status = self.head, self.head.status
        if self.failed:
            return "failed"
        if self.rejoining or (self.opened and not self.link_up):
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
        levels_db: Mapping[Party, float],
        device: str | None,
    ) -> m.StateEvent:
        """Return the whole state; `levels_db` has one RMS level for each party there is."""
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
            advancing=self.link_up and head.advancing() and not head.wants_paused(),
            as_of_s=now_s,
            parties=tuple(
                m.PartyState(
                    party=party,
                    gain_db=self.gains_db.get(party, 0.0),
                    muted=party in self._muted,
                    soloed=party in self._soloed,
                    silenced=self.is_silenced(party),
                    level_db=level_db,
                )
                for party, level_db in levels_db.items()
            ),
            device=device,
            held=self.held,
            lost_at_s=self.lost_at_s if self.phase() == "reconnecting" else None,
            retry_at_s=self.retry_at_s,
            detail=self.detail or self.sound_detail,
        )
