"""Write screenshots/*.svg of today's screen: `python -m tests.ui.make_screenshots [FOLDER]`.

The pictures are the same each time: the clock stands still and the engine is scripted.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from tests.ui.scenes import SCENES, SIZES

ROOT = Path(__file__).resolve().parents[2]
PICTURES = {
    "playing": ("playing", "80x24"),
    "playing-large": ("playing", "160x50"),
    "playing-small": ("playing", "60x16"),
    "paused": ("paused-requested", "80x24"),
    "unconfirmed": ("unconfirmed", "80x24"),
    "live": ("live", "80x24"),
    "reconnecting": ("reconnecting", "80x24"),
    "failed": ("failed", "80x24"),
    "help": ("help", "80x24"),
    "stats": ("stats", "80x24"),
    "devices": ("devices", "80x24"),
    "words": ("words", "80x24"),
    "words-large": ("words", "160x50"),
    "search": ("words-search", "80x24"),
    "bookmarks": ("bookmarks", "80x24"),
    "speech-ahead": ("speech-ahead", "80x24"),
    "light": ("light", "80x24"),
    "contrast": ("contrast", "80x24"),
}


async def picture(scene: str, size: str) -> str:
    """Return one picture as SVG, with the random id of its style classes taken out."""
    app = SCENES[scene].app()
    async with app.run_test(size=SIZES[size]) as pilot:
        await pilot.press(*SCENES[scene].keys)
        await pilot.pause()
        svg = app.export_screenshot(title="callplayer", simplify=True)
    return re.sub(r"terminal-\d+", "terminal", svg)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (scene, size) in PICTURES.items():
        (folder / f"{name}.svg").write_text(asyncio.run(picture(scene, size)), encoding="utf-8")


if __name__ == "__main__":
    main()
