"""A small real engine: speaks the engine's JSON lines, plays no sound. Knobs are flags.

Its cursor moves by the clock, its server confirms each command after a delay, and it can refuse to
confirm, fall silent, die, or fail. `--requests FILE` notes each request line as it came.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from callplayer.ipc.codec import decode_request, encode_line
from callplayer.ipc.messages import (
    AdjustGain,
    ByeEvent,
    Device,
    DevicesEvent,
    ErrorEvent,
    Event,
    IncidentEvent,
    LaneLevel,
    LaneState,
    LevelsEvent,
    ListDevices,
    Mute,
    PartyState,
    Phase,
    Quit,
    Request,
    SeekBy,
    SeekTo,
    SetLoop,
    SetOutputDevice,
    SetPartyGain,
    Solo,
    StateEvent,
    StatsEvent,
    TogglePause,
    Unmute,
    Unsolo,
)
from callplayer.vendor.commands import Pause, Resume, Scrub, ScrubToEnd
from callplayer.vendor.parties import PARTIES, CallerType, parties_of
from callplayer.vendor.values import WireError

if __name__ == "__main__":  # run as a file, it knows its own folder only
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

LATENCY_MS = 120
LANES = tuple(LaneState(lane=party, carries=(party,)) for party in PARTIES)


@dataclass
class Fake:
    """The engine's state; `anchor_ms` is the confirmed position at `anchor_s`."""

    flags: argparse.Namespace
    paused: bool
    duration_ms: int
    parties: list[PartyState]
    started_s: float = field(default_factory=time.monotonic)
    anchor_ms: float = 0.0
    anchor_s: float = field(default_factory=time.monotonic)
    requested_ms: int | None = None
    asked_at_s: float | None = None
    connected: bool = False
    device: str = ""
    chosen: str = ""

    def duration_now_ms(self, now_s: float) -> int:
        grown_ms = (now_s - self.started_s) * 1000 if self.flags.growing else 0.0
        return round(self.duration_ms + grown_ms)

    def position_ms(self, now_s: float) -> float:
        moved_ms = 0.0 if self.paused or not self.connected else (now_s - self.anchor_s) * 1000
        return min(self.anchor_ms + moved_ms, self.duration_now_ms(now_s))

    def move(self, position_ms: float, now_s: float) -> None:
        self.anchor_ms, self.anchor_s = position_ms, now_s

    def state(self, now_s: float) -> StateEvent:
        position_ms = self.position_ms(now_s)
        duration_ms = self.duration_now_ms(now_s)
        at_end = position_ms >= duration_ms - (1500 if self.flags.growing else 0)
        phase: Phase = "paused" if self.paused else "playing"
        if not self.connected:
            phase = "connecting"
        elif at_end and not self.paused:
            phase = "live" if self.flags.growing else "at-end"
        waited_s = 0.0 if self.asked_at_s is None else now_s - self.asked_at_s
        return StateEvent(
            source="recording" if self.flags.recording else "room",
            recording=self.flags.recording,
            phase=phase,
            position_ms=round(position_ms),
            audible_ms=max(0, round(position_ms) - LATENCY_MS),
            duration_ms=duration_ms if self.connected else 0,
            paused=self.paused,
            at_end=at_end and self.connected,
            call_over=not self.flags.growing,
            requested_ms=self.requested_ms,
            unconfirmed_s=waited_s,
            advancing=phase in ("playing", "live"),
            as_of_s=now_s,
            parties=tuple(self.parties),
            lanes=LANES if self.connected else (),
            device=(self.device or "Fake headphones") if self.connected else None,
        )


