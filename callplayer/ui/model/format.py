"""What the screen shows of a state, as pure functions: times, words, glyphs.

All times are ms from the start of the call; `now_s` is the system's monotonic clock in s.
"""

from __future__ import annotations

import math
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Literal

import msgspec

from callplayer.ipc.messages import LEVEL_FLOOR_DB, ClipEvent, EvenedEvent, Phase, StateEvent
from callplayer.vendor.commands import GAIN_MAX_DB, GAIN_MIN_DB
from callplayer.vendor.parties import Party
from callplayer.vendor.times import parse_datetime

Tone = Literal[
    "text", "strong", "dim", "faint", "past", "play", "hold", "alert", "ask",
    "said", "lit", "hit", "pointed", "ahead", "unsure",
    "past-loop", "text-loop", "ahead-loop", "faint-loop",
]  # fmt: skip
"""What a text means, and so its colour: `past` was played, `play` sounds, `hold` stands still or
needs a look, `alert` failed, `ask` awaits the server or is selected. Of words: `said` was
heard, `lit` is heard now, `hit` was searched for, `pointed` is what Enter goes to, `ahead` comes,
`unsure` may be wrong. Inside the loop, lanes are tinted."""

TENTH_MS = 100
"""The clock's last digit."""

SPEECH_DB = -45.0
"""A party whose RMS level is below this, in dBFS, is silent."""

UNCONFIRMED_AFTER_S = 1.0
CARRY_AT_MOST_S = 2.0
"""For how long at most a growing call is drawn longer than its last state says."""

PARTY_NAMES: dict[Party, str] = {"caller": "Caller", "callTaker": "Call taker"}

PARTY_TONES: dict[Party, Tone] = {"caller": "ask", "callTaker": "text"}
"""They differ in every theme, also for those who see no red, no green or no blue."""


class PhaseLook(msgspec.Struct, frozen=True):
    """How a phase looks: a symbol and a word, so that colour is never the only sign.

    The symbols are of the plain block: terminals draw `⏸` and `⏹` as emoji, some two cells wide.
    """

    symbol: str
    word: str
    tone: Tone


PHASE_LOOKS: dict[Phase | Literal["waiting"], PhaseLook] = {
    "connecting": PhaseLook("…", "CONNECTING", "ask"),
    "playing": PhaseLook("▶", "PLAYING", "play"),
    "paused": PhaseLook("▮▮", "PAUSED", "hold"),
    "waiting": PhaseLook("▯▯", "WAITING", "hold"),
    "at-end": PhaseLook("■", "AT END", "hold"),
    "live": PhaseLook("●", "LIVE", "play"),
    "reconnecting": PhaseLook("↻", "RECONNECTING", "ask"),
    "failed": PhaseLook("✖", "FAILED", "alert"),
}


def look_of(state: StateEvent) -> PhaseLook:
    """Return how a state looks: a call that nobody paused waits for its sound device."""
    return PHASE_LOOKS["waiting" if state.phase == "paused" and state.held else state.phase]


def is_growing(state: StateEvent) -> bool:
    """Return whether the call goes on, so that its duration grows."""
    return not state.call_over and state.duration_ms > 0


def shown_duration_ms(state: StateEvent, now_s: float) -> int:
    """Return the duration to draw: a call that goes on grows between two states too."""
    if is_growing(state) and state.phase in ("playing", "paused", "live"):
        return state.duration_ms + round(_since_ms(state, now_s, CARRY_AT_MOST_S))
    return state.duration_ms


def shown_position_ms(state: StateEvent, now_s: float) -> int:
    """Return the position to draw: what is heard now, or where a cursor at rest stands."""
    if not state.advancing:
        return state.audible_ms if state.from_memory else state.position_ms
    return round(min(max(_audible_ms(state, now_s), 0.0), shown_duration_ms(state, now_s)))


def aimed_ms(state: StateEvent, now_s: float) -> int:
    """Return where the call will be once what was asked for is done; else the position to draw."""
    if state.requested_ms is not None:
        return state.requested_ms
    return shown_position_ms(state, now_s)


def is_heard(state: StateEvent, now_s: float) -> bool:
    """Return whether what is heard now is of the place that is shown: not on its way any more."""
    on_its_way = _since_ms(state, now_s, math.inf) < state.audible_in_ms
    return state.advancing and state.requested_ms is None and not on_its_way


def until_turn_s(state: StateEvent, now_s: float) -> float:
    """Return in how many s the clock's tenths turn over; a tenth while the cursor stands still.

    A digit that is drawn when it turns over says where the call is; drawn on a beat of its own it
    would be late by up to a tenth, and by half of that on average.
    """
    if not state.advancing:
        return TENTH_MS / 1000
    turns_at_ms = _audible_ms(state, now_s) // TENTH_MS * TENTH_MS + TENTH_MS
    return until_position_s(state, round(turns_at_ms), now_s)


def until_position_s(state: StateEvent, position_ms: int, now_s: float) -> float:
    """Return in how many s `position_ms` is heard, if playing goes on; negative for a while ago.

    Only of use while `state.advancing`.
    """
    stands_ms = max(0.0, state.audible_in_ms - _since_ms(state, now_s, math.inf))
    return (stands_ms + (position_ms - _audible_ms(state, now_s)) / state.speed) / 1000


def waiting_s(state: StateEvent, now_s: float) -> float:
    """Return for how long a command has waited for the server's confirmation; 0.0 for none."""
    if state.unconfirmed_s <= 0.0:
        return 0.0
    return state.unconfirmed_s + _since_ms(state, now_s, CARRY_AT_MOST_S) / 1000


