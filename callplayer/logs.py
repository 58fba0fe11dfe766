"""The log: a private file of bounded size, without secrets, one line a kind a second.

`RedactingFormatter` masks secrets by their form in Python's logging, on every thread and at every
level; `LogPipe` does so in what a process, or a native library in it, prints.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Hashable
from functools import cached_property
from pathlib import Path
from types import TracebackType

from callplayer.paths import log_path, make_private_folder

EVERY_S = 1.0
MOST_KINDS = 500
MOST_BYTES = 10_000_000

MASK = "***"
STDERR_IS_LOGGED = "CALLPLAYER_STDERR_IS_LOGGED"
"""Set for a child whose stderr is a LogPipe already."""

MAX_LINE_BYTES = 64_000
"""A longer line without an end is left out: a secret could stand across the cut."""


class _Form:
    """A regular expression that is compiled when it is first used: a start logs nothing."""

    def __init__(self, form: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self._form, self._flags = form, flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self._form, self._flags)

    def sub(self, by: str | Callable[[re.Match[str]], str], text: str) -> str:
        """Return `text` with what matches replaced."""
        return self._compiled.sub(by, text)


_JWT = _Form(r"\bey[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}")
"""A JWT, or what is left of one: its header is JSON in base64url, and begins with `{"`."""

_KNOWN = _Form(
    r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\w{30,255}|github_pat_\w{30,255}"
    r"|xox[a-z]-[\w-]{10,250}|[sr]k_(?:live|test)_\w{16,250}|AIza[\w-]{35})"
    r"|(?<=inline:)[A-Za-z0-9+/]{30,200}={0,2}"
)
"""What says itself that it is a secret: keys of common services, an SRTP key in an SDP."""

_PEM = _Form(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)[^-]{0,20000}")

_PROSE = (
    r"(?!(?:is|was|are|to|or|and|as|by|in|of|on|no|not|must|needs?|has|for|with|from|can(?:not)?"
    r"|does|too|missing|none|null|nil|unknown|expired|invalid|required|wrong|empty|(?:un)?set"
    r"|refused|rejected|ok|true|false|given|ignored|changed|hidden|redacted|string)\b)"
)
"""What is said of a secret, and is none."""

_NO_ERROR = r"(?![A-Za-z]{0,60}(?:Error|Exception|Timeout|Warning)\b)"
_NO_WORD = (
    rf"{_NO_ERROR}"
    r"(?=[a-z]{20}|[\w.~+/!@#$%^&*-]{0,400}?(?:\d|(?-i:[a-z][A-Z])|[!@#$%^&+~]))"
    r"[\w.~+/!@#$%^&*-]{6,400}+={0,2}(?![=:(])"
)
"""A word that is no word: with digits, inner capitals or signs."""

_NAME = (
    r"(?:token|secret|passw(?:or)?d|passphrase|\bpwd|authorization|(?:api|access|account|auth"
    r"|private|secret|shared|signing|encryption|master)[_-]?key|jwt|cookie|credential"
    r"|signature|ice[_-]?pwd|_auth)(?:[_-]?(?:value|text|key))?"
)
_STRICT_NAME = r"(?:secret|passw(?:or)?d|passphrase|\bpwd|(?:api|access|private)[_-]?key)"
_QUOTED = _Form(
    rf"(?P<head>{_NAME}(?:\\{{0,4}}[\"'])?\s{{0,4}}(?:[:=,]|=>|%3[AD])\s{{0,4}}(?:Some\()?b?)"
    r"(?:(?P<escaped>\\{1,4}[\"']).{0,9000}?(?P=escaped)"
    r"|\"(?:[^\"\\]|\\.){0,9000}\""
    r"|'(?:[^'\\]|\\.){0,9000}')",
    re.IGNORECASE,
)
_SAID = _Form(rf"(?P<head>{_NAME}(?: is| was)?[ \t]{{1,4}})(['\"`])[^\s'\"`]{{4,400}}\2",
                   re.IGNORECASE)  # fmt: skip
_DIGEST = _Form(
    r"(?P<head>\bDigest\s{1,4}|\bresponse=)(?:,?[ \t]{0,4}\w{1,30}=(?:\"[^\"\n]{0,900}\"?"
    r"|[^\s,\"]{1,900})|\"?[0-9a-f]{32,128}\"?)+",
    re.IGNORECASE,
)
_COOKIES = _Form(r"(?P<head>\bcookie2?\s{0,4}:\s{0,4})[^\n\"'*]{1,9000}", re.IGNORECASE)
_TAG = _Form(rf"(?P<head><[\w:-]{{0,60}}{_NAME}\b[^<>\n]{{0,200}}>)[^<]{{1,9000}}",
                  re.IGNORECASE)  # fmt: skip
_ASSIGNED = _Form(
    rf"(?P<head>{_NAME}(?:(?:%22)?\s{{0,4}}(?:=>?|->|%(?:25)?3[AD])\s{{0,4}}(?:%22|[\"'])?"
    r"|[\"']?\s{0,4}:\s{0,4}[\"']))[^\s\"'&;,<>)\]}\\*]+",
    re.IGNORECASE,
)
_HEADER = _Form(
    rf"(?P<head>{_NAME}\s{{0,4}}:\s{{0,4}}){_NO_ERROR}[A-Za-z0-9._~+/=-]{{16,}}", re.IGNORECASE
)
_FLAG = _Form(
    rf"(?P<head>(?<![\w-])--?[\w-]{{0,40}}?{_NAME}[\w-]{{0,20}}[ \t]{{1,4}})(?!-){_PROSE}"
    r"[^\s*]{1,900}",
    re.IGNORECASE,
)
_LOGIN = _Form(r"(?P<head>(?<![\w-])(?:-u|--user)[ =]{1,4}[^\s:]{0,90}:)[^\s*]{1,900}")
_PLAIN = _Form(
    rf"(?P<head>{_STRICT_NAME}\s{{0,4}}:[ \t]{{0,4}}){_PROSE}"
    r"[^\s\"'<>,;(){}\[\]*:]{4,900}+(?!\()"
    rf"|(?P<said>{_NAME}(?:[ \t]{{0,4}}:[ \t]{{0,4}}|[ \t]{{1,4}}(?:(?:is|was)[ \t])?))"
    rf"{_NO_WORD}",
    re.IGNORECASE,
)
_BEARER = _Form(rf"(?P<head>\b(?:Bearer|Basic)(?:\s+|%20|\+)){_NO_WORD}", re.IGNORECASE)
_SCHEME = _Form(
    r"(?P<head>authorization[\"']?\s{0,4}[:=,]\s{0,4}b?[\"']?\w{1,20}\s)[^\s\"'*]+", re.IGNORECASE
)
_QUERY = _Form(r"(?P<head>[?&](?:auth|key|sig|code|session|sid|pass|pw)=)[^\s\"'&;,<>)]+",
                    re.IGNORECASE)  # fmt: skip
"""What a query may call a secret, and other text may not."""

_USER = _Form(
    r"(?P<head>\b[a-z][a-z0-9+.-]{0,20}://)"
    r"(?:[^\s/@:\"'<>]{0,300}:(?!\d{1,5}[/?#])[^\s\"'<>@]{1,300}|[^\s/\"'<>@]{1,300})"
    r"(?:@[^\s/\"'<>@]{1,300})?@",
    re.IGNORECASE,
)
_BARE_USER = _Form(
    r"(?P<head>(?<![\w:.@/+-])(?!(?:sips?|mailto|tel|acct|xmpp):)[a-z][\w.-]{0,60}:)"
    r"[^\s/@:\"'<>*]{3,200}@(?=[\w-]{1,60}[.:/\w])",
    re.IGNORECASE,
)

_KEYS = _Form(r"(?P<head>\bkeys\\{0,4}[\"']?\s{0,4}:\s{0,4}\{)[^}]{0,4000}", re.IGNORECASE)
"""A livekit-server's API keys: a table of key and secret."""


