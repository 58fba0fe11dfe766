"""No repr, screenshot or redirect shows a secret to any reader but the one it is for."""

from __future__ import annotations

import contextlib
import http.server
import logging
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import httpx
import jwt
import pytest

from callplayer.config import Secret, Settings, without_settings
from callplayer.errors import CallplayerError
from callplayer.service.http.bearer import BearerTokens, ClientCredentials, Holder
from callplayer.service.livekit.process import RoomServer
from callplayer.service.livekit.tokens import RoomTokens
from callplayer.vendor.client import ApiClient
from callplayer.vendor.http import AccessToken, StreamGrant
from tests.ui.scenes import SCENES

SECRET = "s3cr3t-of-this-very-test"


@pytest.mark.parametrize(
    "holder",
    [
        Secret(SECRET),
        Settings(client_secret=Secret(SECRET)),
        AccessToken(SECRET, 60.0),
        StreamGrant(SECRET, f"wss://room?access_token={SECRET}"),
        ClientCredentials("desk", Secret(SECRET)),
        RoomServer("ws://room", "key", Secret(SECRET)),
        RoomTokens("key", Secret(SECRET)),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_no_repr_shows_it(holder: object, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("callplayer.test").info("%s %r", holder, [holder])
    try:
        raise ValueError(holder)
    except ValueError:
        logging.getLogger("callplayer.test").exception("with a traceback")
    assert SECRET not in f"{holder} {holder!r} {[holder]} {caplog.text}"


def test_a_token_does_not_show_the_hash_of_the_secret() -> None:
    tokens = BearerTokens()
    token = tokens.issue(0.0, "desk", b"hash" * 8)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["sub"] == "desk"
    assert (b"hash" * 8).hex() not in str(claims)
    assert tokens.holder_of(token, 1.0) == Holder("desk", tokens.seal(b"hash" * 8))
    assert token not in f"{vars(tokens)}"


def test_a_child_that_needs_no_setting_gets_none() -> None:
    variables = {
        "PATH": "/bin",
        "CALLPLAYER_CLIENT_SECRET": SECRET,
        "CALLPLAYER_SERVE_CLIENT_SECRET": SECRET,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    assert without_settings(variables) == {"PATH": "/bin"}


@pytest.mark.parametrize("key", ["i", "question_mark", "d", "v"])
async def test_a_picture_of_the_screen_shows_none(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLPLAYER_CLIENT_SECRET", SECRET)
    app = SCENES["playing"].app()
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.press(key)
        await pilot.pause()
        picture = app.export_screenshot()
    assert "PLAYING" in picture.replace("&#160;", " ")
    assert SECRET not in picture


# --- redirects, by real servers -------------------------------------------------------------------


class _Elsewhere(http.server.BaseHTTPRequestHandler):
    """Notes who asks it anything."""

    asked: ClassVar[list[str]]

    def _note(self) -> None:
        self.asked.append(f"{self.path} {self.headers}")
        self.send_response(200)
        self.end_headers()

    do_GET = do_POST = _note

    def log_message(self, *_: Any) -> None: ...


class _Vendor(_Elsewhere):
    """Signs in; sends what is asked for at `moved` to somewhere else."""

    moved: ClassVar[str]
    to: ClassVar[str]
    status: ClassVar[int]

    def _answer(self) -> None:
        self.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_moved = self.path.startswith(self.moved)
        body = b"" if is_moved else b'{"access_token":"%s"}' % SECRET.encode()
        self.send_response(self.status if is_moved else 200)
        if is_moved:
            self.send_header("Location", self.to + self.path)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer


@contextlib.contextmanager
def _serving(handler: type[_Elsewhere], **reported: Any) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    one = type("Handler", (handler,), {"asked": asked, **reported})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), one) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("moved", ["/oauth/token", "/v1/incident_events"])
async def test_no_redirect_takes_a_secret_to_another_host(moved: str, status: int) -> None:
    with (
        _serving(_Elsewhere) as (elsewhere, stolen),
        _serving(_Vendor, moved=moved, to=elsewhere, status=status) as (api_url, asked),
    ):
        settings = Settings(api_url=api_url, client_id="desk", client_secret=Secret(SECRET))
        async with ApiClient(settings) as access:
            for ask in (
                access.incidents,
                lambda: access.incident("i1"),
                lambda: access.stream_grant("i1", autoplay=False),
            ):
                with pytest.raises(CallplayerError) as reported:
                    await ask()
                assert SECRET not in reported.value.what + reported.value.hint
        assert any(path.startswith(moved) for path in asked)
        assert stolen == []
        assert (await httpx.AsyncClient(trust_env=False).get(elsewhere)).status_code == 200
        assert len(stolen) == 1, "it would have been noted"
