"""The clock of all bots of a process: each 20 ms every bot sends its next 20 ms of sound."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import NoReturn, Protocol

from callplayer.service.pacing import TURN_BLOCKS, TURN_S, Turn, next_turn
from callplayer.service.playhead import BLOCK_S

PHASES = 4
"""Bots send at four moments within the 20 ms, so that not all encoders work at once."""

LATE_S = 0.02
STEP_S = 0.0005
STEPS = 256

log = logging.getLogger("callplayer.service")


class Player(Protocol):
    """What the pump drives."""

    def send(self, due_s: float) -> None:
        """Send the blocks of the turn that is due at `due_s`."""

    def lose(self, now_s: float) -> None:
        """Take note that nothing could be sent until `now_s`."""

    def fail(self, error: Exception) -> None:
        """Take note that `send` raised: it is not called again."""


class Lateness:
    """How late blocks went out: counts by 0.5 ms, the last one for all that is later."""

    def __init__(self) -> None:
        self.counts = [0] * STEPS
        self.blocks = 0
        self.late = 0
        """Later than 20 ms, or never sent."""

        self.lost = 0

    def note(self, late_s: float, blocks: int) -> None:
        """Count `blocks` that went out `late_s` after they were due."""
        self.blocks += blocks
        self.late += blocks if late_s > LATE_S else 0
        self.counts[min(max(int(late_s / STEP_S), 0), STEPS - 1)] += blocks

    def note_lost(self, lost_s: float) -> None:
        """Count the blocks of one bot that were never sent."""
        blocks = round(lost_s / BLOCK_S)
        self.lost += blocks
        self.late += blocks


class Pump:
    """Drives the players that are added, until they are removed. Times by the monotonic clock."""

    def __init__(self) -> None:
        self.lateness = Lateness()
        self._phases: list[dict[Player, None]] = [{} for _ in range(PHASES)]
        self._wanted = [asyncio.Event() for _ in range(PHASES)]

    def add(self, player: Player) -> None:
        """Drive `player` from its next turn on."""
        if any(player in phase for phase in self._phases):
            return
        number = min(range(PHASES), key=lambda each: len(self._phases[each]))
        self._phases[number][player] = None
        self._wanted[number].set()

    def remove(self, player: Player) -> None:
        """Drive `player` no more."""
        for phase in self._phases:
            phase.pop(player, None)

    async def run(self) -> None:
        """Drive until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(PHASES):
                tasks.create_task(self._drive(number))

    async def _drive(self, number: int) -> NoReturn:
        players, wanted = self._phases[number], self._wanted[number]
        while True:
            await wanted.wait()
            turn = _first_turn(time.monotonic(), number)
            while players:
                await asyncio.sleep(max(turn.not_before_s - time.monotonic(), 0.0))
                for player in tuple(players):
                    self._send(player, turn)
                turn = next_turn(turn, time.monotonic())
            wanted.clear()

    def _send(self, player: Player, turn: Turn) -> None:
        now_s = time.monotonic()
        try:
            if turn.lost_s:
                self.lateness.note_lost(turn.lost_s)
                log.info("sent nothing for %.0f ms", turn.lost_s * 1000)
                player.lose(turn.due_s)
            player.send(turn.due_s)
        except Exception as error:
            self.remove(player)
            player.fail(error)
        self.lateness.note(now_s - turn.due_s, TURN_BLOCKS)


def _first_turn(now_s: float, number: int) -> Turn:
    """Return the next moment of phase `number`."""
    offset_s = number * TURN_S / PHASES
    due_s = math.ceil((now_s - offset_s) / TURN_S) * TURN_S + offset_s
    return Turn(due_s, due_s)
