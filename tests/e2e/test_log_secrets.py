"""A room server's real refusal: what the SDK logs of it holds the whole stream token."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from livekit import api
from starlette.responses import JSONResponse, Response

from tests.e2e.test_secrets import AT_DEBUG_LEVEL
from tests.rig.livekit import LiveKit
from tests.rig.processes import CALLPLAYER, CLIENT_SECRET, HeadlessEngine, clean_environment
from tests.rig.recorded import RecordedTerminal
from tests.rig.scripted_api import Answer, Asked, scripted_api, signed_in

OTHERS_SECRET = secrets.token_urlsafe(36)


@pytest.fixture(scope="module")
def livekit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKit]:
    livekit = LiveKit(tmp_path_factory.mktemp("livekit"))
    yield livekit
    livekit.kill()


def token_of_another_server() -> str:
    """Return a good token, for a server that has another secret."""
    grants = api.VideoGrants(room_join=True, room="r", can_publish=False)
    return api.AccessToken("faults", OTHERS_SECRET).with_identity("me").with_grants(grants).to_jwt()


@pytest.mark.parametrize("debug", [False, True], ids=["as it is", "at debug level"])
def test_a_token_that_is_refused_is_in_no_log(
    debug: bool, livekit: LiveKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of_another_server()
    variables = {}
    if debug:
        monkeypatch.setattr(
            "tests.rig.processes.CALLPLAYER", (sys.executable, "-P", "-c", AT_DEBUG_LEVEL)
        )
        variables = {"LIVEKIT_RTC_DEBUG": "1", "RUST_LOG": "debug"}

    with scripted_api(answering(livekit, token)) as vendor:
        engine = HeadlessEngine(tmp_path, vendor.environment | variables, "i1", "--no-audio")
        assert engine.finish(30.0) == 3
    (log,) = tmp_path.rglob("callplayer.log")
    text = log.read_text()
    assert "livekit" in text, "the SDK has logged it"
    assert "***" in text, "and would have logged the token"
    assert_no_secret(text, token)


def test_the_same_on_the_screen(livekit: LiveKit, tmp_path: Path) -> None:
    token = token_of_another_server()
    with scripted_api(answering(livekit, token)) as vendor:
        environment = clean_environment(tmp_path) | vendor.environment
        screen = RecordedTerminal([*CALLPLAYER, "i1", "--no-audio"], environment)
        try:
            screen.until("refuses the stream token")
            screen.type("q")
            assert screen.until_ended() == 3
        finally:
            screen.close()
    (log,) = tmp_path.rglob("callplayer.log")
    assert "***" in log.read_text()
    for text in (log.read_text(), screen.output.decode("utf-8", "replace")):
        assert_no_secret(text, token)


def answering(livekit: LiveKit, token: str) -> Answer:
    def answer(asked: Asked) -> Response:
        if asked.path == "/oauth/token":
            return signed_in()
        if asked.path.endswith("/stream_token"):
            return JSONResponse({"token": token, "url": livekit.url})
        return JSONResponse({"id": "i1"})

    return answer


def assert_no_secret(text: str, token: str) -> None:
    assert not any(part in text for part in token.split("."))
    assert CLIENT_SECRET not in text
    assert "an-access-token" not in text
