"""A vendor whose every text wants to do harm, and every byte that reaches a terminal or a file."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.rig.processes import CALLPLAYER, clean_environment
from tests.rig.pulse import Sink
from tests.rig.recorded import (
    CSI_OF_A_SCREEN,
    RecordedTerminal,
    controls_in,
    sequences_of,
)
from tests.rig.vendor import Script, Vendor

MARK = "EVIL"
TRICKS = (
    f"\x1b[2J\x1b[31m{MARK}",
    f"\x1b]0;{MARK}-TITLE\x07",
    f"\x1b]52;c;{MARK}\x07",
    f"\x1b]8;;http://{MARK}\x1b\\",
    f"\x1bP+q{MARK}\x1b\\\x1b_{MARK}\x1b\\\x1b^{MARK}\x1b\\",
    f"\x1bc\x1b[6n{MARK}",
    f"\x9b31m\x9d0;{MARK}\x9c\x90{MARK}\x9c",
    f"\x07\x08\x00\x0e\x7f{MARK}\r\n\u2028",
    f"\u202eesrever\u202c\u2066a\u2069\u200f\u061c{MARK}",
    f"\ufeff\u200b\u00ad{MARK}",
    f"[@click=app.quit]{MARK}[/]",
    f"[bold red]{MARK}[/]",
)
HARM = "".join(TRICKS)
LONG = HARM + "L" * 100_000
SAID = (*TRICKS, "fire", LONG, *TRICKS, "here")
BEGAN = datetime(2026, 3, 14, 2, 47, 9, tzinfo=UTC)

Open = Callable[..., RecordedTerminal]


def word(text: str, offset_s: float, speaker: str = "Caller") -> dict[str, Any]:
    at = BEGAN + timedelta(seconds=offset_s)
    return {
        "word": text,
        "speaker": speaker,
        "confidence": 0.9,
        "started_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ended_at": (at + timedelta(seconds=0.4)).isoformat(timespec="milliseconds"),
        "duration": 0.4,
        "start_offset": offset_s,
        "language_code": HARM[:30],
    }


def incident(identifier: str, phone: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "caller_phone_number": phone,
        "is_audio_live": False,
        "created_at": "2026-03-14 02:47:09 UTC",
        "caller_location": {"lat": 36.0, "lng": -121.5, "source": HARM},
    }


def script(folder: Path) -> Script:
    words = [
        word(text, 0.3 * at, ("Caller", "CallTaker")[at // 4 % 2]) for at, text in enumerate(SAID)
    ]
    return Script(
        folder=str(folder),
        incident=incident(HARM, f"+1{HARM}" + "9" * 1_200_000),  # more than a client's line holds
        listed=[incident(HARM, HARM), incident("short", LONG), incident(LONG, "+15550100")],
        frames=[
            {"type": HARM, "identifier": "IDENTIFIER", "message": {"type": HARM, "words": HARM}},
            *(
                {"identifier": "IDENTIFIER", "message": {"type": "transcript", "words": [each]}}
                for each in words
            ),
            {"type": "disconnect" + HARM, "reason": HARM, "reconnect": True},
        ],
        tracks=(f"caller {HARM}"[:400], f"call_taker {HARM}"[:400]),
        sound_s=20.0,
    )


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    folder = tmp_path_factory.mktemp("hostile")
    vendor = Vendor(folder, script(folder))
    yield vendor
    vendor.stop()


@pytest.fixture
def on_a_terminal(vendor: Vendor, sink: Sink, tmp_path: Path) -> Iterator[Open]:
    terminals: list[RecordedTerminal] = []

    def start(*words: str) -> RecordedTerminal:
        environment = clean_environment(tmp_path) | vendor.environment | sink.environment
        terminals.append(RecordedTerminal([*CALLPLAYER, *words], environment))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


def assert_a_screens_own(output: bytes) -> str:
    """Whatever steers the terminal is the screen's own; return the text that it shows."""
    csi, osc, text = sequences_of(output)
    assert {each[-1] for each in csi} <= CSI_OF_A_SCREEN
    assert "6n" not in csi
    assert not any(MARK in each for each in csi)
    for each in osc:
        number, _, content = each.partition(";")
        assert number in ("0", "9", "22", "52"), each
        assert MARK not in content
        assert not controls_in(content, "")
    assert not controls_in(text)
    return text


def assert_lines(output: bytes, allowed: str = "\r\n") -> str:
    """Nothing at all steers the terminal; return the text."""
    text = output.decode()
    assert not controls_in(text, allowed)
    return text


