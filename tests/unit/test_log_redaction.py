"""Secrets in a log, by their form, from any writer."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.logs import MAX_LINE_BYTES, LogPipe, RedactingFormatter, redact

SECRET = "s3cr3t-of-this-very-test-0123456789"


def jwt(claims: Any) -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts
    )
    return f"{head}.{body}.c2lnbmF0dXJlLW9mLWEtdGVzdA"


JWT = jwt({"video": {"roomJoin": True}})
OTHERS = ("onlysmall", "IOSFODNN", "d0Rmdmcm", "6629fae4")


@pytest.mark.parametrize(
    "text",
    [
        JWT,
        JWT[:30],
        f"wss://host/rtc?access_token={JWT}&auto_subscribe=1",
        f'Client(401, "url: wss://host/rtc/v1?join_request=x&access_token={JWT}")',
        f"token={SECRET}",
        f"GET /cable?token={SECRET}&x=1 HTTP/1.1",
        f"/cable%3Ftoken%3D{SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"[(b'Authorization', b'Bearer {SECRET}')]",
        f"{{'authorization': 'Bearer {SECRET}'}}",
        f"bearer {SECRET}",
        f'{{"client_secret":"{SECRET}","grant_type":"client_credentials"}}',
        rf'{{\"client_secret\": \"{SECRET}\"}}',
        f'{{"access_token": "with \\" quotes {SECRET}"}}',
        f"JoinRequest {{ token: \"{SECRET}\", auto: true }}",
        f'token: Some("{SECRET}")',
        f"client_secret: {SECRET}",
        f"X-Api-Key: {SECRET}",
        f"password = {SECRET}",
        f"https://user:{SECRET}@host/path",
        f"> Cookie: session={SECRET}",
        f"[(b'Set-Cookie', b'session={SECRET}; Path=/')]",
        f"ICEServer {{ username: \"u\", credential: \"{SECRET}\" }}",
        f"https://bucket.example/1.wav?X-Amz-Date=1&X-Amz-Signature={SECRET}",
        f"https://blob.example/1.wav?sv=1&sig={SECRET}&se=2",
        f"wss://host/cable?auth={SECRET}",
        f"client_secret%22%3A%22{SECRET}%22",
        f"Authorization: Token {SECRET}",
        f"a=ice-pwd:{SECRET}",
        f'config: {{"port":7880,"keys":{{"key1":"{SECRET}"}}}}',
        f"livekit-server --api-secret {SECRET} --port 7880",
        f"['livekit-server', '--api-secret', '{SECRET}']",
        f"--api-secret '{SECRET}'",
        f"sshpass --password {SECRET}",
        f"password {SECRET}",
        f"the password is {SECRET}",
        f"secret {SECRET}",
        f"secret: {SECRET}",
        f"secret => {SECRET}",
        f"the secret '{SECRET}' is wrong",
        "password: onlysmall",
        f"api_key {SECRET}",
        f"access_token {SECRET}",
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"aws_secret_access_key = {SECRET}",
        "AKIA" + "IOSFODNN7EXAMPLE",
        f"X-Amz-Credential={SECRET}&X-Amz-Security-Token={SECRET}",
        f"AccountKey={SECRET};EndpointSuffix=x",
        f"Server=h;Uid=u;Pwd={SECRET};",
        f"host=h user=u password={SECRET} dbname=d",
        f"postgresql://u:{SECRET}@h/db",
        f"postgresql://u:p@{SECRET}@h/db",
        f"postgresql://u:p/{SECRET}@h/db",
        f"redis://:{SECRET}@h:6379/0",
        f"u:{SECRET}@h:5432/db",
        f"curl -u user:{SECRET} http://h",
        f"Authorization: Basic {SECRET}",
        f'Authorization: Digest username="u", nonce="{SECRET}", uri="/", response="{SECRET}"',
        f'response="6629fae49393a05397450978507c4ef1", cnonce="{SECRET}"',
        f"Cookie: theme=dark; id={SECRET}; x=1",
        f"<password>{SECRET}</password>",
        f'"client_secret":"{SECRET}',
        f"token%253D{SECRET}",
        "-----BEGIN RSA PRIVATE KEY-----\n" + SECRET.replace("-", "") + "\n-----END",
        "a=crypto:1 X inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1c|2^20",
    ],
)  # fmt: skip
def test_what_has_the_form_of_a_secret_is_masked(text: str) -> None:
    clean = redact(f"before {text}\nafter")
    for secret in (SECRET, SECRET.replace("-", ""), JWT[:30], *OTHERS):
        assert secret not in clean
    assert clean.startswith("before ")
    assert clean.endswith("after")
    assert "***" in clean


@pytest.mark.parametrize(
    "text",
    [
        "joining failed: ConnectError",
        "the room server refuses the stream token",
        "token_refreshed",
        "3 tokens of 5",
        "GET https://api.example.org/v1/incident_events?page=2",
        "state: token expired, secret unknown",
        "they key in the grey eyes",
        "the signature of the call is (a, b)",
        "no credentials; 2 cookies",
        "authorization refused",
        "POST /oauth/token: ConnectError",
        "POST /oauth/token: RemoteProtocolError (1 more like it)",
        "password is missing",
        "password: missing; secret: unknown",
        "password authentication failed for user",
        "--api-secret is missing",
        "use --token or CALLPLAYER_TOKEN",
        "--api-secret --port 7880",
        "token lasts 7200 s, expires_in=7200, max_tokens=5",
        "token expires_in=7200",
        "token 2026-11-30T09:00:00 ends",
        "unexpected token '<' at 1",
        "livekit::rtc_engine::token:12 - refreshed",
        'File "/x/tokens.py", line 12, in token',
        "Sign-in was refused (401). Check CALLPLAYER_CLIENT_ID and CALLPLAYER_CLIENT_SECRET.",
        "basic settings, bearer refused",
        "response=200; digest of 5 files",
        "ws://127.0.0.1:7880/rtc@x sip:+4930123@host 12:30:00 room@host",
    ],
)
def test_all_else_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


_PIECES = (
    *("token", "secret", "=", ":", '"', "'", "\\", "keys", "{", "}", "ey", "a", "-", ".", " "),
    *("Bearer", "://", "@", "%3D", "authorization", "a" * 30),
)
_surroundings = st.lists(st.sampled_from(_PIECES), max_size=30).map("".join)


@given(before=_surroundings, after=_surroundings)
def test_a_token_is_masked_whatever_stands_around_it(before: str, after: str) -> None:
    clean = redact(f"{before} {JWT} {after}")
    assert not any(part in clean for part in JWT.split("."))


@pytest.mark.parametrize(
    "part",
    [
        *("token", "ey", "keys:{", "token='", "a://", "-", "token=\\'", "a-", "token ", "--token "),
        *("a:", "a:b@", "a://b:c", "Digest a=", "a=b,", "cookie: ", "<token ", "<token>", "pwd: "),
        *("-u a", "Basic a", "token aaaa", "secret: a", "-----BEGIN PRIVATE KEY-----", "api_key"),
    ],
)
def test_no_text_takes_for_ever(part: str) -> None:
    """A search that goes back for each character would not end before the test's time limit."""
    assert redact(part * (50_000 // len(part)))


def test_message_arguments_exception_and_stack_are_masked_at_every_level_and_on_every_thread(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log"
    handler = logging.FileHandler(path)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("a.library")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(handler)

    def write() -> None:
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logger.log(level, "joined with %s", JWT)
        try:
            raise ValueError(f"refused: token={SECRET}")
        except ValueError:
            logger.exception("failed with %(jwt)s", {"jwt": JWT})
        logger.warning("here", stack_info=True)

    try:
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        write()
    finally:
        logger.removeHandler(handler)
        handler.close()
    text = path.read_text()
    assert text.count("joined with ***") == 8
    assert text.count("ValueError: refused: token=***") == 2
    assert "Traceback" in text
    assert JWT[:20] not in text
    assert SECRET not in text


CRASHES_AFTER_PRINTING = (
    "import os, sys; sys.stderr.buffer.write(sys.stdin.buffer.read()); os.abort()"
)


def test_what_a_process_prints_is_masked(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    printed = f"token={SECRET}\n{JWT}\n" + "x" * (2 * MAX_LINE_BYTES) + f"\nlast {JWT}"
    with LogPipe(log) as pipe:
        process = subprocess.Popen(
            [sys.executable, "-c", CRASHES_AFTER_PRINTING],
            stdin=subprocess.PIPE,
            stderr=pipe.writer,
        )
    process.communicate(printed.encode())
    pipe.wait(10.0)
    text = path.read_text()
    assert text.startswith("token=***\n***\n")
    assert "last ***\n" in text
    assert SECRET not in text
    assert JWT[:20] not in text
    assert "too long" in text
