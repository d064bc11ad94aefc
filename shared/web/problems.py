"""Refusals over HTTP: problem+json (RFC 9457), by the one table of `shared/web/table.py`."""

from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from shared.kernel.errors import Refusal
from shared.web.refusals import ScopeMissing, TooManyRequests, Unauthorized
from shared.web.table import AT_THE_DOOR, TABLE

STATUS: dict[str, HTTPStatus] = {name: row.status for name, row in TABLE.items()}

RETRY_AFTER_SECONDS = 5
PROBLEM_JSON = "application/problem+json"
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:cagette:problem:[a-z0-9-]+$"},
        "title": {"type": "string", "description": "What problems of this type mean."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for a person, on this case."},
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
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status.value: {
        "description": ", ".join(
            f"`{name}`" for name in sorted(AT_THE_DOOR) if STATUS[name] is status
        ),
        "content": {PROBLEM_JSON: {"schema": PROBLEM_SCHEMA}},
    }
    for status in sorted({row.status for row in AT_THE_DOOR.values()})
    if status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED)
}
"""What every call may be refused with, for its documentation."""


class ProblemResponse(JSONResponse):
    """A refusal on the wire."""

    media_type = PROBLEM_JSON


def problem_body(refusal: Refusal) -> dict[str, Any]:
    """A refusal as RFC 9457 has it; `errors` only where fields are at fault."""
    row = TABLE[refusal.name]
    body: dict[str, Any] = {
        "type": f"urn:cagette:problem:{refusal.name}",
        "title": row.means,
        "status": row.status.value,
        "detail": refusal.sentence,
    }
    if refusal.flaws:
        body["errors"] = [vars(flaw) for flaw in refusal.flaws]
    return body


def problem(refusal: Refusal) -> ProblemResponse:
    """The response that a refusal gets. It is of this moment: nobody keeps it for later."""
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
