"""`callplayer serve import` and `serve` with the flags that say how files become calls."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.rig.processes import CALLPLAYER, Service, clean_environment

RATE_HZ = 8_000
LEVELS = (0.5, 0.25, 0.125)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder: `two.wav` and `three.wav` with a level of its own in each channel, `bad.wav`."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name, channels in (("two.wav", 2), ("three.wav", 3)):
        sound = np.tile(LEVELS[:channels], (RATE_HZ, 1))
        soundfile.write(folder / name, sound, RATE_HZ, subtype="PCM_16")
    (folder / "bad.wav").write_bytes(b"RIFF\0\0\0\0WAVEnothing")
    return folder


def run_import(home: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CALLPLAYER, "serve", "import", f"--library={home / 'library'}", *map(str, words)],
        env=clean_environment(home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def levels_of(home: Path, done: subprocess.CompletedProcess[str]) -> list[float]:
    """Return the level of each channel of the one call that was imported."""
    assert done.returncode == 0, done.stderr
    incident, *_ = done.stdout.split()
    sound, _ = soundfile.read(home / "library/recordings" / f"{incident}.flac", always_2d=True)
    assert len(sound) == RATE_HZ
    return [float(level) for level in np.median(sound, 0)]


def assert_refused(done: subprocess.CompletedProcess[str], what: str) -> None:
    assert done.returncode == 2
    assert done.stdout == "" or json.loads(done.stdout)["ready"] is False
    said, hint = done.stderr.splitlines()[-2:]
    assert what in said
    assert hint.startswith("  ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("file", "flags", "levels"),
    [
        ("two.wav", (), LEVELS[:2]),
        ("two.wav", ("--swap",), (LEVELS[1], LEVELS[0])),
        ("three.wav", ("--channels=1,3",), (LEVELS[0], LEVELS[2])),
        ("three.wav", ("--channels=1,3", "--swap"), (LEVELS[2], LEVELS[0])),
        ("three.wav", ("--channels=2",), (LEVELS[1],)),
    ],
)
def test_the_channels_become_the_parties_that_were_named(
    file: str, flags: tuple[str, ...], levels: tuple[float, ...], recordings: Path, tmp_path: Path
) -> None:
    done = run_import(tmp_path, *flags, recordings / file)
    assert levels_of(tmp_path, done) == pytest.approx(levels, abs=1e-3)


@pytest.mark.parametrize(
    ("file", "flags", "what"),
    [
        ("three.wav", (), "three.wav has 3 channels."),
        ("three.wav", ("--channels=1,4",), "--channels 1,4 is no choice"),
        ("three.wav", ("--channels=left",), "--channels takes one number or two."),
        ("three.wav", ("--channels=1", "--swap"), "one channel to import"),
    ],
)
def test_channels_that_are_not_there_are_refused(
    file: str, flags: tuple[str, ...], what: str, recordings: Path, tmp_path: Path
) -> None:
    assert_refused(run_import(tmp_path, *flags, recordings / file), what)


def test_a_bad_file_costs_all_or_with_skip_bad_itself(recordings: Path, tmp_path: Path) -> None:
    files = [recordings / "bad.wav", recordings / "two.wav"]
    assert_refused(run_import(tmp_path, *files), "bad.wav")
    done = run_import(tmp_path, "--skip-bad", *files)
    assert levels_of(tmp_path, done) == pytest.approx(LEVELS[:2], abs=1e-3)
    assert len(done.stdout.splitlines()) == 1
    assert "left out: " in done.stderr
    assert "bad.wav" in done.stderr
    assert_refused(run_import(tmp_path, "--skip-bad", files[0]), "bad.wav")


def test_a_sound_without_a_rate_wants_one(tmp_path: Path) -> None:
    (tmp_path / "a.vox").write_bytes(b"\x08" * 4_000)
    assert_refused(run_import(tmp_path, tmp_path / "a.vox"), "says its sample rate")
    done = run_import(tmp_path, "--rate=8000", tmp_path / "a.vox")
    assert len(levels_of(tmp_path, done)) == 1


def test_a_start_without_a_zone_is_this_machine_s_and_that_is_said(
    recordings: Path, tmp_path: Path
) -> None:
    done = run_import(tmp_path, "--started-at=2026-03-14T02:47:09", recordings / "two.wav")
    assert done.returncode == 0, done.stderr
    assert "--started-at names no zone" in done.stderr
    zoned = run_import(tmp_path, "--started-at=2026-03-14T02:47:09+01:00", recordings / "two.wav")
    assert zoned.stderr == ""
    assert "2026-03-14 01:47:09 UTC" in zoned.stdout


def test_a_bad_file_in_a_folder_is_left_out_or_with_strict_ends_the_start(
    recordings: Path, tmp_path: Path
) -> None:
    (recordings / "three.wav").unlink()
    service = Service(tmp_path, recordings)
    try:
        assert len(service.incidents) == 1
        assert "left out: " in service.log_path.read_text()
        assert "bad.wav" in service.log_path.read_text()
    finally:
        service.stop()
    strict = subprocess.run(
        [*CALLPLAYER, "serve", "--port=0", "--strict", recordings],
        env=clean_environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert_refused(strict, "bad.wav")
