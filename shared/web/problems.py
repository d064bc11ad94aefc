"""Refusals over HTTP: problem+json (RFC 9457), by the one table in `shared/web/table.py`."""

from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from shared.kernel.errors import Refusal
from shared.web.refusals import ScopeMissing, TooManyRequests, Unauthorized
from shared.web.table import AT_THE_DOOR, TABLE

STATUS: dict[str, HTTPStatus] = {name: HTTPStatus(row.status) for name, row in TABLE.items()}

RETRY_AFTER_SECONDS = 5
PROBLEM_JSON = "application/problem+json"
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:cagette:problem:[a-z0-9-]+$"},
        "title": {"type": "string", "description": "What problems of this type mean."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence about this case, for people."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
UNUSUAL = (400, 405, 408, 431)
"""Statuses that no particular call gives rise to, left out of its documentation."""

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": " or ".join(
            name for name, row in AT_THE_DOOR.items() if row.status == status
        ),
        "content": {PROBLEM_JSON: {"schema": PROBLEM_SCHEMA}},
    }
    for status in sorted({row.status for row in AT_THE_DOOR.values()} - {*UNUSUAL})
}
"""The refusals that any call may meet, for its documentation."""


class ProblemResponse(JSONResponse):
    """A refusal on the wire."""

    media_type = PROBLEM_JSON


def problem_body(refusal: Refusal) -> dict[str, Any]:
    """A refusal in the form of RFC 9457; `errors` only if fields are at fault."""
    row = TABLE[refusal.name]
    body: dict[str, Any] = {
        "type": f"urn:cagette:problem:{refusal.name}",
        "title": row.means,
        "status": row.status,
        "detail": refusal.sentence,
    }
    if refusal.flaws:
        body["errors"] = [vars(flaw) for flaw in refusal.flaws]
    return body


def problem(refusal: Refusal) -> ProblemResponse:
    """The response for a refusal. It holds for this moment only, so it must not be cached."""
    status = STATUS[refusal.name]
    headers = {"Cache-Control": "no-store", **_headers(refusal, status)}
    return ProblemResponse(problem_body(refusal), status, headers)


def _headers(refusal: Refusal, status: HTTPStatus) -> dict[str, str]:
    match refusal:
        case Unauthorized():
            return {"WWW-Authenticate": "Bearer"}
        case ScopeMissing(scope=scope):
            challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
            return {"WWW-Authenticate": challenge}
        case TooManyRequests(wait_seconds=seconds):
            return {"Retry-After": str(seconds)}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}
