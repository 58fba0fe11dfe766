"""Secrets taken out of what is logged, by their form, whoever wrote it.

`RedactingFormatter` does so for Python's logging, on whatever thread and at whatever level a record
was made; `LogPipe` does so for what a process, or a native library in it, prints.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from types import TracebackType

MASK = "***"
STDERR_IS_LOGGED = "CALLPLAYER_STDERR_IS_LOGGED"
"""Set for a child whose stderr is a LogPipe already."""

MAX_LINE_BYTES = 64_000
"""A longer line without an end is left out: a secret could stand across the cut."""

_JWT = re.compile(r"\bey[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}")
"""A JWT, or what is left of one: its header is JSON in base64url, and begins with `{"`."""

_BEARER = re.compile(r"\b(Bearer|Basic)(\s+|%20|\+)[\w.~+/=-]{6,}", re.IGNORECASE)
_USER = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://)[^\s/@\"'<>]{1,300}@", re.IGNORECASE)
_NAME = (
    r"(?:token|secret|passw(?:or)?d|passphrase|authorization|api[_-]?key|jwt)"
    r"(?:[_-]?(?:value|text))?"
)
_QUOTED = re.compile(
    rf"(?P<head>{_NAME}(?:\\{{0,4}}[\"'])?\s{{0,4}}(?:[:=,]|=>|%3[AD])\s{{0,4}}(?:Some\()?b?)"
    r"(?:(?P<escaped>\\{1,4}[\"']).{0,9000}?(?P=escaped)"
    r"|\"(?:[^\"\\]|\\.){0,9000}\""
    r"|'(?:[^'\\]|\\.){0,9000}')",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    rf"(?P<head>{_NAME}\s{{0,4}}(?:=|%3D)\s{{0,4}})[^\s\"'&;,<>)\]}}\\*]+", re.IGNORECASE
)
_HEADER = re.compile(
    rf"(?P<head>{_NAME}\s{{0,4}}:\s{{0,4}})[A-Za-z0-9._~+/=-]{{16,}}", re.IGNORECASE
)
_KEYS = re.compile(r"(?P<head>\bkeys\\{0,4}[\"']?\s{0,4}:\s{0,4}\{)[^}]{0,4000}", re.IGNORECASE)
"""A livekit-server's API keys: a table of key and secret."""


def redact(text: str) -> str:
    """Return `text` with what has the form of a secret masked.

    That is: JWTs, whole or cut; bearer and basic credentials; what is assigned to a name that ends
    in token, secret, password, authorization, API key or jwt (in a query, JSON, a header or a
    debug print); user and password in a URL; a livekit-server's table of keys.
    """
    text = _KEYS.sub(rf"\g<head>{MASK}", text)
    text = _JWT.sub(MASK, text)
    text = _BEARER.sub(rf"\g<1>\g<2>{MASK}", text)
    text = _QUOTED.sub(rf'\g<head>"{MASK}"', text)
    text = _ASSIGNED.sub(rf"\g<head>{MASK}", text)
    text = _HEADER.sub(rf"\g<head>{MASK}", text)
    return _USER.sub(rf"\g<1>{MASK}@", text)


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
            return  # a full disk is no reason not to go on
