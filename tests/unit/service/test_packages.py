"""What is said when the service's packages are not installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from callplayer.commands import demo_session
from callplayer.config import Settings
from callplayer.errors import ServiceError
from callplayer.service import packages
from callplayer.service.options import ServeOptions
from callplayer.service.server import serve


@pytest.fixture
def without_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it look as if two of the packages were not there: one plain, one in a namespace."""
    for module in ("uvicorn", "livekit.api"):
        monkeypatch.setitem(sys.modules, module, None)


def test_all_are_installed_here() -> None:
    assert packages.missing_packages() == []
    packages.require_packages()


def test_missing_packages_are_named_with_the_line_to_type(without_two: None) -> None:
    assert sorted(packages.missing_packages()) == ["livekit-api", "uvicorn"]
    with pytest.raises(ServiceError, match="livekit-api") as caught:
        packages.require_packages()
    assert "pip install 'callplayer[service]'" in caught.value.hint
    assert "pip install '.[service]'" in caught.value.hint


def test_a_demo_over_livekit_says_so_before_it_builds_anything(
    without_two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*_: object) -> None:
        raise AssertionError("it began to look for livekit-server")

    monkeypatch.setattr(demo_session, "ensure_binary", build)
    with pytest.raises(ServiceError, match="not installed"):
        demo_session.run(demo_session.DemoOptions(headless=True, livekit=True))


def test_another_demo_says_so_and_plays_the_recording_from_its_file(
    without_two: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    played: list[Path | None] = []

    def play(
        settings: Settings, incident: str, flags: Sequence[str], *, recording: Path | None, **_: Any
    ) -> int:
        played.append(recording)
        return 0

    monkeypatch.setattr(demo_session.play, "play", play)
    assert demo_session.run(demo_session.DemoOptions(plain=True)) == 0
    assert [each and each.name for each in played] == ["kitchen-fire.ogg"]
    reported = capsys.readouterr().err
    assert "pip install 'callplayer[service]'" in reported
    assert "from its file, without a server" in reported


def test_serve_says_so(
    without_two: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ServiceError, match="not installed"):
        serve(ServeOptions(recordings=()))
    assert "uvicorn" in capsys.readouterr().out


def test_looking_imports_none_of_them() -> None:
    import subprocess

    program = (
        "import sys; from callplayer.service.packages import missing_packages; "
        "missing_packages(); "
        "print(sorted({'uvicorn', 'starlette', 'soundfile', 'livekit.rtc'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=20
    )
    assert ended.stdout == "[]\n"
