"""The choice that lasts: private, whole or not at all, and never in the way."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from callplayer import preferences
from callplayer.preferences import (
    choices_path,
    keep_output_device,
    keep_used,
    read_output_device,
    read_used,
)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences.platformdirs, "user_state_path", lambda name: tmp_path / name)


def test_a_choice_is_kept_and_can_be_taken_back() -> None:
    assert read_output_device() == ""
    for name in ("alsa_output.usb-Headset", "耳机 🎧", ""):
        keep_output_device(name)
        assert read_output_device() == name
    assert [path.name for path in choices_path().parent.iterdir()] == ["choices.json"]


def test_the_file_and_its_folder_are_private() -> None:
    keep_output_device("Headset")
    assert stat.S_IMODE(choices_path().stat().st_mode) == 0o600
    assert stat.S_IMODE(choices_path().parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\xff\xfe", b"null", b"[]", b"{", b"[" * 9000, b'{"output_device": 7}'),
        b'{"output_device": "' + b"x" * 201 + b'"}',
        b'{"output_device": "' + b"x" * 20_000 + b'"}',
    ],
)
def test_a_file_that_is_not_what_was_written_is_no_choice(content: bytes) -> None:
    choices_path().parent.mkdir()
    choices_path().write_bytes(content)
    assert read_output_device() == ""
    keep_output_device("Headset")
    assert read_output_device() == "Headset"


def test_a_folder_in_its_place_is_no_choice_and_an_error_to_keep_one() -> None:
    choices_path().mkdir(parents=True)
    assert read_output_device() == ""
    with pytest.raises(OSError, match="directory"):
        keep_output_device("Headset")
    assert [path.name for path in choices_path().parent.iterdir()] == ["choices.json"]


def test_a_devices_delay_is_kept_beside_the_other_choices() -> None:
    preferences.keep_theme("dark")
    for number in range(preferences.MAX_DELAYS + 3):
        preferences.keep_output_delay_ms(f"device {number}", 10 * number)
    preferences.keep_output_delay_ms("device 5", 180)
    keep_output_device("Headset")
    delays_ms = preferences.read_output_delays_ms()
    assert len(delays_ms) == preferences.MAX_DELAYS
    assert delays_ms["device 5"] == 180
    assert "device 1" not in delays_ms
    assert (preferences.read_theme(), read_output_device()) == ("dark", "Headset")


@pytest.mark.parametrize("kept", ["7", "[1]", '{"a": "1", "b": true, "c": -1, "d": 1e9}'])
def test_delays_that_are_none_are_not_used(kept: str) -> None:
    choices_path().parent.mkdir(parents=True)
    choices_path().write_text(f'{{"output_delay_ms": {kept}}}')
    assert preferences.read_output_delays_ms() == {}


def test_what_was_used_is_kept_beside_the_device() -> None:
    assert read_used() == ()
    keep_output_device("Headset")
    keep_used(["help", "search"])
    assert read_used() == ("help", "search")
    assert read_output_device() == "Headset"
