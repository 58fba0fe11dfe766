"""Every key: the exact lines that reach the engine, and what the screen then shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from callplayer.ui.keymap import ACTIONS, by_key
from callplayer.ui.options import PlayerResult
from tests.ui.live import Session, player, player_here

CALLER = '"callerType":"caller"'
# key: (lines that reach the engine, large clock, text on the screen); the call stands at 1:23.4
# of 4:32.0, paused, with the caller selected.
EXPECTED: dict[str, tuple[list[str], str, str]] = {
    "space": (['{"cmd":"toggle-pause"}'], "", "▶ PLAYING"),
    "k": (['{"cmd":"toggle-pause"}'], "", "▶ PLAYING"),
    "left": (['{"cmd":"seek-by","offset_ms":-5000}'], "1:18.4", ""),
    "right": (['{"cmd":"seek-by","offset_ms":5000}'], "1:28.4", ""),
    "comma": (['{"cmd":"seek-by","offset_ms":-1000}'], "1:22.4", ""),
    "shift+left": (['{"cmd":"seek-by","offset_ms":-1000}'], "1:22.4", ""),
    "full_stop": (['{"cmd":"seek-by","offset_ms":1000}'], "1:24.4", ""),
    "shift+right": (['{"cmd":"seek-by","offset_ms":1000}'], "1:24.4", ""),
    "j": (['{"cmd":"seek-by","offset_ms":-10000}'], "1:13.4", ""),
    "l": (['{"cmd":"seek-by","offset_ms":10000}'], "1:33.4", ""),
    "pageup": (['{"cmd":"seek-by","offset_ms":-60000}'], "0:23.4", ""),
    "pagedown": (['{"cmd":"seek-by","offset_ms":60000}'], "2:23.4", ""),
    "home": (['{"cmd":"seek-to","position_ms":0}'], "0:00.0", ""),
    "end": (['{"cmd":"scrub-to-end"}'], "4:32.0", ""),
    **{
        str(n): (
            [f'{{"cmd":"seek-to","position_ms":{27_200 * n}}}'],
            f"{27_200 * n // 60_000}:{27_200 * n // 1000 % 60:02}.{27_200 * n // 100 % 10}",
            "",
        )
        for n in range(1, 10)
    },
    "r": (['{"cmd":"seek-to","position_ms":81400}', '{"cmd":"resume"}'], "", "▶ PLAYING"),
    "a": ([], "1:23.4", "Loop from 1:23.4"),
    "left_square_bracket": (['{"cmd":"set-speed","speed":0.9}'], "1:23.4", "0.9×."),
    "right_square_bracket": ([], "1:23.4", "Nothing more is remembered ahead"),
    "left_curly_bracket": (['{"cmd":"set-speed","speed":0.5}'], "1:23.4", "0.5×."),
    "right_curly_bracket": ([], "1:23.4", "Nothing more is remembered ahead"),
    "backspace": ([], "1:23.4", "It is heard as fast as it was said."),
    "C": ([], "1:23.4", "Only a call that goes on can be caught up with."),
    "u": ([], "1:23.4", "There is no jump to undo."),
    "t": ([], "1:23.4", "Go to: "),
    "p": ([], "1:23.4", "↓1:23.4  10:31:23 UTC"),
    "b": ([], "1:23.4", "Bookmark at 1:23.4"),
    "v": ([], "1:23.4", "─ bookmarks 0"),
    "c": ([], "1:23.4", "Copied for the clipboard."),
    "x": ([], "1:23.4", "No clip here: set a loop"),
    "X": (['{"cmd":"make-audible"}'], "1:23.4", ""),
    "e": (['{"cmd":"even-volumes"}'], "1:23.4", ""),
    "slash": ([], "1:23.4", "The transcript has not come yet."),
    "w": ([], "1:23.4", "The transcript has not come yet."),
    "n": ([], "1:23.4", "There are no bookmarks."),
    "N": ([], "1:23.4", "There are no bookmarks."),
    "plus": ([], "1:23.4", "2:58┘"),
    "minus": ([], "1:23.4", "The whole call is shown."),
    "f": ([], "1:23.4", "The whole call is shown."),
    "ctrl+p": ([], "", "What do you want to do?"),
    "y": ([], "1:23.4", "Colours: light."),
    "R": ([], "1:23.4", "The link stands: there is nothing to reconnect."),
    "S": ([], "1:23.4", "Silence over 3 s is skipped where it was heard before."),
    "tab": ([], "1:23.4", "▸ Call taker"),
    "shift+tab": ([], "1:23.4", "▸ Call taker"),
    "up": ([f'{{"cmd":"adjust-gain","delta_db":1.0,{CALLER}}}'], "", "+1 dB"),
    "down": ([f'{{"cmd":"adjust-gain","delta_db":-1.0,{CALLER}}}'], "", "−1 dB"),
    "equals_sign": ([f'{{"cmd":"set-gain","gain":0.0,{CALLER}}}'], "", "0 dB"),
    "m": ([f'{{"cmd":"mute",{CALLER}}}'], "", "M MUTED"),
    "s": ([f'{{"cmd":"solo",{CALLER}}}'], "", "S SOLO"),
    "d": (['{"cmd":"list-devices"}'], "1:23.4", "─ sound device"),
    "i": ([], "", "─ delay"),
    "question_mark": ([], "", "Play / pause"),
    "escape": ([], "1:23.4", ""),
    "enter": ([], "1:23.4", "This call was not left in the middle."),
}
LEAVING = {"q", "ctrl+c", "ctrl+q"}
SUSPENDING = {"ctrl+z"}
"""In a shell on a real terminal, in tests/ui/test_suspend.py."""


def test_the_table_below_is_the_whole_keymap() -> None:
    assert set(by_key(ACTIONS)) == set(EXPECTED) | LEAVING | SUSPENDING


async def _ready(session: Session) -> None:
    await session.until_text("▮▮ PAUSED")
    await session.until(lambda: session.shows_clock("1:23.4"))
    await session.until_text("▸ Caller")


@pytest.mark.parametrize("key", EXPECTED)
async def test_key(key: str, tmp_path: Path) -> None:
    lines, clock, text = EXPECTED[key]
    async with player_here(tmp_path) as session:
        await _ready(session)
        await session.pilot.press(key)
        await session.until(lambda: len(session.requests()) >= len(lines))
        if clock:
            await session.until(lambda: session.shows_clock(clock), f"for {clock}")
        if text:
            await session.until_text(text)
        assert session.requests() == lines


@pytest.mark.parametrize("key", sorted(LEAVING))
async def test_leaving_keys_end_the_application_and_the_engine(key: str, tmp_path: Path) -> None:
    async with player(tmp_path) as session:
        await _ready(session)
        await session.pilot.press(key)
        await session.until(lambda: session.result() is not None)
        assert session.result() == PlayerResult(0)
    assert session.requests() == ['{"cmd":"quit"}']


async def test_mute_and_solo_toggle_the_selected_party(tmp_path: Path) -> None:
    async with player(tmp_path) as session:
        await _ready(session)
        await session.pilot.press("tab", "m")
        await session.until_text("M MUTED")
        await session.pilot.press("m")
        await session.until(lambda: "M MUTED" not in session.text)
        await session.pilot.press("s")
        await session.until_text("S SOLO")
        await session.until_text("not heard")
        await session.pilot.press("s")
        await session.until(lambda: "S SOLO" not in session.text)
    taker = '"callerType":"callTaker"'
    assert session.requests()[:4] == [
        f'{{"cmd":"{word}",{taker}}}' for word in ("mute", "unmute", "solo", "unsolo")
    ]


async def test_an_answer_to_a_key_goes_with_the_next_and_only_a_refusal_is_marked(
    tmp_path: Path,
) -> None:
    async with player(tmp_path) as session:
        await _ready(session)
        await session.pilot.press("u")
        await session.until_text("! There is no jump to undo.")
        await session.pilot.press("a")
        await session.until_text(" Loop from 1:23.4")
        assert "no jump" not in session.text
        assert "! Loop" not in session.text
        await session.pilot.press("tab")
        await session.until(lambda: "Loop from" not in session.text)


async def test_percent_keys_rest_on_a_growing_call_and_say_so(tmp_path: Path) -> None:
    async with player(tmp_path, "--growing") as session:
        await _ready(session)
        await session.pilot.press("5")
        await session.until_text("Percent keys rest")
        assert session.requests() == []


async def test_capitals_count_as_small_letters(tmp_path: Path) -> None:
    async with player(tmp_path) as session:
        await _ready(session)
        await session.pilot.press("M")
        await session.until_text("M MUTED")


async def test_a_target_is_shown_at_once_and_warned_of_after_a_second(tmp_path: Path) -> None:
    async with player(tmp_path, "--refuse") as session:
        await _ready(session)
        await session.pilot.press("pagedown")
        await session.until_text("◇ → 2:23")
        assert "◆" in session.text
        assert session.shows_clock("1:23.4")
        assert "not confirmed" not in session.text
        await session.until_text("Not confirmed by the server for 1 s")
        await session.until_text("Not confirmed by the server for 2 s")


async def test_keys_go_on_working_while_help_is_open(tmp_path: Path) -> None:
    async with player(tmp_path) as session:
        await _ready(session)
        await session.pilot.press("question_mark", "space")
        await session.until_text("▶ PLAYING")
        assert "Play / pause" in session.text
        await session.pilot.press("escape")
        await session.until(lambda: "Play / pause" not in session.text)


async def test_a_device_is_picked_with_the_arrows_while_other_keys_go_on_working(
    tmp_path: Path,
) -> None:
    async with player(tmp_path, size=(60, 16)) as session:
        await session.until_text("▮▮ PAUSED")
        await session.pilot.press("d")
        await session.until_text("▸ ● System default")
        await session.until_text("○ Fake headphones  plays now")
        await session.pilot.press("end", "up", "down", "space")
        await session.until_text("▸ ○ Fake speakers")
        await session.until_text("▶ PLAYING")
        await session.pilot.press("enter")
        await session.until(lambda: "System default" not in session.text)
        await session.pilot.press("d")
        await session.until_text("▸ ● Fake speakers  plays now")
        await session.pilot.press("home", "escape", "up")
        await session.until(lambda: "System default" not in session.text)
        await session.until_text("+1 dB")
        asked = [line for line in session.requests() if "output-device" in line]
        assert asked == ['{"cmd":"set-output-device","name":"Fake speakers"}']