def clock_text(ms: int, longest_ms: int, *, tenths: bool = True) -> str:
    """Write a time as `m:ss.s`, or `h:mm:ss` when the call lasts an hour; always rounded down."""
    seconds, rest_ms = divmod(max(ms, 0), 1000)
    minutes, seconds = divmod(seconds, 60)
    if max(ms, longest_ms) >= 3_600_000:
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}" + (f".{rest_ms // TENTH_MS}" if tenths else "")


def phone_text(number: str) -> str:
    """Write a North American number in groups, `+1 555 010 0199`; any other as it came."""
    if len(number) == 12 and number.startswith("+1") and number[1:].isascii():
        return f"+1 {number[2:5]} {number[5:8]} {number[8:]}"
    return number


def hidden_phone(number: str) -> str:
    """Return a phone number of which only the last two digits can be read."""
    keep_from = max(len(number) - 2, 0)
    return "".join(
        "•" if sign.isalnum() and at < keep_from else sign for at, sign in enumerate(number)
    )


def when_text(created_at: str, zone: tzinfo | None = UTC) -> str:
    """Write a datetime of the API as `2026-01-15 10:30:00 UTC`, in `zone` (None: this machine's).

    What is none is written as it came.
    """
    moment = parse_datetime(created_at)
    if moment is None:
        return created_at
    shown = moment.astimezone(zone)
    return f"{shown:%Y-%m-%d %H:%M:%S} {shown.tzname() or f'{shown:%z}'}"


def gain_text(gain_db: float) -> str:
    """Write a gain as `+3 dB`, `−4.5 dB` or `0 dB`."""
    rounded = round(gain_db, 1)
    digits = f"{abs(rounded):.1f}".removesuffix(".0")
    sign = "+" if rounded > 0 else "−" if rounded < 0 else ""
    return f"{sign}{digits} dB"


def level_text(level_db: float) -> str:
    """Write a level as `−18 dB`, or `silent` at the floor."""
    if level_db <= LEVEL_FLOOR_DB + 0.5:
        return "silent"
    whole = round(level_db)
    return f"{'−' if whole < 0 else ''}{abs(whole)} dB"


def gain_to_column(gain_db: float, width: int) -> int:
    """Return the column, 0…width−1, of a gain on a slider."""
    share = (gain_db - GAIN_MIN_DB) / (GAIN_MAX_DB - GAIN_MIN_DB)
    return round(min(max(share, 0.0), 1.0) * (width - 1))


def column_to_gain_db(column: int, width: int) -> float:
    """Return the gain, in whole dB, at a column of a slider."""
    share = min(max(column / max(width - 1, 1), 0.0), 1.0)
    return float(round(GAIN_MIN_DB + share * (GAIN_MAX_DB - GAIN_MIN_DB)))


_TICK_STEPS_S = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 14_400, 28_800, 86_400),
)


def tick_step_ms(duration_ms: int, width: int, label_cells: int) -> int:
    """Return the smallest round step whose labels have room beside each other."""
    for step_s in _TICK_STEPS_S:
        if width * step_s * 1000 >= (label_cells + 3) * duration_ms:
            return step_s * 1000
    return max(duration_ms, _TICK_STEPS_S[-1] * 1000)


def _audible_ms(state: StateEvent, now_s: float) -> float:
    moves_ms = max(0.0, _since_ms(state, now_s, math.inf) - state.audible_in_ms)
    return state.audible_ms + moves_ms * state.speed


def _since_ms(state: StateEvent, now_s: float, at_most_s: float) -> float:
    return min(max(now_s - state.as_of_s, 0.0), at_most_s) * 1000


def desktop_text(state: StateEvent) -> str:
    """Write what the desktop's mixer leaves of the sound, or nothing if it leaves all."""
    if state.desktop_muted:
        return "muted in the desktop's mixer"
    if state.desktop_percent < 100:
        return f"at {state.desktop_percent} % in the desktop's mixer"
    return ""


def path_text(path: str) -> str:
    """Write a path as a shell takes it, shorter where it is in the user's own folder."""
    home = f"{Path.home()}/"
    return f"~/{path.removeprefix(home)}" if path.startswith(home) else path


def clip_texts(clip: ClipEvent) -> tuple[str, str]:
    """Write how it goes with a clip: in a line, and in another what else is to be known."""
    if clip.stage == "fetching":
        at_most = f"{math.ceil(clip.left_s)} s to go; nothing of it is heard."
        return "Fetching what the clip lacks.", at_most
    lacks_s = sum(end_ms - start_ms for start_ms, end_ms in clip.gaps_ms) / 1000
    lacks = f"{lacks_s:.1f} s of it could not be had and are silent." if lacks_s else ""
    digest = f"SHA-256 {clip.sha256[:16]}…, and words beside it."
    return f"Saved as {path_text(clip.sound)}", lacks or digest


def evened_text(evened: EvenedEvent) -> str:
    """Write which volumes make both parties equally loud."""
    parts = []
    for party in evened.parties:
        loud = party.loudness_lufs is not None
        volume = gain_text(party.gain_db) if loud else "left as it was, too little is remembered"
        parts.append(f"{PARTY_NAMES[party.party]} {volume}")
    return f"Equally loud: {', '.join(parts)}."


def slowed_text(before: StateEvent, state: StateEvent) -> str:
    """Return why a call is not heard faster any more, if it has come to what just comes."""
    if before.speed <= 1.0 or state.speed != 1.0 or state.lead_ms >= TENTH_MS * 10:
        return ""
    return "1× again: there is nothing more ahead."