class Program:
    """Runs one fake engine over stdin and stdout; `write` writes what fits of a line."""

    def __init__(
        self,
        flags: argparse.Namespace,
        write: Callable[[bytes], int] = lambda line: os.write(1, line),
    ) -> None:
        self.flags = flags
        self.write = write
        self.fake = Fake(
            flags,
            paused=not flags.playing or flags.paused,
            duration_ms=flags.duration_ms,
            parties=[PartyState(party=name) for name in PARTIES],
            anchor_ms=float(flags.position_ms),
        )
        self.leaving = asyncio.Event()
        self.exit_code = 0

    def send(self, event: Event) -> None:
        self.write(encode_line(event))

    def send_whole(self, event: Event) -> None:
        rest = encode_line(event)
        while rest:
            rest = rest[self.write(rest) :]

    def send_state(self) -> None:
        self.send(self.fake.state(time.monotonic()))

    async def run(self) -> int:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        tasks = [asyncio.create_task(self.listen(reader)), asyncio.create_task(self.play())]
        await self.leaving.wait()
        for task in tasks:
            task.cancel()
        self.send(ByeEvent(exit_code=self.exit_code))
        return self.exit_code

    async def listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            self.take(line)
        self.leaving.set()

    def take(self, line: bytes) -> None:
        if self.flags.requests:
            with Path(self.flags.requests).open("ab") as stream:
                stream.write(line)
        try:
            self.obey(decode_request(line))
        except WireError as error:
            self.send(ErrorEvent(code="usage", message=str(error), hint="Mend the line."))

    async def play(self) -> None:
        flags = self.flags
        self.send_state()
        await asyncio.sleep(flags.connect_s)
        if self.fails_at_start():
            self.fail()
            return
        self.send(
            IncidentEvent(
                id="3f2a91c0-77aa-4c1e-9d2b-000000000001",
                caller_phone_number=flags.phone,
                is_audio_live=flags.growing,
                created_at="2026-01-15 10:30:00 UTC",
            )
        )
        if flags.words or flags.torture:
            from tests.ui.talk import long_talk, torture

            for event in torture() if flags.torture else long_talk(flags.words):
                self.send_whole(event)
        self.fake.connected = True
        self.fake.move(self.fake.anchor_ms, time.monotonic())
        self.send_state()
        once = Path(flags.once) if flags.once else None
        first = once is None or not once.exists()
        if once is not None:
            once.touch()
        await asyncio.gather(
            self.every(1.0, self.send_slow),
            self.every(0.05, self.send_levels),
            self.mishap(first),
        )

    async def every(self, period_s: float, send: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(period_s)
            send()

    async def mishap(self, first: bool) -> None:
        flags = self.flags
        if first and flags.die_after_s is not None:
            await asyncio.sleep(flags.die_after_s)
            os._exit(17)
        if first and flags.stall_after_s is not None:
            await asyncio.sleep(flags.stall_after_s)
            hang()
        if (first or not flags.fail_once) and flags.fail_after_s is not None:
            await asyncio.sleep(flags.fail_after_s)
            self.fail()

    def fails_at_start(self) -> bool:
        return self.flags.fail_at_start or os.path.exists(self.flags.fail_while)

    def fail(self) -> None:
        self.send(
            ErrorEvent(
                code=self.flags.fail_as,
                message="The call's server does not answer.",
                hint="Check the network, then start again.",
                exit_code=5,
            )
        )
        self.exit_code = 5
        self.leaving.set()

    def send_slow(self) -> None:
        self.send_state()
        self.send(StatsEvent(buffer_ms=41.0, target_ms=40.0, device_latency_ms=20.0))

    def send_levels(self) -> None:
        now_s = time.monotonic()
        if self.fake.paused:
            return
        self.send(
            LevelsEvent(
                levels=tuple(
                    LaneLevel(
                        lane=party.party,
                        rms_db=-24 + 10 * math.sin(now_s * (2 + n)),
                        peak_db=-14 + 6 * math.sin(now_s * (2 + n)),
                        hold_db=-9.0 - 2 * n,
                    )
                    for n, party in enumerate(self.fake.parties)
                )
            )
        )

    def obey(self, request: Request) -> None:
        fake, now_s = self.fake, time.monotonic()
        last_ms = fake.requested_ms if fake.requested_ms is not None else fake.position_ms(now_s)
        match request:
            case Quit():
                if not self.flags.ignore_quit:
                    self.leaving.set()
            case ListDevices():
                self.send_devices()
            case SetOutputDevice(name=name):
                self.fake.device = self.fake.chosen = name
            case Pause():
                self.pause(True)
            case Resume():
                self.pause(False)
            case TogglePause():
                self.pause(not fake.paused)
            case Scrub(position=position) | SeekTo(position_ms=position):
                self.seek(position)
            case SetLoop(start_ms=start_ms):
                self.seek(start_ms)
            case SeekBy(offset_ms=offset):
                self.seek(last_ms + offset)
            case ScrubToEnd():
                self.seek(fake.duration_now_ms(now_s))
            case SetPartyGain(gain=gain, callerType=party):
                self.change(party, gain_db=gain)
            case AdjustGain(delta_db=delta, callerType=party):
                for each in parties_of(party):
                    before = next(p.gain_db for p in fake.parties if p.party == each)
                    self.change(each, gain_db=min(max(before + delta, -40.0), 20.0))
            case Mute(callerType=party):
                self.change(party, muted=True)
            case Unmute(callerType=party):
                self.change(party, muted=False)
            case Solo(callerType=party):
                self.change(party, soloed=True)
            case Unsolo(callerType=party):
                self.change(party, soloed=False)
        self.send_state()

    def send_devices(self) -> None:
        names = ("Fake headphones", "Fake speakers")
        self.send(
            DevicesEvent(
                devices=tuple(Device(name, name) for name in names),
                current=self.fake.device or names[0],
                chosen=self.fake.chosen,
            )
        )

    def pause(self, paused: bool) -> None:
        now_s = time.monotonic()
        self.fake.move(self.fake.position_ms(now_s), now_s)
        self.fake.paused = paused

    def seek(self, position_ms: float) -> None:
        fake, now_s = self.fake, time.monotonic()
        fake.requested_ms = round(min(max(position_ms, 0), fake.duration_now_ms(now_s)))
        fake.asked_at_s = fake.asked_at_s or now_s
        if not self.flags.refuse:
            asyncio.get_running_loop().call_later(self.flags.confirm_s, self.confirm)

    def confirm(self) -> None:
        if self.fake.requested_ms is not None:
            self.fake.move(self.fake.requested_ms, time.monotonic())
            self.fake.requested_ms = self.fake.asked_at_s = None
            self.send_state()

    def change(self, name: CallerType, **changes: object) -> None:
        import msgspec

        parties = [
            msgspec.structs.replace(p, **changes) if p.party in parties_of(name) else p
            for p in self.fake.parties
        ]
        solo = any(p.soloed for p in parties)
        self.fake.parties = [
            msgspec.structs.replace(p, silenced=p.muted or (solo and not p.soloed)) for p in parties
        ]


def hang() -> None:
    """Stand still with the pipes open, as a sound driver does that lost its device."""
    time.sleep(3600)


def read_flags(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--paused", action="store_true")
    parser.add_argument("--wait-for-device", action="store_true")
    parser.add_argument("--playing", action="store_true")
    parser.add_argument("--growing", action="store_true")
    parser.add_argument("--refuse", action="store_true", help="never confirm a scrub")
    parser.add_argument("--ignore-quit", action="store_true")
    parser.add_argument("--fail-at-start", action="store_true")
    parser.add_argument(
        "--fail-while", default="", help="fail at the start while there is this file"
    )
    parser.add_argument("--fail-as", default="unreachable", help="the code of a failure")
    parser.add_argument("--confirm-s", type=float, default=0.08)
    parser.add_argument("--connect-s", type=float, default=0.0)
    parser.add_argument("--die-after-s", type=float)
    parser.add_argument("--stall-after-s", type=float)
    parser.add_argument("--fail-after-s", type=float)
    parser.add_argument("--fail-once", action="store_true", help="see --once")
    parser.add_argument("--duration-ms", type=int, default=272_000)
    parser.add_argument("--torture", action="store_true", help="words of every script")
    parser.add_argument("--words", type=int, default=0, help="how many words the call has")
    parser.add_argument("--position-ms", type=int, default=83_400)
    parser.add_argument("--recording", default="", help="play this file, without a server")
    parser.add_argument("--phone", default="+15550100199")
    parser.add_argument("--requests", help="file to which request lines are added")
    parser.add_argument("--once", help="file that marks that the mishap has happened")
    parser.add_argument("--pids", help="file to which this process's id is added")
    return parser.parse_args(argv)


def main() -> int:
    flags = read_flags()
    if flags.pids:
        with Path(flags.pids).open("a") as stream:
            stream.write(f"{os.getpid()}\n")
    return asyncio.run(Program(flags).run())


if __name__ == "__main__":
    sys.exit(main())
