"""Volumes, mutes and solos: what the server is asked for, and what the player does itself. Pure.

A volume is a command to the server. Mute and solo act in the player's own mix where every track
that may hold the party holds nothing else; where a party shares its track with what is to be heard,
they are a command too: a volume of MUTE_DB.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from callplayer.ipc import messages as m
from callplayer.vendor.commands import GAIN_MAX_DB, GAIN_MIN_DB, SetGain
from callplayer.vendor.parties import PARTIES, Carries, Party, parties_of

MUTE_DB = GAIN_MIN_DB

HANDOVER_S = 0.6
"""How long a part that was silenced here stays so when its mute goes over to the server."""

MixRequest = m.SetPartyGain | m.AdjustGain | m.Mute | m.Unmute | m.Solo | m.Unsolo


class PartyMix:
    """What was asked for each party. `gains_db` are the wanted volumes."""

    def __init__(self) -> None:
        self.gains_db: dict[Party, float] = dict.fromkeys(PARTIES, 0.0)
        self._asked: set[Party] = set()
        self._muted: set[Party] = set()
        self._soloed: set[Party] = set()
        self.carries: Mapping[str, Carries] = {}
        self._local: frozenset[Party] = frozenset()
        self._handed_over: frozenset[str] = frozenset()
        self._handover_until_s = 0.0

    # --- changes ----------------------------------------------------------------------------------

    def apply(self, request: MixRequest) -> list[SetGain]:
        """Take a request; return the commands that the server must get for it."""
        parties = parties_of(request.callerType)
        match request:
            case m.SetPartyGain(gain=gain_db):
                return self._set_gains({party: gain_db for party in parties})
            case m.AdjustGain(delta_db=delta_db):
                return self._set_gains({each: self.gains_db[each] + delta_db for each in parties})
        before = self._muted_at_server()
        match request:
            case m.Mute():
                self._muted.update(parties)
            case m.Unmute():
                self._muted.difference_update(parties)
            case m.Solo():
                self._soloed.update(parties)
            case m.Unsolo():
                self._soloed.difference_update(parties)
        return self._after(before)

    def take_tracks(self, carries: Mapping[str, Carries], now_s: float) -> list[SetGain]:
        """Take what the tracks carry, by part, after some have come, gone, or been named anew.

        After a change of tracks mutes at the server are asked for again, after one has come volumes
        as well: it may be of a sender that is new, too, and has been asked for none.
        While there is no track at all, what is known of the last ones stands.
        """
        before, silenced = self._muted_at_server(), self.silenced_parts(now_s)
        changed, come = carries.keys() ^ self.carries.keys(), carries.keys() - self.carries.keys()
        self.carries = dict(carries)
        if carries:
            self._local = frozenset(party for party in PARTIES if self._stands_alone(party))
            self._hand_over(silenced, now_s)
        again = self._asked if come else self._muted_at_server() if changed else set()
        return self._after(before, again)

    def to_restore(self) -> list[SetGain]:
        """Return the volumes to ask of a server that may know none of them: those ever asked."""
        self._asked |= self._muted_at_server()
        return [self._command(party) for party in PARTIES if party in self._asked]

    # --- readings ---------------------------------------------------------------------------------

    def is_silenced(self, party: Party) -> bool:
        """Return whether mute, or another party's solo, keeps a party from being heard."""
        return party in self._muted or bool(self._soloed and party not in self._soloed)

    def is_muted_at_server(self, party: Party) -> bool:
        """Return whether that is done by a volume at the server."""
        return self.is_silenced(party) and party not in self._local

    def silenced_parts(self, now_s: float) -> frozenset[str]:
        """Return the parts to keep out of the player's own mix: those that hold nothing else.

        What was kept out of it stays so until the server has had the time to mute it instead.
        """
        handed_over = self._handed_over if now_s < self._handover_until_s else frozenset[str]()
        return frozenset(
            part
            for part, carries in self.carries.items()
            if (carries and all(map(self.is_silenced, carries)))
            or (part in handed_over and any(map(self.is_silenced, carries)))
        )

    def state(self, party: Party, level_db: float) -> m.PartyState:
        """Return a party as it sounds; `level_db` is an RMS level."""
        return m.PartyState(
            party=party,
            gain_db=self.gains_db[party],
            muted=party in self._muted,
            soloed=party in self._soloed,
            silenced=self.is_silenced(party),
            muted_at_server=self.is_muted_at_server(party),
            level_db=level_db,
        )

    # --- within -----------------------------------------------------------------------------------

    def _set_gains(self, gains_db: Mapping[Party, float]) -> list[SetGain]:
        for party, gain_db in gains_db.items():
            self.gains_db[party] = round(min(max(gain_db, GAIN_MIN_DB), GAIN_MAX_DB), 2)
            self._asked.add(party)
        return [self._command(party) for party in gains_db if not self.is_muted_at_server(party)]

    def _command(self, party: Party) -> SetGain:
        muted = self.is_muted_at_server(party)
        return SetGain(MUTE_DB if muted else self.gains_db[party], party)

    def _after(self, before: set[Party], again: Collection[Party] = ()) -> list[SetGain]:
        now = self._muted_at_server()
        self._asked |= now
        changed = before ^ now
        return [self._command(party) for party in PARTIES if party in changed or party in again]

    def _hand_over(self, silenced: frozenset[str], now_s: float) -> None:
        """Keep parts silenced that the server is asked to mute from this moment on."""
        parts = (silenced - self.silenced_parts(float("inf"))) & self.carries.keys()
        waiting = self._handed_over if now_s < self._handover_until_s else frozenset[str]()
        if parts - waiting:
            self._handed_over, self._handover_until_s = parts, now_s + HANDOVER_S

    def _muted_at_server(self) -> set[Party]:
        return {party for party in PARTIES if self.is_muted_at_server(party)}

    def _stands_alone(self, party: Party) -> bool:
        holding = [carries for carries in self.carries.values() if party in carries]
        if not holding:  # its tracks are gone for a moment
            return party in self._local
        return all(carries == {party} for carries in holding)
