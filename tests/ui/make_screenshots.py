"""Write screenshots of today's screen: `python -m tests.ui.make_screenshots [FOLDER]`.

All as SVG, those that a web page shows as PNG too. The pictures are the same each time: the clock
stands still and the engine is scripted.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from textual.app import App

from callplayer.ui.options import PickerRow
from callplayer.ui.screens.picker import PickerApp, PickerScreen
from tests.ui.pixels import Rgb, cells_of, picture
from tests.ui.scenes import LINK, SCENES, Scene, but, received
from tests.ui.scripted import INCIDENT, LEVELS, PLAYING, strips_of
from tests.ui.talk import TALK

ROOT = Path(__file__).resolve().parents[2]
PICTURES = {
    "playing": ("heard", "80x24"),
    "playing-bare": ("playing", "80x24"),
    "playing-large": ("heard", "160x48"),
    "playing-small": ("heard", "60x16"),
    "paused": ("paused-requested", "80x24"),
    "unconfirmed": ("unconfirmed", "80x24"),
    "live": ("live", "100x30"),
    "reconnecting": ("reconnecting", "80x24"),
    "failed": ("failed", "80x24"),
    "help": ("help", "80x24"),
    "stats": ("stats", "80x24"),
    "devices": ("devices", "80x24"),
    "search": ("words-search", "80x24"),
    "pointing": ("pointing", "80x24"),
    "bookmarks": ("bookmarks", "80x24"),
    "speech-ahead": ("speech-ahead", "80x24"),
    "light": ("light", "80x24"),
    "contrast": ("contrast", "80x24"),
}
LIVE = Scene(
    (
        msgspec.structs.replace(INCIDENT, is_audio_live=True),
        *LINK,
        LEVELS,
        *received(107_000),
        LEVELS,
        but(
            PLAYING,
            phase="live",
            call_over=False,
            duration_ms=107_400,
            position_ms=107_300,
            audible_ms=107_200,
            remembered=((0, 107_200),),
        ),
        *TALK,
    )
)
"""A live call whose words have all come."""
AS_PNG = (
    *("playing", "playing-large", "playing-small", "search", "live", "help"),
    *("picker", "light", "contrast"),
)

NOW = datetime(2026, 1, 15, 10, 42, 49, tzinfo=UTC)


def _row(id: str, minutes: int, phone: str, place: str, *, live: bool = False) -> PickerRow:
    """Return an incident of so many minutes, and 42 s, ago."""
    created = NOW - timedelta(minutes=minutes, seconds=42)
    return PickerRow(id, f"{created:%Y-%m-%d %H:%M:%S} UTC", phone, live, created, place)


INCIDENTS = (
    _row("3f2a91c0-77aa-4c1e-9d2b-0a7c", 0, "+15550100199", "42 Maple Street", live=True),
    _row("77bb0c11-1d2e-4b7f-8a40-91f3", 12, "+15550100123", "Elm and 3rd"),
    _row("9c00dd22-5e61-4c9a-b3d8-2c44", 44, "+15550100150", ""),
    _row("b81f4a33-0c77-4d15-9e6b-7d08", 90, "+15550100171", "Harbour Road 7, pier 4"),
)


async def _incidents() -> Sequence[PickerRow]:
    return INCIDENTS


def picker_app(theme: str = "") -> PickerApp:
    """Return the picker over the list above."""
    return PickerApp(PickerScreen(_incidents, utc=lambda: NOW), theme)


async def drawn(name: str) -> tuple[str, Any]:
    """Return a picture as SVG, with the random id of its style classes taken out, and as pixels."""
    app: App[Any]
    if name == "picker":
        app, size, keys = picker_app(), (80, 24), ("down",)
    else:
        scene, of_size = PICTURES[name]
        columns, rows = of_size.split("x")
        shown = LIVE if scene == "live" else SCENES[scene]
        app, size, keys = shown.app(), (int(columns), int(rows)), shown.keys
    async with app.run_test(size=size) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        svg = app.export_screenshot(title="callplayer", simplify=True)
        ground: Rgb = app.screen.styles.background.rgb
        strips = strips_of(app)
        pixels = picture(cells_of(strips, (255, 255, 255), ground), ground)
    return re.sub(r"terminal-\d+", "terminal", svg), pixels


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*PICTURES, "picker"):
        svg, pixels = asyncio.run(drawn(name))
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
        if name in AS_PNG:
            pixels.quantize(64).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
