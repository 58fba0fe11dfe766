"""The clock of all bots of a process: each 20 ms every one of them sends its next block."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import NoReturn, Protocol

from callplayer.playback.cursor import BLOCK_S
from callplayer.service.bots.lateness import Lateness
from callplayer.service.bots.track_output import FRAME_S, FRAMES_PER_BLOCK, Frame, Outlet

CATCH_UP_GAP_S = 0.008

STALLED_S = 0.25
"""A turn is later than this only after a stall: what is missed since then is sent as silence.

A gap in a track's RTP timestamps would make the listener's jitter buffer grow by it for 10 to 20 s.
Sound that comes late fills the buffer, too, and WebRTC drops little of it at a time: 0.5 s took
6 s. Silence that comes in one burst it drops at once; only in a stream's first half minute it takes
any late packet for the link's own jitter, and holds that much for 9 s whatever is sent."""

MOST_BEHIND_S = 2.0
"""The longest stall that is made up for."""


@dataclass(frozen=True)
class BlockTurn:
    """`due_s`: when a block is due; `not_before_s`: when to send it; `lost_s`: given up.

    `missed`: it was due in a stall, or while what was missed in one is being made up for. The two
    times differ only while catching up: late blocks go out 8 ms apart instead of in one burst, if
    they are not `missed`, until the schedule is met again.
    """

    due_s: float
    not_before_s: float
    lost_s: float = 0.0
    missed: bool = False


def next_turn(turn: BlockTurn, now_s: float) -> BlockTurn:
    """Return the turn after `turn`, whose block has just gone out at `now_s`.

    More than MOST_BEHIND_S behind, the schedule starts anew: what was missed is lost.
    """
    due_s = turn.due_s + BLOCK_S
    behind_s = now_s - due_s
    if behind_s > MOST_BEHIND_S:
        return BlockTurn(now_s, now_s, now_s - turn.due_s)
    missed = behind_s > (0.0 if turn.missed else STALLED_S)
    return BlockTurn(due_s, max(due_s, now_s + CATCH_UP_GAP_S * (not missed)), missed=missed)


log = logging.getLogger("callplayer.service")


Sending = tuple[Outlet, Frame]


class Player(Protocol):
    """What the pump drives."""

    def sound(self, due_s: float, *, missed: bool) -> list[Sending]:
        """Return what is to be sent, in this order, at `due_s`, or was `missed` then."""

    def lose(self, now_s: float) -> None:
        """Take note that nothing could be sent until `now_s`."""

    def fail(self, error: Exception) -> None:
        """Take note that there was an error: the player is driven no more."""


class Pump:
    """Drives the players that are added, until they are removed. Times by the monotonic clock.

    First the sound of all is made, then all of it is sent at once: the SDK's threads, each of which
    does a little for every frame, then need not be woken for each anew.
    """

    def __init__(self) -> None:
        self.lateness = Lateness()
        self._players: dict[Player, None] = {}
        self._wanted = asyncio.Event()

    def add(self, player: Player) -> None:
        """Drive `player` from the next turn on."""
        self._players[player] = None
        self._wanted.set()

    def remove(self, player: Player) -> None:
        """Drive `player` no more."""
        self._players.pop(player, None)

    async def run(self) -> NoReturn:
        """Drive until cancelled."""
        while True:
            await self._wanted.wait()
            turn = BlockTurn(time.monotonic(), time.monotonic())
            while self._players:
                await asyncio.sleep(max(turn.not_before_s - time.monotonic(), 0.0))
                if turn.lost_s:
                    self._lose(turn)
                self._send(turn)
                turn = next_turn(turn, time.monotonic())
            self._wanted.clear()

    def _lose(self, turn: BlockTurn) -> None:
        log.info("nothing was sent for %.0f ms", turn.lost_s * 1000)
        self.lateness.note_lost(round(turn.lost_s / FRAME_S) * len(self._players))
        for player in tuple(self._players):
            try:
                player.lose(turn.due_s)
            except Exception as error:
                self._fail(player, error)

    def _send(self, turn: BlockTurn) -> None:
        made = []
        for player in tuple(self._players):
            try:
                made.append((player, player.sound(turn.due_s, missed=turn.missed)))
            except Exception as error:
                self._fail(player, error)
        for player, sendings in made:
            self.lateness.note(time.monotonic() - turn.due_s, FRAMES_PER_BLOCK)
            try:
                for send, frame in sendings:
                    send(frame)
            except Exception as error:
                self._fail(player, error)

    def _fail(self, player: Player, error: Exception) -> None:
        self.remove(player)
        player.fail(error)
