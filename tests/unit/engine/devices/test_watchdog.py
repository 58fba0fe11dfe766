"""A device is stalled by its own cadence: a sleepy null sink is not, a stopped card soon is."""

from __future__ import annotations

from callplayer.engine.devices.limits import DeviceLimits
from callplayer.engine.devices.watchdog import TICK_S, Cadence, is_stalled, update

LIMITS = DeviceLimits(stalled_s=0.5, first_block_s=3.0)


class Watch:
    """Looks every TICK_S at a device that asks for blocks at the moments of `blocks_s`."""

    def __init__(self) -> None:
        self.cadence = Cadence()
        self.now_s = 100.0
        self.block_s = 100.0

    def pass_s(self, seconds: float, *, asking: bool) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            if asking:
                self.block_s = self.now_s - 0.004
            self.cadence = update(self.cadence, self.now_s, self.block_s)

    def stalls_after_s(self) -> float:
        since_s = self.now_s
        while not is_stalled(self.cadence, LIMITS):
            self.pass_s(TICK_S, asking=False)
            assert self.now_s - since_s < 10.0
        return self.now_s - since_s


def test_a_device_that_ran_is_stalled_after_half_a_second() -> None:
    watch = Watch()
    watch.pass_s(0.3, asking=True)
    assert watch.cadence.shown
    assert LIMITS.stalled_s - TICK_S < watch.stalls_after_s() <= LIMITS.stalled_s + TICK_S


def test_a_null_sink_may_sleep_for_two_seconds_before_its_first_block_but_not_for_ever() -> None:
    watch = Watch()
    watch.pass_s(2.0, asking=False)
    assert not is_stalled(watch.cadence, LIMITS)
    watch.pass_s(0.3, asking=True)
    assert watch.cadence.shown
    asleep = Watch()
    assert (
        LIMITS.first_block_s - TICK_S < asleep.stalls_after_s() <= LIMITS.first_block_s + 2 * TICK_S
    )


def test_the_blocks_that_fill_a_device_while_it_opens_are_no_cadence() -> None:
    watch = Watch()
    watch.block_s = 100.01
    watch.pass_s(1.0, asking=False)
    assert watch.cadence.looks == 0
    assert not is_stalled(watch.cadence, LIMITS)


def test_our_own_absence_is_not_the_devices_stall() -> None:
    watch = Watch()
    watch.pass_s(0.3, asking=True)
    watch.now_s += 3600.0
    watch.cadence = update(watch.cadence, watch.now_s, watch.block_s)
    assert not is_stalled(watch.cadence, LIMITS)
    watch.pass_s(0.2, asking=True)
    assert watch.cadence.silent_s == 0.0


def test_a_clock_read_twice_is_no_block() -> None:
    """A block's time is now less its age, which rounds differently each time."""
    watch = Watch()
    watch.pass_s(0.3, asking=True)
    for _ in range(20):
        watch.block_s += 1e-7
        watch.pass_s(TICK_S, asking=False)
    assert is_stalled(watch.cadence, LIMITS)
