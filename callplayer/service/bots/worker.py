"""A process of bots: `python -m callplayer.service.bots.worker`, its standard input a socket.

It receives its orders there and reports there what happens; see `protocol`. When the other end is
closed, or its process dies, the bots leave their rooms and it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from callplayer.errors import CallplayerError
from callplayer.exit import exit_process
from callplayer.logs import RedactingFormatter
from callplayer.playback.audio_source import AudioSource, map_decoded
from callplayer.playback.player import Place, StreamPlayer
from callplayer.service.bots.bot import ReplayBot
from callplayer.service.bots.clock import Pump
from callplayer.service.bots.growing_sound import GrowingSound
from callplayer.service.bots.protocol import (
    AnnounceListener,
    BotLeft,
    Extend,
    Extended,
    Growing,
    ListParticipants,
    News,
    Open,
    Participants,
    Pipe,
    Places,
    Report,
    StreamOpened,
    order_decoder,
)
from callplayer.service.bots.track_output import keep_answers_out
from callplayer.vendor.commands import Command

REPORT_S = 1.0
ASK_TIMEOUT_S = 5.0

log = logging.getLogger("callplayer.service")


class RoomQueries:
    """The service asked of a bot's room: it alone may talk to the room server's own API."""

    def __init__(self, name: str, send: Callable[[News], Awaitable[None]]) -> None:
        self._name = name
        self._send = send
        self._waiting: list[asyncio.Future[Mapping[str, str]]] = []

    async def sessions(self) -> Mapping[str, str]:
        """Return the session of each participant in the room; none if there is no answer."""
        waiting: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await self._send(ListParticipants(self._name))
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                return await waiting
        except TimeoutError:
            return {}

    async def announce(self) -> None:
        """Have the room server announce the listener to the room now."""
        await self._send(AnnounceListener(self._name))

    def answered(self, sessions: Mapping[str, str]) -> None:
        """Take an answer; all callers that wait for one get it."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(sessions)


class Worker:
    """Plays what is ordered over `pipe` until that ends."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._pump = Pump()
        self._bots: dict[str, ReplayBot] = {}
        self._commands: Counter[str] = Counter()
        self._sent: dict[str, Place] = {}
        self._asked: dict[str, RoomQueries] = {}
        self._growing: dict[str, tuple[GrowingSound, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Obey until the pipe ends; then have all bots leave."""
        self._do(self._pump.run())
        self._do(self._report())
        try:
            while (order := await self._pipe.receive(order_decoder)) is not None:
                match order:
                    case Open():
                        self._do(self._play(order))
                    case Extend(id=name):
                        bot = self._bots.get(name)
                        self._send_soon(Extended(name, bot is not None and bot.keep()))
                    case Participants(id=name, sessions=sessions):
                        asked = self._asked.get(name)
                        if asked is not None:
                            asked.answered(sessions)
        finally:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send_soon(self, news: News) -> None:
        self._do(self._send(news))

    async def _send(self, news: News) -> None:
        with contextlib.suppress(OSError):  # the service has closed its end: `run` is about to end
            await self._pipe.send(news)

    def _sound(self, order: Open) -> AudioSource:
        if isinstance(order.sound, Growing):
            path = order.sound.path
            sound, users = self._growing.get(path) or (GrowingSound(Path(path)), 0)
            self._growing[path] = (sound, users + 1)
            return sound
        fd = self._pipe.take_file()
        try:
            decoded = order.sound
            return map_decoded(fd, decoded.frames, len(order.parties), decoded.live_from_s)
        finally:
            os.close(fd)

    def _let_go(self, order: Open) -> None:
        if isinstance(order.sound, Growing):
            sound, users = self._growing.pop(order.sound.path)
            if users > 1:
                self._growing[order.sound.path] = (sound, users - 1)
            else:
                sound.close()

    async def _play(self, order: Open) -> None:
        outcome = BotLeft(order.id)
        try:
            await self._play_sound(order, self._sound(order))
        except CallplayerError as refusal:
            outcome = BotLeft(order.id, refusal.what, refusal.hint)
        except Exception:
            log.exception("stream %s broke off", order.id)
            outcome = BotLeft(order.id, "The stream broke off.", "The service's log says more.")
        await self._send(outcome)

    async def _play_sound(self, order: Open, sound: AudioSource) -> None:
        asked = self._asked[order.id] = RoomQueries(order.id, self._send)
        try:
            bot = ReplayBot(
                StreamPlayer(
                    order.parties,
                    sound,
                    autoplay=order.autoplay,
                    place=order.place,
                    turns=order.turns,
                ),
                asked,
                self._pump,
                listener=order.listener,
                name=order.id,
                idle_s=order.idle_s,
                moved=lambda command: self._moved(order.id, command),
                mixes=order.mixes,
            )
            await bot.join(order.url, order.token)
            self._bots[order.id] = bot
            await self._send(StreamOpened(order.id))
            await bot.run()
        finally:
            self._bots.pop(order.id, None)
            self._sent.pop(order.id, None)
            self._asked.pop(order.id, None)
            self._let_go(order)

    def _moved(self, name: str, command: Command | None) -> None:
        if command is not None:
            self._commands[_cmd(command)] += 1
        self._report_places((name,))

    def _report_places(self, names: tuple[str, ...]) -> None:
        places = {name: self._bots[name].place for name in names if name in self._bots}
        news = {name: place for name, place in places.items() if place != self._sent.get(name)}
        if news:
            self._sent |= news
            self._send_soon(Places(news))

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            self._report_places(tuple(self._bots))
            lateness = self._pump.lateness
            await self._send(
                Report(
                    frames=lateness.frames,
                    late=lateness.late,
                    lost=lateness.lost,
                    lateness=tuple(lateness.counts),
                    commands=dict(self._commands),
                    away_s={name: bot.away_s for name, bot in self._bots.items() if bot.away_s},
                )
            )


def _cmd(command: Command) -> str:
    """Return the vendor's word for a command."""
    return str(type(command).__struct_config__.tag)


async def _work(pipe: Pipe) -> None:
    keep_answers_out()
    # A full collection of all that was imported would hold the sound up for tens of ms.
    gc.collect()
    gc.freeze()
    await Worker(pipe).run()


def main() -> None:
    """Work until standard input ends; then end the process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    log.setLevel(logging.INFO)
    pipe = Pipe(socket.socket(fileno=os.dup(0)))
    try:
        asyncio.run(_work(pipe))
    except Exception:
        log.exception("a worker failed")
        exit_process(1)
    exit_process(0)


if __name__ == "__main__":
    main()
