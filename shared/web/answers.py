"""Answers over HTTP."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from starlette.responses import JSONResponse

from shared.kernel.answers import Answer, Result

STATUS = {
    Result.CREATED: HTTPStatus.CREATED,
    Result.HELD: HTTPStatus.ACCEPTED,
}


class AnswerBody(BaseModel):
    """What became of a notice, what it waits for, and warnings to read."""

    result: Result
    waiting_for: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def status_of(answer: Answer) -> int:
    """201 created, 202 held, 200 for everything else."""
    return STATUS.get(answer.result, HTTPStatus.OK).value


def answer_body(answer: Answer) -> dict[str, Any]:
    """An answer as JSON; empty lists are left out."""
    body: dict[str, Any] = {"result": answer.result.value}
    if answer.waiting_for:
        body["waiting_for"] = list(answer.waiting_for)
    if answer.warnings:
        body["warnings"] = list(answer.warnings)
    return body


def response(
    answer: Answer, *, replayed: bool, more: Mapping[str, Any] | None = None
) -> JSONResponse:
    """The response for an answer; a replay is marked as one."""
    headers = {"Idempotency-Replayed": "true"} if replayed else None
    return JSONResponse({**answer_body(answer), **(more or {})}, status_of(answer), headers)
