"""Holds what a server answers against its own OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx
from jsonschema import Draft202012Validator


class OpenApiCheck:
    """Checks answers, and remembers which operations and statuses it has seen."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.seen: set[tuple[str, str, int]] = set()
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in document["paths"]
        ]

    def knows(self, path: str) -> bool:
        """Return whether the document has this path."""
        return any(pattern.fullmatch(path) for pattern, _ in self._paths)

    def check(self, answer: httpx.Response) -> None:
        """Fail unless the document describes this route, method, status, type and body."""
        request = answer.request
        path = next(p for pattern, p in self._paths if pattern.fullmatch(request.url.path))
        method = request.method.lower()
        responses = self.document["paths"][path][method]["responses"]
        assert str(answer.status_code) in responses, (path, method, answer.status_code)
        reported = responses[str(answer.status_code)]
        media_type = answer.headers["content-type"].partition(";")[0]
        assert list(reported["content"]) == [media_type], (path, answer.status_code, media_type)
        body = answer.text if media_type == "text/plain" else answer.json()
        schema = {
            **reported["content"][media_type]["schema"],
            "components": self.document["components"],
        }
        Draft202012Validator(schema).validate(body)
        for name in reported.get("headers", ()):
            assert name in answer.headers, (path, answer.status_code, name)
        self.seen.add((path, method, answer.status_code))

    def paths_seen(self) -> set[str]:
        """Return the paths of which an answer was checked."""
        return {path for path, _, _ in self.seen}
