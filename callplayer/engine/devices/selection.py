"""Which sound device to play on: the one asked for, the one that was lost, or another. Rules only.

What is lost is remembered as home: playing elsewhere is for as long as home is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from callplayer.engine.devices.pulse import NOWHERE, PulseView

StreamWent = Literal["stayed", "began", "lost", "moved", "misled", "nowhere"]

HOME_AGAIN_S = 5.0
"""How long a home that did not run when it was tried is left alone."""


@dataclass
class DeviceSelection:
    """The device asked for ("": the system's default), and the lost one, if any.

    `goes_on`: another device may be taken for the lost one. `seen_gone`: the lost one was unplugged
    (else it only stopped, as a suspended one does). Times are monotonic, in s.
    """

    wanted: str
    goes_on: bool
    name: str = ""
    label: str = ""
    is_sink: bool = False
    seen_gone: bool = False
    not_before_s: float = 0.0

    def remember(self, name: str, label: str, *, is_sink: bool, gone: bool) -> None:
        """A device is lost; the first one lost stays home until it is back."""
        if not self.name:
            self.name, self.label, self.is_sink, self.seen_gone = name, label, is_sink, gone
            self.not_before_s = 0.0

    def forget(self) -> None:
        """Sound comes from where it should."""
        self.name = self.label = ""

    def leave_alone(self, now_s: float) -> None:
        """Home is being tried: if that fails, not again too soon."""
        self.not_before_s = now_s + HOME_AGAIN_S

    def candidates(self, view: PulseView | None, *, any_will_do: bool = False) -> list[str]:
        """Return what to open when there is no device, the best first ("": the default).

        Without a sound server only the default can take home's place. With one it is the default
        sink, or if that is the one that was lost, any other.
        """
        first = self.name or self.wanted
        others = self.goes_on or any_will_do or not first
        if view is None:
            return [first, ""] if first and others else [first]
        names = [first] if self.is_usable(view, first) else []
        if others and view.audible:
            known = dict.fromkeys((view.default, *(sink.name for sink in view.audible)))
            names += [name for name in known if name != first and self.is_usable(view, name)]
            names += [""] if not view.held_by("") else []
        return names

    def is_usable(self, view: PulseView, name: str) -> bool:
        """Return whether there is any sense in opening a device, as far as the server knows."""
        sink = view.sink(name)
        if view.held_by(name):
            return False
        if sink is None:
            return bool(name) and not (name == self.name and self.is_sink)
        lost_by_suspension = name == self.name and not self.seen_gone
        return name != NOWHERE and not (sink.suspended and lost_by_suspension)

    def is_back(self, view: PulseView, on_sink: str, now_s: float) -> bool:
        """Return whether home, a sink, can be played on again while we play on another one."""
        there = view.sink(self.name) is not None
        self.seen_gone = self.seen_gone or not there
        away = bool(self.name) and self.name != on_sink
        return away and there and now_s >= self.not_before_s and self.is_usable(view, self.name)


def stream_went(view: PulseView | None, opened_s: float, on_sink: str) -> StreamWent:
    """Return where the stream that was opened at `opened_s` went, as the sound server sees it.

    A sink that is unplugged never stops: the server moves its streams to another one. `on_sink` is
    the one that we played on last, "" for none that we know: then it "began" on one. It is "lost"
    if its sink is gone, and "moved" if that is still there and the user moved the stream elsewhere.
    """
    if view is None or view.looked_s < opened_s or view.playing_on in ("", on_sink):
        return "stayed"
    if view.playing_on == NOWHERE:
        return "nowhere"
    if on_sink == "":
        return "began"
    return "lost" if view.sink(on_sink) is None else "moved"
