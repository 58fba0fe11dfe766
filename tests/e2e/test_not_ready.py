""" "Not yet" is not "no": at the first start a stream or a sign-in that is not ready is waited for.

The API is a real HTTP server whose answers are the test's; the room is a real livekit-server's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from livekit import api
from starlette.responses import JSONResponse, Response

from tests.rig.livekit import LiveKit
from tests.rig.processes import CALLPLAYER, HeadlessEngine, clean_environment, soon
from tests.rig.recorded import RecordedTerminal
from tests.rig.scripted_api import Asked, scripted_api, signed_in

TOKEN, SIGN_IN = "/stream_token", "/oauth/token"


@pytest.fixture(scope="module")
def livekit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKit]:
    livekit = LiveKit(tmp_path_factory.mktemp("livekit"))
    yield livekit
    livekit.kill()


class Script:
    """Refuses what ends with `path` so many `times`; `incident` is the incident's status."""

    def __init__(
        self, livekit: LiveKit, path: str, refuse: Callable[[], Response], times: int, *,
        incident: int = 200,
    ) -> None:  # fmt: skip
        self._path, self._refuse, self._incident = path, refuse, incident
        self.times = times
        grants = api.VideoGrants(room_join=True, room_create=True, room="not-ready")
        token = api.AccessToken(livekit.api_key, livekit.api_secret).with_identity("player")
        self._grant = {
            "server_url": livekit.url, "participant_token": token.with_grants(grants).to_jwt()
        }  # fmt: skip

    def __call__(self, asked: Asked) -> Response:
        if asked.path.endswith(self._path) and self.times:
            self.times -= 1
            return self._refuse()
        if asked.path == SIGN_IN:
            return signed_in()
        if asked.path.endswith(TOKEN):
            return JSONResponse(self._grant, 201)
        return JSONResponse({"id": "i1", "is_audio_live": True}, self._incident)


def waits(engine: HeadlessEngine, words: str) -> dict[str, object]:
    _, state = engine.wait_for(
        lambda e: e["event"] == "state" and words in e["detail"] and e["retry_at_s"] is not None
    )
    return state


@pytest.mark.parametrize(
    ("path", "status", "wanted"),
    [
        (TOKEN, 404, "the call's stream"),
        (TOKEN, 503, "the call's stream"),
        (SIGN_IN, 429, "the sign-in"),
    ],
)
def test_it_is_waited_for_and_said_since_when(
    path: str, status: int, wanted: str, livekit: LiveKit, tmp_path: Path
) -> None:
    script = Script(livekit, path, lambda: JSONResponse({"error": "later"}, status), 2)
    with scripted_api(script) as vendor:
        engine = HeadlessEngine(tmp_path, vendor.environment, "i1", "--no-audio")
        state = waits(engine, f"Waiting for {wanted} since ")
        assert str(status) in str(state["detail"])
        assert state["phase"] == "connecting"
        engine.wait_for(lambda e: e["event"] == "state" and "call's sound" in e["detail"])
        assert engine.quit() == 0
    assert len(vendor.times(path)) == 3
    assert engine.last("incident")["id"] == "i1"


@pytest.mark.parametrize(("form", "path"), [("seconds", TOKEN), ("date", SIGN_IN)])
def test_as_long_as_the_server_asks_for(
    form: str, path: str, livekit: LiveKit, tmp_path: Path
) -> None:
    def refuse() -> Response:
        after = "3" if form == "seconds" else formatdate(time.time() + 4.0, usegmt=True)
        return JSONResponse({}, 429, {"Retry-After": after})

    with scripted_api(Script(livekit, path, refuse, 1)) as vendor:
        engine = HeadlessEngine(tmp_path, vendor.environment, "i1", "--no-audio")
        engine.wait_for(lambda e: e["event"] == "state" and "call's sound" in e["detail"], 20.0)
        assert engine.quit() == 0
    first_s, second_s = vendor.times(path)
    assert second_s - first_s >= 2.95


def test_retry_now_asks_at_once_and_quit_ends_at_once(livekit: LiveKit, tmp_path: Path) -> None:
    script = Script(livekit, TOKEN, lambda: JSONResponse({}, 503, {"Retry-After": "600"}), 1_000)
    with scripted_api(script) as vendor:
        engine = HeadlessEngine(tmp_path, vendor.environment, "i1", "--no-audio")
        state = waits(engine, "Waiting for")
        left_s = float(str(state["retry_at_s"])) - time.monotonic()
        assert 60 < left_s <= 120, "what a server asks for is capped"
        asked = len(vendor.times(TOKEN))
        engine.send(cmd="retry-now")
        assert soon(lambda: len(vendor.times(TOKEN)) > asked)
        waits(engine, "Waiting for")
        quit_s = time.monotonic()
        assert engine.quit() == 0
        assert time.monotonic() - quit_s < 5.0


@pytest.mark.parametrize(("status", "incident", "code"), [(404, 404, 4), (503, 401, 3)])
def test_an_incident_that_is_unknown_or_refused_ends_it(
    status: int, incident: int, code: int, livekit: LiveKit, tmp_path: Path
) -> None:
    script = Script(livekit, TOKEN, lambda: JSONResponse({}, status), 1_000, incident=incident)
    with scripted_api(script) as vendor:
        engine = HeadlessEngine(tmp_path, vendor.environment, "i1", "--no-audio")
        assert engine.finish(30.0) == code


def test_the_screen_says_it_and_takes_keys(livekit: LiveKit, tmp_path: Path) -> None:
    script = Script(livekit, TOKEN, lambda: JSONResponse({}, 404, {"Retry-After": "60"}), 1_000)
    with scripted_api(script) as vendor:
        environment = clean_environment(tmp_path) | vendor.environment
        screen = RecordedTerminal([*CALLPLAYER, "i1", "--no-audio"], environment)
        try:
            screen.until("Waiting for the call's stream since ")
            screen.until("R tries at once")
            asked = len(vendor.times(TOKEN))
            screen.type("R")
            deadline_s = time.monotonic() + 10.0
            while len(vendor.times(TOKEN)) == asked:
                assert time.monotonic() < deadline_s
                screen.read_for(0.05)
            screen.type("q")
            assert screen.until_ended() == 0
        finally:
            screen.close()