def start_log() -> None:
    """Log to a private file; if there can be none, log nothing."""
    path = log_path()
    handler: logging.Handler
    try:
        make_private_folder(path.parent)
        put_aside(path)
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(
        RedactingFormatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    )
    handler.addFilter(OnceASecond())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.raiseExceptions = False
    # It logs every request's full address at INFO.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def put_aside(path: Path) -> None:
    """Rename a log that has grown too long to `….1`, in place of the one before.

    A program that has it open goes on writing to the renamed file.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size > MOST_BYTES:
            os.replace(path, path.with_name(f"{path.name}.1"))


class OnceASecond(logging.Filter):
    """Lets one record of a kind through in EVERY_S; the next one says how many were left out.

    Records of one kind have the same logger and the same text before their values are put in;
    `clock` gives s.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._written: dict[Hashable, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write the record; add to its text how many were left out."""
        kind, now_s = _kind_of(record), self._clock()
        written_s, left_out = self._written.get(kind, (float("-inf"), 0))
        if now_s - written_s < EVERY_S:
            self._written[kind] = (written_s, left_out + 1)
            return False
        if len(self._written) >= MOST_KINDS:
            self._written.clear()
        self._written[kind] = (now_s, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like it)", ()
        return True


def _kind_of(record: logging.LogRecord) -> Hashable:
    # The SDK's native lines share one text and differ in where they come from.
    args = record.args
    place = args[:2] if isinstance(args, tuple) and record.name.startswith("livekit") else ()
    return record.name, record.levelno, record.msg, *map(str, place)


def redact(text: str) -> str:
    """Return `text` with what has the form of a secret masked.

    That is: JWTs, whole or cut; keys of known services; bearer, basic and digest credentials;
    private keys; user and password in a URL; a livekit-server's table of keys; and what goes with a
    name that ends in token, secret, password, authorization, API key, cookie, credential, signature
    or the like. In a query, JSON, XML, a header, a debug print, a command line that is all that
    follows the name; in a sentence only what is no word of one.
    """
    text = _PEM.sub(rf"\g<1>{MASK}", text)
    text = _KNOWN.sub(MASK, _JWT.sub(MASK, text))
    lower = text.lower()
    if any(root in lower for root in _ROOTS):
        text = _KEYS.sub(rf"\g<head>{MASK}", text)
        text = _QUOTED.sub(rf'\g<head>"{MASK}"', text)
        for form in _FORMS:
            text = form.sub(rf"\g<head>{MASK}", text)
        text = _PLAIN.sub(lambda found: f"{found['head'] or found['said']}{MASK}", text)
    text = _LOGIN.sub(rf"\g<head>{MASK}", text)
    text = _QUERY.sub(rf"\g<head>{MASK}", text)
    if "@" in text:
        text = _USER.sub(rf"\g<head>{MASK}@", text)
        text = _BARE_USER.sub(rf"\g<head>{MASK}@", text)
    return text


_FORMS = (_DIGEST, _SCHEME, _BEARER, _COOKIES, _TAG, _SAID, _ASSIGNED, _HEADER, _FLAG)
_ROOTS = (
    *("token", "secret", "passw", "passphrase", "pwd", "auth", "key", "jwt", "cookie"),
    *("credential", "signature", "bearer", "basic", "digest", "response"),
)
"""One of these is in whatever `_KEYS`, `_QUOTED`, `_FORMS` and `_PLAIN` find: they take long."""


class RedactingFormatter(logging.Formatter):
    """Formats a record, its exception and its stack, and masks the secrets in all of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text without secrets."""
        return redact(super().format(record))


class LogPipe:
    """A pipe whose lines are written to `log_fd` without secrets, by a thread of its own.

    Use as `with LogPipe(log_fd) as pipe:`, and give `pipe.writer` to a process as its stdout or
    stderr: the thread ends with the last process that has it. The pipe closes `log_fd`.
    """

    def __init__(self, log_fd: int) -> None:
        self._log_fd = log_fd
        self._reader, self.writer = os.pipe()
        self._thread = threading.Thread(target=self._copy, name="log pipe", daemon=True)
        self._thread.start()

    def __enter__(self) -> LogPipe:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        os.close(self.writer)

    def wait(self, timeout_s: float = 1.0) -> None:
        """Wait for the last lines of a pipe that no process has any more."""
        self._thread.join(timeout_s)

    def _copy(self) -> None:
        rest = b""
        try:
            while chunk := os.read(self._reader, 65_536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._write(line)
                if len(rest) > MAX_LINE_BYTES:
                    rest = b""
                    self._write(b"(a line that is too long is left out)")
            if rest:
                self._write(rest)
        finally:
            os.close(self._reader)
            os.close(self._log_fd)

    def _write(self, line: bytes) -> None:
        clean = redact(line.decode("utf-8", "backslashreplace")) + "\n"
        try:
            os.write(self._log_fd, clean.encode("utf-8", "backslashreplace"))
        except OSError:
            return  # a full disk must not end the process
