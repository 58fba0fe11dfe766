"""Record `callplayer demo` on a terminal: `python -m tests.ui.make_recording [FILE.gif]`.

The program is the real one, with its own service, room server and sound; what it writes to the
terminal is dated as it comes, read by a terminal emulator, and drawn ten times a second.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pyte
from PIL import Image

from tests.rig.dated_screen import DatedScreen
from tests.rig.processes import CALLPLAYER, clean_environment
from tests.rig.pulse import Sink, pulse_server
from tests.ui.pixels import Cell, Rgb, picture

ROOT = Path(__file__).resolve().parents[2]
COLUMNS, ROWS = 96, 28
FRAME_S = 0.1
GROUND: Rgb = (0x0E, 0x13, 0x1A)
INK: Rgb = (0xD3, 0xDB, 0xE6)
NOT_DRAWN = re.compile(rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\]22;.*?(?:\x07|\x1b\\)")
"""Sequences that ask the terminal for its keyboard: the emulator does not know them."""

PLAY: tuple[tuple[float, str], ...] = (
    (4.0, "\x1b[C"),  # what to press, and how long to look before
    (2.0, "r"),
    (2.5, "p"),
    *((0.12, "\x1b[C") for _ in range(14)),
    (1.2, "\r"),
    (2.0, "/"),
    *((0.18, letter) for letter in "smoke"),
    (1.2, "\r"),
    (2.5, "m"),
    (1.5, "m"),
    (1.0, "?"),
    (2.0, "?"),
    (1.5, " "),
    (1.5, ""),
)


def record(home: Path) -> list[tuple[float, bytes]]:
    """Play the demo; return what it wrote and when, from the moment it plays."""
    written: list[tuple[float, bytes]] = []
    with pulse_server() as server:
        sink = Sink(server, "Headset")
        environment = clean_environment(home) | sink.environment | {"COLORTERM": "truecolor"}
        screen = DatedScreen(
            [*CALLPLAYER, "demo"], environment, columns=COLUMNS, rows=ROWS,
            wrote=lambda output, now_s: written.append((now_s, output)),
        )  # fmt: skip
        try:
            screen.wait_for("▶ PLAYING", timeout_s=120.0)
            began_s = time.monotonic() + 1.0
            for wait_s, keys in PLAY:
                time.sleep(wait_s)
                screen.type(keys)
            ended_s = time.monotonic()
            screen.quit()
        finally:
            screen.close()
            sink.close()
    before = b"".join(output for at_s, output in written if at_s < began_s)
    rest = [(at_s - began_s, output) for at_s, output in written if began_s <= at_s < ended_s]
    return [(0.0, before), *rest]


def frames(written: Sequence[tuple[float, bytes]]) -> list[Image.Image]:
    """Return what stood on the terminal, a picture each FRAME_S."""
    terminal = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(terminal)
    made: list[Image.Image] = []
    at = 0
    for number in range(int(written[-1][0] / FRAME_S) + 1):
        while at < len(written) and written[at][0] <= number * FRAME_S:
            stream.feed(NOT_DRAWN.sub(b"", written[at][1]))
            at += 1
        made.append(picture([_row(terminal, y) for y in range(ROWS)], GROUND))
    return made


def _row(terminal: pyte.Screen, y: int) -> list[Cell]:
    row = []
    for x in range(COLUMNS):
        char = terminal.buffer[y][x]
        ink, ground = _rgb(char.fg, INK), _rgb(char.bg, GROUND)
        if char.reverse:
            ink, ground = ground, ink
        row.append(Cell(char.data, ink, ground, char.bold, char.underscore))
    return row


def _rgb(name: str, otherwise: Rgb) -> Rgb:
    if len(name) != 6 or name == "default":
        return otherwise
    return int(name[:2], 16), int(name[2:4], 16), int(name[4:], 16)


def save(pictures: Sequence[Image.Image], path: Path) -> None:
    """Write a GIF of as few colours and changes as there are; equal frames become a longer one."""
    half = [each.resize((each.width * 3 // 4, each.height * 3 // 4), Image.Resampling.LANCZOS)
            for each in pictures]  # fmt: skip
    palette = half[len(half) // 2].quantize(48, dither=Image.Dither.NONE)
    drawn = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in half]
    drawn[0].save(
        path, save_all=True, append_images=drawn[1:], duration=round(FRAME_S * 1000), loop=0,
        optimize=True,
    )  # fmt: skip


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "screenshots" / "playing.gif"
    with tempfile.TemporaryDirectory() as folder:
        written = record(Path(folder))
    save(frames(written), path)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
