"""Recordings in a bucket of S3, or of a server that speaks its protocol.

The client takes keys, region and endpoint from the usual variables of the environment
(`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` …) or from the machine's role. An object is written whole
or not at all, never changed, and read by ranges.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from callplayer.config import is_loopback
from callplayer.errors import ServiceError, UsageError
from callplayer.text import plain_text

if TYPE_CHECKING:
    from obstore import GetOptions

SCHEME = "s3://"
RANGE_BYTES = 4 << 20
ANSWER_TIMEOUT = timedelta(seconds=10)
RETRY_TIMEOUT = timedelta(seconds=5)
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_HINT = "Check the bucket, AWS_ENDPOINT_URL, and AWS_ACCESS_KEY_ID with its secret."


class BucketError(ServiceError):
    """A bucket does not do what is asked of it now."""


class Bucket:
    """The objects under `url`, s3://BUCKET or s3://BUCKET/PREFIX. For any thread."""

    def __init__(self, url: str) -> None:
        """Ask nothing yet. Raise ServiceError if the client is not installed."""
        try:
            import obstore
            from obstore.store import S3Store
        except ImportError:
            raise ServiceError(
                "Recordings in S3 need a package that is not installed: obstore.",
                "Run: pip install 'callplayer[cluster]' (from a clone: pip install '.[cluster]')",
            ) from None
        self.url = url
        self._client = obstore
        is_clear = _is_clear(os.environ)
        with self._translated("opened"):
            self._store = S3Store.from_url(
                url,
                client_options={
                    "timeout": ANSWER_TIMEOUT,
                    "connect_timeout": timedelta(seconds=3),
                    "allow_http": is_clear,
                },
                retry_config={"max_retries": 3, "retry_timeout": RETRY_TIMEOUT},
            )

    def check(self) -> None:
        """Raise BucketError if the bucket cannot be listed."""
        with self._translated("read"):
            next(iter(self._client.list(self._store, chunk_size=1)), None)

    def put(self, source: Path, name: str) -> None:
        """Write the file `source` as the object `name`; raise BucketError if that fails."""
        with self._translated("written"), source.open("rb") as file:
            self._client.put(self._store, name, file)

    def read_into(self, name: str, fd: int) -> None:
        """Write the object `name` to the file `fd`, whole.

        Raise UsageError if there is none, or it changes meanwhile; BucketError if that fails.
        """
        with self._translated("read"):
            try:
                there = self._client.head(self._store, name)
                options: GetOptions = {}
                if there["e_tag"] is not None:
                    options["if_match"] = there["e_tag"]
                for start in range(0, there["size"], RANGE_BYTES):
                    end = min(start + RANGE_BYTES, there["size"])
                    options["range"] = (start, end)
                    answer = self._client.get(self._store, name, options=options)
                    content = memoryview(answer.bytes())
                    while content:
                        content = content[os.write(fd, content) :]
            except (FileNotFoundError, self._client.exceptions.PreconditionError):
                raise UsageError(
                    f"{plain_text(name)} is not in {self.url} any more.",
                    "Remove its incident, or import the call again.",
                ) from None

    def remove(self, name: str) -> None:
        """Remove an object, if it is there; raise BucketError if that fails."""
        with self._translated("written"), contextlib.suppress(FileNotFoundError):
            self._client.delete(self._store, name)

    def names(self, before: datetime) -> Iterator[str]:
        """Give the names of the objects that were written before a time; raise BucketError."""
        with self._translated("read"):
            for page in self._client.list(self._store):
                yield from (each["path"] for each in page if each["last_modified"] < before)

    @contextlib.contextmanager
    def _translated(self, done: str) -> Iterator[None]:
        try:
            yield
        except (self._client.exceptions.BaseError, FileNotFoundError, ValueError) as error:
            raise BucketError(
                f"The bucket {self.url} cannot be {done}: {_reason(error)}.", _HINT
            ) from None


def check_bucket(text: str) -> str:
    """Return the address of a bucket; raise UsageError if it is none."""
    if re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w!.*'()-]+)*/?", text) is None:
        raise UsageError(
            f"{plain_text(text, 80)} is no bucket.",
            "Write it as s3://BUCKET, or s3://BUCKET/PREFIX.",
        )
    return text.rstrip("/")


def _is_clear(variables: Mapping[str, str]) -> bool:
    """Return whether the server is spoken to without TLS; raise UsageError if it must not be."""
    endpoint = next((variables[name] for name in ENDPOINTS if variables.get(name)), "")
    if not endpoint.startswith("http://"):
        return False
    is_allowed = variables.get("AWS_ALLOW_HTTP", "").lower() in {"1", "true"}
    if not is_allowed and not is_loopback(urlsplit(endpoint).hostname or ""):
        raise UsageError(
            "AWS_ENDPOINT_URL would carry calls over plain HTTP beyond this machine.",
            "Use https://; or set AWS_ALLOW_HTTP=true where the network is private.",
        )
    return True


def _reason(error: Exception) -> str:
    """Return in a few words what the client says in many."""
    text = str(error)
    code = re.search(r"<Code>(\w+)</Code>", text)
    status = re.search(r"status code: (\d{3} \w+)", text)
    if code is not None:
        return code.group(1)
    if "error sending request" in text or "timed out" in text:
        return "it does not answer"
    if status is not None:
        return f"it answers {status.group(1)}"
    return plain_text(text.splitlines()[0], 120).rstrip(".")
