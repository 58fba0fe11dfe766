"""A stretch of a local file for a clip: all of it, and what is lacking is named."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from callplayer.engine.session.file_excerpt import FileExcerpt
from callplayer.recordings.containers import streamed
from callplayer.recordings.containers.streamed import LARGE_BYTES, StreamedSound
from tests.rig.processes import soon
from tests.unit.recordings.test_streamed import encode, glide

TONE_S = 12


@pytest.fixture(scope="module")
def misjudged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A large ADTS file whose length is guessed wrongly: it begins with tones, and ends silent."""
    folder = tmp_path_factory.mktemp("adts")
    for name, sound in (("loud", glide(48_000, TONE_S)), ("quiet", 0.0 * glide(48_000, TONE_S))):
        encode(folder / f"{name}.aac", "aac", 48_000, sound)
    loud, quiet = ((folder / f"{name}.aac").read_bytes() for name in ("loud", "quiet"))
    path = folder / "call.aac"
    path.write_bytes(loud * (LARGE_BYTES // len(loud) + 1) + quiet * 10)
    return path


def test_a_stretch_is_whole_up_to_the_files_end_whatever_length_was_guessed(
    misjudged: Path,
) -> None:
    exact = StreamedSound(misjudged, large_bytes=1_000_000_000)
    ends_ms = exact.frames // 48
    exact.close()
    excerpt = FileExcerpt(misjudged, ("call",), ends_ms - 2_000, ends_ms + 1_000)
    excerpt.open()
    assert excerpt.names == ("call",)
    assert excerpt.gaps_ms == ((ends_ms, ends_ms + 1_000),)
    excerpt.close()


def test_a_large_file_that_is_closed_while_it_is_looked_through_is_left_open_nowhere(
    misjudged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[streamed.SoundFile] = []
    closed = threading.Event()
    really_opened = streamed.opened_sound

    def late(path: Path, *, scan: bool = True) -> streamed.SoundFile:
        if scan:
            assert closed.wait(10)
        opened.append(really_opened(path, scan=scan))
        return opened[-1]

    monkeypatch.setattr(streamed, "opened_sound", late)
    sound = StreamedSound(misjudged)
    sound.close()
    closed.set()
    assert soon(lambda: len(opened) == 2)
    assert soon(lambda: not _descriptors(misjudged))


def _descriptors(path: Path) -> list[str]:
    links = (link for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return [str(link) for link in links if os.path.exists(link) and os.readlink(link) == str(path)]
