"""A vendor's server in memory around the player's pure rules: every timing, no clock but its own.

Time passes in steps of 10 ms. The server sends a frame of sound each step, and statuses as its
knobs say; both cross a network and, for sound, a jitter buffer. The player is the real
`callplayer.engine.cursor.playback.PlaybackState` behind the real `CommandQueue`. Every frame
carries its place in the call and the number of the scrub that it follows, so that what is heard can
be judged exactly.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.command_queue import CommandQueue
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.ipc import messages as m
from callplayer.vendor.commands import Command, Pause, Resume, Scrub, ScrubToEnd
from callplayer.vendor.status import Status

STEP_MS = 10
TICK_MS = 50
START_S = 1000.0
RING_MS = 20
DEVICE_MS = 10
EAR_MS = RING_MS + DEVICE_MS
"""Until a frame that has come is heard: the ring, which a shut gate empties, and the device."""

TURNOVER_SLACK_MS = 20
QUIET_MS = 150
"""Sound begins anew after so much silence."""


@dataclass(frozen=True)
class Knobs:
    """How a server behaves. Times in s or ms as named.

    `cadence_s` None: statuses on change only. `acknowledges`: one for each command that is obeyed.
    `obey_s`: until a command is carried out; `status_lag_s`: until a status is sent that was true.
    `bias_ms` is added to each position reported, `rounding_ms` rounds it down, `keyframe_ms` rounds
    where a scrub lands down. `queue_ms` is the sender's queue, by which the cursor is ahead of
    the sound; `flushes_seek` and `flushes_pause` say whether it is dropped, `feeds_paused` that it
    is fed with silence while paused. `stands`: the position stays that of the last command.
    `loss` is the share of statuses that are lost; each of the others is up to `unordered_s` later,
    and may overtake another. Positions are up to `noise_ms` off. For `buffers_s` after a scrub or
    a resume it reports that it is paused and is silent, then it goes on by itself. A scrub that
    waits for `debounce_s` is overtaken by pauses. `pauses_at_end`: it pauses there by itself;
    `atEnd` is so much longer true.
    """

    cadence_s: float | None = 0.25
    acknowledges: bool = True
    obey_s: float = 0.0
    status_lag_s: float = 0.0
    bias_ms: int = 0
    rounding_ms: int = 0
    keyframe_ms: int = 0
    loss: float = 0.0
    unordered_s: float = 0.0
    noise_ms: int = 0
    buffers_s: float = 0.0
    debounce_s: float = 0.0
    pauses_at_end: bool = False
    stale_end_s: float = 0.0
    queue_ms: int = 0
    flushes_seek: bool = True
    flushes_pause: bool = True
    feeds_paused: bool = False
    after_scrub: Literal["", "resumes", "pauses"] = ""
    duration: Literal["right", "zero-first", "always-zero", "shrinking"] = "right"
    stands: bool = False
    sends_status: bool = True
    live: bool = False
    edge_ms: int = 0
    flickers: bool = False
    network_ms: int = 20
    path_ms: int = 60
    phase_ms: int = 0
    duration_ms: int = 600_000
    seed: int = 1


@dataclass(frozen=True)
class Frame:
    """10 ms of the call from `place_ms`, sent after scrub number `serial`."""

    place_ms: int
    serial: int


class Server:
    """The cursor, the queue and the statuses of one server."""

    def __init__(self, knobs: Knobs) -> None:
        self._knobs = knobs
        self._random = random.Random(knobs.seed)
        self._inbox: list[tuple[int, Command, int]] = []
        self._buffers_until_ms = 0
        self._queue: deque[Frame | None] = deque()
        self._cursor_ms = 0
        self._reported_ms = 0
        self._serial = 0
        self._statuses = 0
        self._next_status_ms = knobs.phase_ms
        self._full_ms = knobs.duration_ms
        self._buffers = False
        self._now_ms, self._ended_ms = 0, -(10**9)
        self.paused = True

    def receive(self, at_ms: int, command: Command, serial: int) -> None:
        """A command has come."""
        due_ms = at_ms + round(self._knobs.obey_s * 1000)
        if isinstance(command, Scrub | ScrubToEnd) and self._knobs.debounce_s:
            due_ms += round(self._knobs.debounce_s * 1000)
            self._inbox = [e for e in self._inbox if not isinstance(e[1], Scrub | ScrubToEnd)]
        self._inbox.append((due_ms, command, serial))
        self._inbox.sort(key=lambda each: each[0])

    def step(self, now_ms: int) -> tuple[Frame | None, list[Status]]:
        """Return the frame that goes out now, None for silence, and the statuses."""
        statuses = []
        self._now_ms = now_ms
        if self._knobs.live:
            self._full_ms = self._knobs.duration_ms + now_ms
        while self._inbox and self._inbox[0][0] <= now_ms:
            _, command, serial = self._inbox.pop(0)
            rests = self.paused
            self._obey(command, serial)
            if isinstance(command, Scrub | ScrubToEnd) or (rests and not self.paused):
                self._buffers_until_ms = now_ms + round(self._knobs.buffers_s * 1000)
            if self._knobs.acknowledges:
                statuses.append(self._status())
        self._buffers = now_ms < self._buffers_until_ms
        cadence_s = self._knobs.cadence_s
        if cadence_s is not None and now_ms >= self._next_status_ms:
            self._next_status_ms += round(cadence_s * 1000)
            statuses.append(self._status())
        reported = [s for s in statuses if self._random.random() >= self._knobs.loss]
        return self._frame(), reported if self._knobs.sends_status else []

    def _frame(self) -> Frame | None:
        room = max(self._knobs.queue_ms // STEP_MS, 1)
        end_ms = self._full_ms - (self._knobs.edge_ms if self._knobs.live else 0)
        plays = not (self.paused or self._buffers)
        while plays and len(self._queue) < room and self._cursor_ms < end_ms:
            self._queue.append(Frame(self._cursor_ms, self._serial))
            self._cursor_ms += STEP_MS
        if self._knobs.pauses_at_end and self._cursor_ms >= end_ms:
            self.paused = True
        if self.paused and self._knobs.feeds_paused:
            self._queue.extend([None] * (room - len(self._queue)))
        return self._queue.popleft() if self._queue else None

    def _obey(self, command: Command, serial: int) -> None:
        knobs = self._knobs
        match command:
            case Pause():
                self.paused = True
                if knobs.flushes_pause:
                    self._queue.clear()
            case Resume():
                self.paused = False
            case Scrub() | ScrubToEnd():
                end_ms = self._full_ms - (knobs.edge_ms if knobs.live else 0)
                wished_ms = command.position if isinstance(command, Scrub) else end_ms
                landing_ms = min(wished_ms, end_ms)
                if knobs.keyframe_ms:
                    landing_ms -= landing_ms % knobs.keyframe_ms
                self._cursor_ms, self._serial = landing_ms, serial
                if knobs.flushes_seek:
                    self._queue.clear()
                if knobs.after_scrub:
                    self.paused = knobs.after_scrub == "pauses"
        self._reported_ms = self._cursor_ms

    def _status(self) -> Status:
        knobs = self._knobs
        self._statuses += 1
        cursor_ms = self._reported_ms if knobs.stands else self._cursor_ms
        within_ms = self._random.randrange(STEP_MS) if cursor_ms > self._reported_ms else 0
        most_ms = knobs.noise_ms
        noise_ms = self._random.randint(-most_ms, most_ms) if most_ms else 0
        position_ms = max(cursor_ms - within_ms + knobs.bias_ms + noise_ms, 0)
        if knobs.rounding_ms:
            position_ms -= position_ms % knobs.rounding_ms
        if self._cursor_ms >= self._full_ms:
            self._ended_ms = self._now_ms
        at_end = self._now_ms - self._ended_ms <= knobs.stale_end_s * 1000
        if knobs.flickers and self._full_ms - self._cursor_ms < 1500:
            at_end = self._statuses % 2 == 0
        paused = self.paused or self._buffers
        return Status(position_ms, self._duration(), paused, at_end, not knobs.live)

    def _duration(self) -> int:
        match self._knobs.duration:
            case "zero-first":
                return 0 if self._statuses < 8 else self._full_ms
            case "always-zero":
                return 0
            case "shrinking":
                return max(30_000 - self._statuses * 500, 1000)
        return self._full_ms


@dataclass
class Asked:
    """One request of the user's: when, and the last scrub's number that it led to."""

    at_ms: int
    request: m.Request
    serial: int
    phase: str = ""


@dataclass
class Story:
    """What happened. `heard` has one entry each 10 ms: the frame that was heard, None for silence.

    `shown` has the position and the phase on the screen at each of them.
    """

    knobs: Knobs
    asked: list[Asked] = field(default_factory=list)
    heard: list[Frame | None] = field(default_factory=list)
    shown: list[tuple[int, str]] = field(default_factory=list)
    commands: list[tuple[int, Command]] = field(default_factory=list)
    server_paused: bool = True
    unconfirmed_s: float = 0.0


class NoWire:
    """A wire that is there; what would go out on it is taken from the queue instead."""

    async def send(self, payload: bytes) -> None:
        raise AssertionError(payload)


class Player:
    """The rules at one end of the line, as the engine drives them."""

    def __init__(self, knobs: Knobs, new_call: Callable[[], PlaybackState] = PlaybackState) -> None:
        self.call = new_call()
        self.call.opened = True
        self._queue = CommandQueue()
        self._queue.use(NoWire())
        self._delays = Delays(
            path_ms=knobs.path_ms + EAR_MS,
            device_ms=DEVICE_MS,
            turnover_ms=knobs.path_ms + TURNOVER_SLACK_MS,
        )
        self._sounded_ms = -QUIET_MS - 1
        self._ring: deque[tuple[int, Frame | None]] = deque()
        self._in_device: deque[Frame | None] = deque([None] * (DEVICE_MS // STEP_MS))

    def ask(self, request: m.Request, now_s: float) -> list[Command]:
        """The user asks; return what goes out at once."""
        return self._offer(self.call.apply(request, now_s, self._delays), now_s)

    def take(self, status: Status, now_s: float) -> list[Command]:
        """A status has come; return what goes out for it."""
        self.call.take_status(status, now_s, self._delays)
        return self.tick(now_s)

    def tick(self, now_s: float) -> list[Command]:
        """Time has passed; return what goes out now."""
        return self._offer(self.call.due(now_s, self._delays), now_s)

    def _offer(self, commands: Sequence[Command], now_s: float) -> list[Command]:
        for command in commands:
            self._queue.offer(command)
        return list(iter(lambda: self._queue.take(now_s), None))

    def listen(self, frame: Frame | None, now_ms: int, now_s: float) -> Frame | None:
        """A frame comes out of the jitter buffer; return what is heard now."""
        if frame is not None:
            if now_ms - self._sounded_ms > QUIET_MS:
                self.call.take_sound(now_s, self._delays)
            self._sounded_ms = now_ms
        if self.call.may_be_heard(now_s):
            self._ring.append((now_ms + RING_MS, frame))
        else:
            self._ring.clear()
        out = None
        while self._ring and self._ring[0][0] <= now_ms:
            out = self._ring.popleft()[1]
        self._in_device.append(out)
        return self._in_device.popleft()

    def shown(self, now_s: float) -> tuple[int, str]:
        """Return the position and the phase on the screen."""
        return self.call.shown_ms(now_s, self._delays), self.call.phase(now_s)


def play(
    knobs: Knobs,
    script: Sequence[tuple[int, m.Request]],
    end_ms: int,
    new_call: Callable[[], PlaybackState] = PlaybackState,
) -> Story:
    """Play `script`, of (ms, request), to `end_ms`; return what happened."""
    server, player, story = Server(knobs), Player(knobs, new_call), Story(knobs)
    to_server: deque[tuple[int, Command, int]] = deque()
    statuses: list[tuple[int, Status]] = []
    delays = random.Random(knobs.seed)
    frames: deque[Frame | None] = deque([None] * ((knobs.network_ms + knobs.path_ms) // STEP_MS))
    waiting = deque(script)
    serial = 0

    def send(commands: list[Command], now_ms: int) -> None:
        nonlocal serial
        for command in commands:
            serial += isinstance(command, Scrub | ScrubToEnd)
            story.commands.append((now_ms, command))
            to_server.append((now_ms + knobs.network_ms, command, serial))

    for now_ms in range(0, end_ms, STEP_MS):
        now_s = START_S + now_ms / 1000
        while to_server and to_server[0][0] <= now_ms:
            server.receive(*to_server.popleft())
        frame, reported = server.step(now_ms)
        frames.append(frame)
        lag_ms = knobs.network_ms + round(knobs.status_lag_s * 1000)
        more_ms = round(delays.random() * knobs.unordered_s * 1000)
        statuses.extend((now_ms + lag_ms + more_ms, status) for status in reported)
        statuses.sort(key=lambda each: each[0])
        while statuses and statuses[0][0] <= now_ms:
            send(player.take(statuses.pop(0)[1], now_s), now_ms)
        while waiting and waiting[0][0] <= now_ms:
            _, request = waiting.popleft()
            send(player.ask(request, now_s), now_ms)
            story.asked.append(Asked(now_ms, request, serial))
        if now_ms % TICK_MS == 0:
            send(player.tick(now_s), now_ms)
        if story.asked:
            story.asked[-1].serial = max(story.asked[-1].serial, _owed(story, serial, now_ms))
        story.heard.append(player.listen(frames.popleft(), now_ms, now_s))
        story.shown.append(player.shown(now_s))
    story.server_paused = server.paused
    story.unconfirmed_s = player.call.head.unconfirmed_s(START_S + end_ms / 1000)
    return story


def _owed(story: Story, serial: int, now_ms: int) -> int:
    """Return the scrub's number that a request led to, though the outbox held it for a while."""
    last = story.asked[-1]
    return serial if now_ms - last.at_ms <= 150 else last.serial
