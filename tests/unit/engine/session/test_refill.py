"""The gate after a jump: shut while nothing comes of the new place, by looks that are fresh."""

from __future__ import annotations

import time

from callplayer.engine.session.refill import FRESH_S, await_refill


class Rig:
    """A call whose gate opens `path_s` after its confirmation, and a source that sends later."""

    def __init__(self, path_s: float, sends_at_look: int) -> None:
        self.confirmed_s = time.monotonic()
        self.gate_s = self.confirmed_s + path_s
        self.sends_at_look = sends_at_look
        self.looks_s: list[float] = []
        self.moved = 0

    def opens_s(self, _confirmed_s: float) -> float:
        return self.gate_s

    def turn_over(self, confirmed_s: float, turnover_ms: float) -> None:
        self.gate_s = confirmed_s + turnover_ms / 1000

    async def sends_since(self, _since_s: float) -> bool:
        self.looks_s.append(time.monotonic())
        return len(self.looks_s) >= self.sends_at_look

    def move(self) -> None:
        self.moved += 1

    async def wait(self) -> None:
        await await_refill(self, self, self.confirmed_s, self.confirmed_s, self.move)  # type: ignore[arg-type]


async def test_a_look_waits_until_the_statistics_are_no_longer_cached() -> None:
    rig = Rig(path_s=0.04, sends_at_look=1)
    await rig.wait()
    assert rig.looks_s[0] >= rig.confirmed_s + FRESH_S
    assert rig.gate_s == rig.confirmed_s + 0.04  # opened by the path, and left so
    assert rig.moved == 0


async def test_while_nothing_comes_the_gate_is_shut_and_each_look_is_fresh() -> None:
    rig = Rig(path_s=0.04, sends_at_look=3)
    await rig.wait()
    assert rig.moved == 2
    assert rig.gate_s > rig.looks_s[-2] + FRESH_S  # still shut when the last look is due
    first_s, second_s, third_s = rig.looks_s
    assert min(second_s - first_s, third_s - second_s) >= FRESH_S