def logs(folder: Path) -> Iterator[bytes]:
    for path in folder.rglob("*.log"):
        yield path.read_bytes()


def test_the_screen_shows_it_harmless_and_so_do_title_clipboard_files_and_log(
    on_a_terminal: Open, tmp_path: Path
) -> None:
    screen = on_a_terminal("i1")
    screen.until("PLAYING")
    screen.until("[@click=app.quit]EVIL")
    screen.type("b")
    screen.until("Bookmark at")
    screen.type("c")
    screen.until("Copied for the clipboard")
    for keys in ("i", "i", "?", "\x1b", "v", "\x1b", "/fire\r", "y"):
        screen.type(keys)
        screen.read_for(0.25)
    screen.type("q")
    assert screen.until_ended() == 0
    text = assert_a_screens_own(screen.output)
    assert MARK in text
    _, osc, _ = sequences_of(screen.output)
    assert any(each.startswith("0;▶") for each in osc)
    (copied,) = [each.removeprefix("52;c;") for each in osc if each.startswith("52;")]
    citation = base64.b64decode(copied).decode()
    assert MARK in citation
    assert not controls_in(citation, "")
    kept = (tmp_path / ".local/share/callplayer/citation.txt").read_text()
    assert kept == citation + "\n"
    for form in ("md", "json", "csv"):
        printed = on_a_terminal("bookmarks", "i1", "--format", form)
        assert printed.until_ended() == 0
        assert MARK in assert_lines(printed.output)
    (reported,) = logs(tmp_path)
    assert_lines(reported, "\n")
    assert b"fire" not in reported


def test_plain_lines_are_harmless(on_a_terminal: Open, tmp_path: Path) -> None:
    plain = on_a_terminal("i1", "--plain")
    plain.until("[@click=app.quit]EVIL")
    plain.until("Playing at")
    plain.type("b")
    plain.until("Bookmark at")
    plain.until("fire")
    plain.type("/fire\r")
    plain.until("Once.")
    plain.type("i?q")
    assert plain.until_ended() == 0
    assert MARK in assert_lines(plain.output)


def test_lines_of_json_on_a_terminal_are_harmless_and_say_all_that_came(
    on_a_terminal: Open,
) -> None:
    headless = on_a_terminal("i1", "--headless")
    # The speakers' words come apart: the last one that was said need not be the last that is sent.
    # What is typed is echoed where the output has come to, which shall not be the middle of a line.
    headless.until(
        lambda output: (
            b'"incident"' in output
            and output.count(b'"word":') >= len(SAID)
            and output.endswith(b"\n")
        )
    )
    headless.type('{"cmd":"' + "\u202e\x9b31m" + '"}\n')
    headless.until("was not understood")
    headless.type('{"cmd":"quit"}\n')
    assert headless.until_ended() == 0
    text = headless.output.decode()
    echoed = '{"cmd":"\u202e\x9b31m"}'
    assert_lines(text.replace(echoed, "", 1).encode())
    reported = [json.loads(line) for line in text.splitlines() if line.startswith('{"event"')]
    (described,) = [event for event in reported if event["event"] == "incident"]
    assert described["id"] == HARM
    words = [w["word"] for event in reported if event["event"] == "words" for w in event["words"]]
    assert {trick.strip() for trick in TRICKS} <= set(words)


def test_the_list_and_the_picker_are_harmless(on_a_terminal: Open) -> None:
    listed = on_a_terminal("list")
    assert listed.until_ended() == 0
    assert assert_lines(listed.output).count("\n") == 3
    assert max(map(len, listed.output.decode().splitlines())) < 200
    picker = on_a_terminal()
    picker.until("short")
    picker.type("\x1b[B\x1b[B")
    picker.read_for(0.3)
    picker.type("q")
    assert picker.until_ended() == 0
    assert MARK in assert_a_screens_own(picker.output)


def test_what_is_looked_for_is_found_where_it_is() -> None:
    for character in ("\x9b", "\u202e", "\x07", "\x7f", "\ufeff", "\x00"):
        assert controls_in(f"a{character}b")
    with pytest.raises(AssertionError):
        assert_a_screens_own(b"\x1b]0;EVIL-TITLE\x07")
    for each in re.findall("\x1b\\[[^m]*?[a-zA-Z]", HARM):
        with pytest.raises(AssertionError):
            assert_lines(each.encode())
