"""The OpenAPI 3.1 document of the API, as it is served at `/openapi.json`."""

from __future__ import annotations

from typing import Any

import msgspec

from callplayer import __version__
from callplayer.service.http.bodies import SCOPE, Problem
from callplayer.service.http.operations import JSON, OPEN_INGEST, OPERATIONS, Operation
from callplayer.service.http.problems import PROBLEM_TYPE

Json = dict[str, Any]

_PROBLEMS = {
    202: "The sound is still being read: ask again. No stream is open yet.",
    401: "The bearer token is missing, wrong or expired, or its client was removed or given"
    " another secret.",
    403: "This client may read incidents and their words, and nothing else (`--no-audio`).",
    404: "There is no incident of that id.",
    408: "The body did not come within 10 s.",
    409: "Another client was given a token for this incident and `participant_id`, and that token"
    " is still good. Choose another `participant_id`.",
    413: "The body is larger than 16,384 bytes.",
    422: "A parameter or the body is not what it should be; `detail` says which.",
    429: "The client asks too often, or as many streams or ingest rooms are open as may be"
    " at once.",
    500: "The service failed.",
    503: "The stream cannot be opened now; the service's log says why.",
}


def document(api_url: str, *, ingest: bool = False) -> Json:
    """Return the document of an API that clients reach at `api_url`, with or without ingest."""
    operations = (*OPERATIONS, OPEN_INGEST) if ingest else OPERATIONS
    schemas = _Schemas(operations)
    paths: dict[str, Json] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schemas)
    flow = {
        "tokenUrl": f"{api_url.rstrip('/')}/oauth/token",
        "scopes": {SCOPE: "All that the API does."},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "callplayer replay service",
            "version": __version__,
            "summary": "Recorded and live emergency calls over LiveKit.",
            "description": "The call vendor's partner API, over recordings of one's own. Words come"
            " over the web socket `/cable`, which speaks Action Cable.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": api_url}],
        "security": [{"client": [SCOPE]}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"client": {"type": "oauth2", "flows": {"clientCredentials": flow}}},
        },
    }


class _Schemas:
    """The JSON Schema of each type that the operations take or give."""

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        self._types: list[Any] = [Problem]
        for each in operations:
            self._types += [kind for _, kind in each.answers.values()]
            self._types += [query.schema for query in each.queries]
            self._types += [each.body] if each.body is not None else []
        self._schemas, self.components = msgspec.json.schema_components(
            self._types, ref_template="#/components/schemas/{name}"
        )

    def of(self, kind: Any) -> Json:
        """Return the schema of `kind`: a reference if it is a struct."""
        return dict(self._schemas[self._types.index(kind)])


def _operation(operation: Operation, schemas: _Schemas) -> Json:
    entry: Json = {"operationId": operation.name, "summary": operation.summary}
    if operation.description:
        entry["description"] = operation.description
    if operation.is_public:
        entry["security"] = []
    entry["parameters"] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in operation.path_parameters
    ] + [
        {
            "name": query.name,
            "in": "query",
            "description": query.description,
            "schema": schemas.of(query.schema),
        }
        for query in operation.queries
    ]
    if operation.body is not None:
        content = {kind: {"schema": schemas.of(operation.body)} for kind in operation.body_types}
        entry["requestBody"] = {"required": operation.needs_body, "content": content}
    responses = {
        status: _response(status, description, schemas.of(kind), _media_type(kind))
        for status, (description, kind) in operation.answers.items()
    }
    for status in operation.problems:
        responses[status] = _response(status, _PROBLEMS[status], schemas.of(Problem), PROBLEM_TYPE)
    entry["responses"] = {str(status): responses[status] for status in sorted(responses)}
    return entry


def _media_type(kind: Any) -> str:
    return "text/plain" if kind is str else JSON


def _response(status: int, description: str, schema: Json, media_type: str) -> Json:
    entry: Json = {"description": description, "content": {media_type: {"schema": schema}}}
    if status in (202, 429):
        entry["headers"] = {
            "Retry-After": {
                "description": "After how many seconds to ask again.",
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    if status == 401 and media_type == PROBLEM_TYPE:
        entry["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return entry
