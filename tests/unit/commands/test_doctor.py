"""What `callplayer doctor` says of servers that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from callplayer.commands import doctor
from callplayer.errors import ServiceError, UnreachableError
from callplayer.service.livekit import binary, build


@pytest.fixture(autouse=True)
def not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "find_binary", lambda: None)


def test_one_that_can_be_built_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "check_can_build", lambda _: None)
    finding, code = doctor.check_service()
    assert (finding.verdict, finding.mend, code) == ("note", "", 0)
    assert "builds it once" in finding.what


def test_why_one_cannot_be_built_is_said_with_the_line_that_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: Path) -> None:
        raise ServiceError("There is no Go compiler here.", "Install Go.")

    monkeypatch.setattr(build, "check_can_build", refuse)
    finding, code = doctor.check_service()
    assert "cannot be built: There is no Go compiler here." in finding.what
    assert (finding.verdict, finding.mend, code) == ("note", "Install Go.", 0)


@pytest.mark.parametrize("host", ["a..b.example", "x" * 70 + ".example"])
def test_a_room_server_whose_name_is_none_is_a_line(host: str) -> None:
    with pytest.raises(UnreachableError, match="its name is none"):
        doctor._reach(f"wss://{host}")
