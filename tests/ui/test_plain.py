"""Plain mode: what is said of what happens, the same keys, and no terminal needed."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.bookmarks import BookmarkStore, read_bookmarks
from callplayer.ipc.messages import (
    AdjustGain,
    ErrorEvent,
    Event,
    LaneLevel,
    LevelsEvent,
    ListDevices,
    Mute,
    SeekBy,
    SetOutputDevice,
    StateEvent,
    TogglePause,
    WordsEvent,
)
from callplayer.ipc.news import EngineGone
from callplayer.ui.key_profiles import key_of
from callplayer.ui.key_reader import KeyReader
from callplayer.ui.keymap import ACTIONS
from callplayer.ui.model.transcript import Script, after_words
from callplayer.ui.options import PlayerResult
from callplayer.ui.plain.keys import keys_in, read_keys
from callplayer.ui.plain.player import PlainPlayer, character_of
from callplayer.ui.plain.transcript import SpokenTranscript
from callplayer.ui.settings import ScreenSettings
from callplayer.vendor.commands import Scrub
from callplayer.vendor.transcript import Speaker
from tests.rig.clock import SteppedClock
from tests.rig.processes import is_running
from tests.ui.scenes import DEVICES, PAUSED, but
from tests.ui.scripted import (
    FROZEN_S,
    INCIDENT,
    PARTIES,
    PLAYING,
    ScriptedEngine,
)
from tests.ui.talk import BEGAN, TALK, events_of, word
from tests.ui.test_terminal import PLAY_FAKE, Terminal

CONNECTING = StateEvent(phase="connecting", parties=PARTIES)


def plain(*events: object) -> tuple[PlainPlayer, ScriptedEngine, list[str]]:
    engine, lines = ScriptedEngine(), list[str]()
    player = PlainPlayer(
        engine,
        lines.append,
        ACTIONS,
        settings=ScreenSettings(),
        store=BookmarkStore("i1", None),
        clock=lambda: FROZEN_S,
    )
    for event in events:
        player.take(event)  # type: ignore[arg-type]
    return player, engine, lines


def press(player: PlainPlayer, *keys: str) -> None:
    for key in keys:
        name = key_of(key) or key
        player.press(name, character_of(name))


def test_what_happens_is_said_once_in_a_line_each() -> None:
    louder = (but_gain := PARTIES[0]).__class__(party="caller", gain_db=4.0, muted=True)
    assert but_gain.gain_db == 3.0
    _, _, lines = plain(
        CONNECTING,
        INCIDENT,
        PLAYING,
        PLAYING,
        but(PLAYING, parties=(louder, PARTIES[1])),
        but(PLAYING, parties=(louder, PARTIES[1]), requested_ms=10_000),
        but(PLAYING, parties=(louder, PARTIES[1]), audible_ms=10_000),
        but(PAUSED, parties=(louder, PARTIES[1])),
        ErrorEvent(code="x", message="The device is gone.", hint="Plug it in."),
    )
    assert lines == [
        f"Incident {INCIDENT.id}.",
        "Playing at 1:23 of 4:32.",
        "Caller: volume +4 dB.",
        "Caller: muted.",
        "At 0:10 of 4:32.",
        "Paused at 1:23 of 4:32.",
        "The device is gone. Plug it in.",
    ]


def test_a_call_that_comes_back_is_reported_with_the_place_that_it_goes_to() -> None:
    lost = but(PLAYING, phase="reconnecting", advancing=False)
    new_room = but(PLAYING, position_ms=0, audible_ms=0, requested_ms=83_400, advancing=False)
    _, _, lines = plain(PLAYING, lost, new_room, PLAYING)
    assert lines == [
        "Playing at 1:23 of 4:32.",
        "Reconnecting at 1:23 of 4:32.",
        "Playing at 1:23 of 4:32.",
        "At 1:23 of 4:32.",
    ]


def test_keys_and_names_of_actions_do_what_they_do_on_the_screen() -> None:
    player, engine, lines = plain(INCIDENT, PLAYING)
    press(player, "space", "left", "up", "m", "back-60s", "K", "nothing")
    press(player, "t", *"2:00", "enter", "tab", "i")
    assert engine.requests == [
        *(TogglePause(), SeekBy(-5_000), AdjustGain(1.0, "caller"), Mute("caller")),
        *(SeekBy(-60_000), TogglePause(), Scrub(120_000)),
    ]
    assert "nothing does nothing here. Help: question mark." in lines
    assert lines[-2:] == ["Call taker selected.", "Playing at 1:23 of 4:32."]


def test_words_are_searched_and_bookmarks_set() -> None:
    player, engine, lines = plain(INCIDENT, PLAYING, *TALK)
    press(player, "v", "/", *"smoke", "enter", "n", "N", "b", "w", "v")
    assert engine.requests == [Scrub(99_800), Scrub(82_200), Scrub(99_800)]
    assert lines[2] == "There are no bookmarks."
    marked = "Bookmark at 1:23.4: the key again adds a note."
    previous = KeyReader(ACTIONS).read("N", "N")[1]
    assert lines[-5:-1] == ["2 times.", previous, marked, "That needs the screen."]
    assert lines[-1].startswith("1:23.4  Caller: There is smoke coming")


def test_a_bookmark_has_its_clock_time_and_its_note_and_a_search_has_an_end(
    tmp_path: Path,
) -> None:
    player, engine, lines = plain(INCIDENT, PLAYING, *TALK)
    player.control.store = BookmarkStore("i1", tmp_path / "i1.json")
    press(player, "b", "b", *"on fire", "enter", "/", *"kitchen", "enter", "escape", "escape")
    (kept,) = read_bookmarks(tmp_path / "i1.json")
    assert re.fullmatch(r"\d\d:\d\d:23 \S+", kept.clock)
    assert (kept.position_ms, kept.note) == (83_400, "on fire")
    assert kept.words.startswith("Caller: There is smoke")
    assert lines[-6:] == [
        *("Note at 1:23.4: type, then Enter.", "Noted.", "Search: type, then Enter.", "Once."),
        *("The search is over.", "There is nothing to close."),
    ]
    player.take(but(PLAYING, audible_ms=10_000, position_ms=10_000))
    press(player, "n")
    assert engine.requests[-1] == Scrub(83_400), "to the bookmark: the search is over"


def test_what_cannot_be_found_or_marked_yet_is_reported() -> None:
    player, engine, lines = plain(CONNECTING)
    press(player, "b", "/", "tab", "t", "escape")
    assert lines == [
        "There is no place to mark yet.",
        "The transcript has not come yet.",
        "Call taker selected.",
        "Go to: type, then Enter.",
        "Left as it was.",
    ]
    assert engine.requests == []


def test_every_sign_can_be_typed_into_a_line() -> None:
    for sign in map(chr, range(0x20, 0x7F)):
        assert character_of(key_of(sign) or "") == sign
    player, engine, _ = plain(INCIDENT, PLAYING, *TALK)
    press(player, "t", *"@", *f"{datetime.fromtimestamp(BEGAN.timestamp() + 60):%H:%M:%S}", "enter")
    (asked,) = engine.requests
    assert isinstance(asked, Scrub)
    assert asked.position == pytest.approx(60_000, abs=1_000)


def test_a_line_of_a_pipe_is_a_key_an_action_or_the_answer_to_what_was_asked() -> None:
    player, engine, lines = plain(INCIDENT, PLAYING, *TALK)
    for line in ("go-to", "2:00", "/", "my father", "t", "Esc", "mute", "m", "nothing"):
        player.take_line(line)
    assert engine.requests == [
        *(Scrub(120_000), Scrub(84_300), Mute("caller"), Mute("caller")),
    ]
    assert lines[-2:] == ["Left as it was.", "nothing does nothing here. Help: question mark."]


def test_why_nothing_is_heard_and_what_is_not_confirmed_is_said_once() -> None:
    player, _, lines = plain(INCIDENT, PLAYING)
    player.control.clock = clock = SteppedClock()

    def said(event: Event, *at_s: float) -> list[str]:
        before = len(lines)
        player.take(event)
        for clock.now_s in at_s:
            player.say_trouble()
        return lines[before:]

    silent = LaneLevel(lane="caller", rms_db=-90.0, peak_db=-90.0, hold_db=-90.0)
    quiet = LevelsEvent(levels=(silent,))
    assert said(quiet, FROZEN_S + 2) == []
    assert said(quiet, FROZEN_S + 4, FROZEN_S + 5) == ["Nobody speaks, for 4 s now."]
    waits = but(PLAYING, requested_ms=10_000, unconfirmed_s=0.9, as_of_s=FROZEN_S + 5)
    assert said(waits, FROZEN_S + 5.05, FROZEN_S + 6, FROZEN_S + 7) == [
        "Not confirmed by the server for 1 s."
    ]
    lost = but(
        PLAYING, phase="reconnecting", advancing=False, detail="No answer.", lost_at_s=FROZEN_S
    )
    assert said(but(lost, retry_at_s=FROZEN_S + 12), FROZEN_S + 8, FROZEN_S + 9)[1:] == [
        "No answer. Lost 8 s ago; next try in 4 s. R tries at once."
    ]


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=12),
    st.lists(st.integers(0, 30), min_size=1, max_size=40),
)
def test_words_that_come_late_are_said_once_each_and_in_order(
    lengths: list[int], late: list[int]
) -> None:
    """A live call: a word comes up to 3 s after it was spoken, while playing goes on."""
    spoken = [
        word(round(5.0 * turn + 0.3 * n, 3), f"w{turn}-{n}", ("Caller", "CallTaker")[turn % 2])
        for turn, length in enumerate(lengths)
        for n in range(length)
    ]
    script, reading, lines = Script(), SpokenTranscript(), list[str]()
    sent = 0
    for at_ms in range(0, round(spoken[-1].start_offset * 1000) + 5_000, 100):
        held_back_ms = 100 * late[sent % len(late)]
        if sent < len(spoken) and at_ms >= spoken[sent].start_offset * 1000 + held_back_ms:
            script = after_words(script, (spoken[sent],))
            sent += 1
        lines += reading.due(script, at_ms)
    printed = [each for line in lines for each in line.split() if each.startswith("w")]
    assert printed == [each.word for each in spoken]


def test_a_jump_says_what_is_heard_there_and_not_what_lies_between() -> None:
    script = Script()
    for event in TALK:
        script = after_words(script, event.words)
    reading = SpokenTranscript()
    assert reading.due(script, 83_400)[0].startswith("Caller: There is smoke")
    assert reading.due(script, 98_000) == [
        "Caller: Yes, I am outside, on the street. I can see the smoke."
    ]
    assert reading.due(script, 98_100) == []
    assert reading.due(script, 83_400)[0].startswith("Caller: There is smoke"), "it is heard again"
    assert reading.due(script, 1_000) == []


def test_a_place_that_is_corrected_a_little_back_repeats_no_words() -> None:
    script = Script()
    for event in TALK:
        script = after_words(script, event.words)
    reading = SpokenTranscript()
    assert reading.due(script, 83_400)[0].startswith("Caller: There is smoke")
    assert reading.due(script, 83_300) == []
    assert reading.due(script, 82_900) == []
    assert reading.due(script, 82_300)[0].startswith("Caller: There is smoke"), "a jump back"


def test_a_place_is_cited_and_a_device_picked_in_lines() -> None:
    player, engine, lines = plain(INCIDENT, PLAYING, *TALK)
    press(player, "c", "d")
    player.take(DEVICES)
    press(player, "3", "enter", "d")
    player.take(DEVICES)
    press(player, "9", "enter")
    assert lines[-10].startswith(f"Incident {INCIDENT.id}, 2026-01-15 ")
    assert "“There is smoke" in lines[-10]
    listed = [
        "1: Plantronics C320 Headset, plays now",
        "2: Built-in Audio Analog Stereo",
        "3: HDMI / DisplayPort 2 Output",
        "Device, 0 for the system's default: type, then Enter.",
    ]
    assert lines[-9:] == [*listed, *listed, "That is none of them."]
    assert engine.requests == [ListDevices(), SetOutputDevice("hdmi"), ListDevices()]


@pytest.mark.parametrize(
    ("typed", "device"),
    [("0", ""), ("00", ""), ("03", "hdmi"), ("4", None), ("-1", None), (" ", None),
     ("1" * 5_000, None), ("²", None)],
)  # fmt: skip
def test_only_the_number_of_a_device_picks_one(typed: str, device: str | None) -> None:
    player, engine, lines = plain(INCIDENT, PLAYING)
    press(player, "d")
    player.take(DEVICES)
    player.take_line(typed)
    assert engine.requests[1:] == ([] if device is None else [SetOutputDevice(device)])
    assert (lines[-1] == "That is none of them.") == (device is None)


def test_what_no_engine_takes_is_not_reported_as_done() -> None:
    player, engine, lines = plain(INCIDENT, PLAYING)
    press(player, "a")
    player.take(but(PLAYING, position_ms=88_400, audible_ms=88_400))
    engine.takes_requests = False
    before = player.view
    for *earlier, key in ("a", ("x", "enter"), ("left",), "r", "m", "5"):
        press(player, *earlier)
        del lines[:]
        press(player, key)
        assert lines == ["The audio engine is not ready: press the key again."], key
    assert player.view == before
    engine.takes_requests = True
    press(player, "a")
    assert len(engine.requests) == 1
    player.take(EngineGone("The server is gone.", "Try again.", 5))
    press(player, "left")
    assert lines[-1] == "The server is gone."
    assert len(engine.requests) == 1


def test_silence_is_skipped_in_plain_mode_too() -> None:
    player, engine, lines = plain(INCIDENT, PLAYING, *events_of([word(80, "a"), word(120, "b")]))
    player.control.skip_silence()
    press(player, "S")
    player.control.skip_silence()
    assert lines[-3:] == [
        "Silence over 3 s is skipped.",
        "Is Caps Lock on? S: skip silence; s: solo the party.",
        "36 s of silence skipped.",
    ]
    assert engine.requests == [Scrub(119_500)]


def test_a_speaker_at_the_live_end_is_named_at_the_beginning() -> None:
    live = but(PLAYING, call_over=False, duration_ms=200_000)
    player, _, lines = plain(INCIDENT, live, *events_of([word(1, "a")]))
    player.control.clock = clock = SteppedClock()
    before = len(lines)
    spoken: tuple[tuple[float, float, Speaker], ...] = (
        *((FROZEN_S, 190.0, "Caller"), (FROZEN_S + 2, 191.0, "Caller")),
        *((FROZEN_S + 3, 192.0, "CallTaker"), (FROZEN_S + 20, 195.0, "CallTaker")),
    )
    for clock.now_s, at_s, speaker in spoken:
        player.take(WordsEvent(words=(word(at_s, "x", speaker),)))
    assert lines[before:] == [
        f"{name} speaks at the live end." for name in ("Caller", "Call taker", "Call taker")
    ]


async def test_words_are_said_as_they_are_heard() -> None:
    player, _, lines = plain(INCIDENT, PLAYING, *TALK)
    player.say_words()
    player.say_words()
    player.take(but(PLAYING, audible_ms=88_700))
    player.say_words()
    assert [line for line in lines if ": " in line] == [
        "Caller: There is smoke coming out of the kitchen and my father is still inside.",
        "Caller: Please hurry.",
    ]


async def keys_of(keys: Sequence[str]) -> AsyncIterator[str]:
    for key in keys:
        await asyncio.sleep(0)
        yield key


async def test_it_ends_by_a_key_by_the_end_of_the_call_and_by_failure() -> None:
    player, _, _ = plain(INCIDENT, PLAYING)
    assert await player.run(keys_of(["q"])) == PlayerResult(0)
    player, _, _ = plain(INCIDENT, but(PLAYING, phase="at-end", advancing=False))
    assert await player.run(keys_of([])) == PlayerResult(0)
    player, engine, _ = plain(INCIDENT)
    engine.events = (EngineGone("The server is gone.", "Try again.", 5),)
    gone = asyncio.ensure_future(player.run(keys_of([])))
    await asyncio.sleep(0.05)
    press(player, "q")
    assert await gone == PlayerResult(5, "The server is gone.", "Try again.")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (" kK?", ["space", "k", "K", "question_mark"]),
        ("\x1b[A\x1b[D\x1b", ["up", "left", "escape"]),
        ("\x1bOA\x1b[1~\x1b[8~\x1bOP\x1b[15~\x1b[[B", ["up", "home", "end", "f1", "f5", "f2"]),
        ("\x1b[2~\x1b[3~\x1b[17~\x1b[24~", ["insert", "delete", "f6", "f12"]),
        (
            "\x1b[1;5C\x1b[1;2A\x1b[3;5~\x1bO5D",
            ["ctrl+right", "shift+up", "ctrl+delete", "ctrl+left"],
        ),
        ("\x1b[1;6C\x1b\x1b[C\x1b[1;3P", ["ctrl+shift+right", "alt+right", "alt+f1"]),
        ("\x1bq\x1bé\x1b\x7f\x1b[", ["alt+q", "alt+é", "alt+backspace", "alt+left_square_bracket"]),
        ("\x1b\x1b", ["escape", "escape"]),
        # What names no key here does nothing: no part of it is a key.
        ("\x1b[99~\x1b[3^\x1b[<0;12;4M\x1b[?1;2c\x1b[1;9C\x1b[12;40R\x1b[3$", []),
        ("\x1b]11;rgb:00/00/00\x07\x1bP1$r0m\x1b\\5\x1b[1;5", ["5"]),
        ("\x1b[5~\t\x1b[Z\r\x7f", ["pageup", "tab", "shift+tab", "enter", "backspace"]),
        ("\x11\x1b[1;2C,", ["ctrl+q", "shift+right", "comma"]),
    ],
)
def test_what_a_terminal_sends_is_read_as_keys(text: str, keys: list[str]) -> None:
    assert keys_in(text, is_all=True) == (keys, "")
    for cut in range(len(text)):
        first, rest = keys_in(text[:cut])
        more, rest = keys_in(rest + text[cut:])
        assert first + more + keys_in(rest, is_all=True)[0] == keys


async def test_a_key_that_comes_in_two_reads_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    stdin = SimpleNamespace(isatty=lambda: True, fileno=lambda: reader)
    monkeypatch.setattr(sys, "stdin", stdin)
    reading = read_keys(unfinished_s=30.0)
    for sent, cut, key in ((b"\x1b[C", 1, "right"), ("é".encode(), 1, "é")):
        os.write(writer, sent[:cut])
        pressed = asyncio.ensure_future(anext(reading))
        await asyncio.sleep(0.05)
        os.write(writer, sent[cut:])
        assert await pressed == key_of(key)
    await reading.aclose()
    os.close(reader)
    os.close(writer)


def test_from_a_pipe_each_line_is_a_key_and_no_terminal_is_needed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    ran = subprocess.run(
        [sys.executable, str(PLAY_FAKE), "--playing", "--pids", str(pids)],
        env=os.environ | {"PLAY_FAKE_LOG": str(tmp_path / "log"), "PLAY_FAKE_PLAIN": "1"},
        input="toggle-pause\n\nkeys\nq",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Connecting.\n")
    assert "keys does nothing here. Help: question mark.\n" in ran.stdout
    assert not any(is_running(int(pid)) for pid in pids.read_text().split())


def test_a_call_left_in_the_middle_is_offered_the_next_time(tmp_path: Path) -> None:
    places = tmp_path / "places.json"

    def lines_until_playing() -> list[str]:
        """Run it until it plays, leave, and return what was written."""
        with subprocess.Popen(
            [sys.executable, str(PLAY_FAKE), "--playing"],
            env=os.environ
            | {
                "PLAY_FAKE_LOG": str(tmp_path / "log"),
                "PLAY_FAKE_PLAIN": "1",
                "PLAY_FAKE_PLACES": str(places),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stdin is not None
            assert running.stdout is not None
            lines = []
            while not lines or not lines[-1].startswith("Playing at"):
                lines.append(running.stdout.readline())
                assert lines[-1], lines
            running.stdin.write("q\n")
            running.stdin.flush()
            rest = running.stdout.read()
            assert running.wait(30) == 0
        return [*lines, *rest.splitlines()]

    assert not any("Go on" in line for line in lines_until_playing())
    assert re.fullmatch(r'\{"[0-9a-f]{32}":8\d{4}\}\n', places.read_text())
    assert any("? Enter goes there." in line for line in lines_until_playing())


def test_on_a_terminal_keys_work_one_by_one_and_it_is_given_back(tmp_path: Path) -> None:
    terminal = Terminal(
        tmp_path, str(PLAY_FAKE), "--playing", variables={"PLAY_FAKE_PLAIN": "1", "TERM": "dumb"}
    )
    try:
        terminal.until(lambda: b"Playing at" in terminal.output)
        os.write(terminal.master, b" ")
        terminal.until(lambda: b"Paused at" in terminal.output)
        os.write(terminal.master, b"\x1b[3~\x1b")
        terminal.until(lambda: b"nothing to close" in terminal.output)
        said = terminal.output.partition(b"Paused at")[2].decode().splitlines()[1:]
        assert said == [
            "delete does nothing here. Help: question mark.",
            "There is nothing to close.",
        ]
        os.write(terminal.master, b"q")
        assert terminal.until_ended() == 0
        assert b"\x1b" not in terminal.output
        terminal.until_no_engine()
    finally:
        terminal.close()


def test_the_help_lists_what_works_here_in_words() -> None:
    player, _, lines = plain(INCIDENT, PLAYING)
    del lines[:]
    press(player, "?")
    assert "Play or pause: space bar or k." in lines
    assert "5 seconds back: left arrow." in lines
    assert "1 second ahead: full stop or shift right arrow." in lines
    assert "To 10 up to 90 percent of the call: 1 to 9." in lines
    assert "Quit: q or control C or control Q." in lines
    for line in lines:
        assert line.isascii(), line
        assert not set(line) & set("/+=<>^?"), line
    names = {"point", "zoom-in", "zoom-out", "zoom-fit", "read", "palette", "theme"}
    missing = [action for action in ACTIONS if action.name in names]
    for action in missing:
        assert not any(line.startswith(action.title or action.topic) for line in lines)
    for action in ACTIONS:
        if action not in missing and "percent" not in action.name:
            player.front_actions["suspend"] = lambda: None
            player.act(action)
    assert "That needs the screen." not in lines
