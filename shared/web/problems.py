"""Refusals over HTTP: problem+json (RFC 9457), and the one table name → status."""

from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from shared.kernel.errors import Refusal

STATUS: dict[str, HTTPStatus] = {
    "not-valid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "bad-request": HTTPStatus.BAD_REQUEST,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "not-found": HTTPStatus.NOT_FOUND,
    "method-not-allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "number-reused": HTTPStatus.CONFLICT,
    "idempotency-key-reused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "foreign-country": HTTPStatus.UNPROCESSABLE_ENTITY,
    "foreign-currency": HTTPStatus.UNPROCESSABLE_ENTITY,
    "party-refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "mode-already-sold": HTTPStatus.CONFLICT,
    "other-market": HTTPStatus.UNPROCESSABLE_ENTITY,
    "amounts-differ": HTTPStatus.UNPROCESSABLE_ENTITY,
    "control-differs": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too-many-lines": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "line-too-long": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "price-too-high": HTTPStatus.UNPROCESSABLE_ENTITY,
    "ends-before-start": HTTPStatus.UNPROCESSABLE_ENTITY,
    "fundings-differ": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not-a-monday": HTTPStatus.UNPROCESSABLE_ENTITY,
    "mondays-standing": HTTPStatus.CONFLICT,
    "months-standing": HTTPStatus.CONFLICT,
    "dated-too-early": HTTPStatus.UNPROCESSABLE_ENTITY,
    "still-unfinished": HTTPStatus.CONFLICT,
    "facts-parked": HTTPStatus.CONFLICT,
    "nothing-heard": HTTPStatus.SERVICE_UNAVAILABLE,
    "not-explained": HTTPStatus.SERVICE_UNAVAILABLE,
    "no-tariff": HTTPStatus.CONFLICT,
    "tariff-rewritten": HTTPStatus.CONFLICT,
    "poison": HTTPStatus.UNPROCESSABLE_ENTITY,
    "unknown-fact": HTTPStatus.UNPROCESSABLE_ENTITY,
    "malformed-fact": HTTPStatus.UNPROCESSABLE_ENTITY,
    "neighbour-away": HTTPStatus.SERVICE_UNAVAILABLE,
    "neighbour-refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "broker-away": HTTPStatus.SERVICE_UNAVAILABLE,
    "slow-checksums": HTTPStatus.SERVICE_UNAVAILABLE,
    "fact-too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "news-late": HTTPStatus.SERVICE_UNAVAILABLE,
    "unsafe-setting": HTTPStatus.SERVICE_UNAVAILABLE,
    "not-to-be-had": HTTPStatus.SERVICE_UNAVAILABLE,
    "home-busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "disk-full": HTTPStatus.INSUFFICIENT_STORAGE,
    "storage-damaged": HTTPStatus.SERVICE_UNAVAILABLE,
    "seal-broken": HTTPStatus.SERVICE_UNAVAILABLE,
    "vault-missing": HTTPStatus.SERVICE_UNAVAILABLE,
    "log-unreadable": HTTPStatus.SERVICE_UNAVAILABLE,
    "file-refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "file-damaged": HTTPStatus.UNPROCESSABLE_ENTITY,
    "storage-away": HTTPStatus.SERVICE_UNAVAILABLE,
    "not-migrated": HTTPStatus.SERVICE_UNAVAILABLE,
    "written-by-newer-version": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Every refusal there is, by name."""

RETRY_AFTER_SECONDS = 5
PROBLEM_JSON = "application/problem+json"
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:cagette:problem:[a-z0-9-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for a person."},
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
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM_JSON: {"schema": PROBLEM_SCHEMA}},
    }
    for status in (401, 409, 413, 422, 503, 507)
}
"""What every call may be refused with, for its documentation."""


def table() -> str:
    """The one table as Markdown, for the documentation."""
    rows = sorted(STATUS.items(), key=lambda row: (row[1], row[0]))
    lines = [f"| `urn:cagette:problem:{name}` | {status.value} |" for name, status in rows]
    return "\n".join(["| problem | status |", "|---|---|", *lines])


class Unauthorized(Refusal):
    """No key, or one that opens nothing here."""

    name = "unauthorized"


class TooLarge(Refusal):
    """A body above the limit."""

    name = "too-large"


class BadRequest(Refusal):
    """A request that cannot be read at all."""

    name = "bad-request"


class MethodNotAllowed(Refusal):
    """A path that is there, but not for this method."""

    name = "method-not-allowed"


class ProblemResponse(JSONResponse):
    """A refusal on the wire."""

    media_type = PROBLEM_JSON


def problem_body(refusal: Refusal) -> dict[str, Any]:
    """A refusal as RFC 9457 has it; `errors` only where fields are at fault."""
    status = STATUS[refusal.name]
    body: dict[str, Any] = {
        "type": f"urn:cagette:problem:{refusal.name}",
        "title": status.phrase,
        "status": status.value,
        "detail": refusal.sentence,
    }
    if refusal.flaws:
        body["errors"] = [vars(flaw) for flaw in refusal.flaws]
    return body


def problem(refusal: Refusal) -> ProblemResponse:
    """The response that a refusal gets."""
    status = STATUS[refusal.name]
    headers = {}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return ProblemResponse(problem_body(refusal), status, headers)
