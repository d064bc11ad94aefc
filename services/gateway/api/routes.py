"""The calls of the marketplace (contract §2)."""

import json
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from services.gateway.api import bodies
from services.gateway.api.desk import GatewayDesk
from services.gateway.api.imports import bounded, import_lines, line_answer
from services.gateway.api.previews import Figures, figures
from services.gateway.api.shown import Shown
from shared.asks.base import Body
from shared.web.answers import AnswerBody, response
from shared.web.app import TELLS
from shared.web.callers import Caller
from shared.web.guarded import Guarded, Telling
from shared.web.media import BYTES, NDJSON
from shared.web.problems import PROBLEMS
from shared.web.trainings import RESPONSES, TAKEN, Id, Key, Tell, add_trainings

SPOOL_BYTES = 1024 * 1024
"""An import larger than this waits on disk, not in memory, until it is received whole."""


class DistributionAnswer(AnswerBody):
    """What became of a validation, and what each producer is expected to be billed."""

    producers: tuple[Figures, ...] = ()


VALIDATED = RESPONSES | {
    status: RESPONSES[status] | {"model": DistributionAnswer} for status in (201, 202)
}
"""How a validation is answered: with figures, whatever became of it."""


def routes(desk: GatewayDesk, shown: Shown, told: Callable[[], None]) -> APIRouter:
    """The routes over a desk; `told` is called after each call, to wake the listeners."""
    router = APIRouter(prefix="/v1", tags=[TELLS], route_class=Guarded)

    def tell(
        caller: Caller,
        natural_id: str,
        body: Body,
        *,
        session_id: str | None = None,
        key: str | None = None,
    ) -> Response:
        by = caller.asker
        answer, replayed = desk.tell(natural_id, body, by=by, session_id=session_id, key=key)
        told()
        return response(answer, replayed=replayed)

    _add_sales(router, tell)
    _add_distributions(router, desk, shown, told)
    add_trainings(router, tell)
    _add_imports(router, desk, told)
    return router


def _add_imports(router: APIRouter, desk: GatewayDesk, told: Callable[[], None]) -> None:
    @router.post(
        "/imports",
        response_class=StreamingResponse,
        responses={200: {"content": LINES, "description": "One result per line"}, **PROBLEMS},
        openapi_extra={"requestBody": {"required": False, "content": {**LINES, BYTES: {}}}},
    )
    async def tell_many(caller: Telling, request: Request) -> StreamingResponse:
        """One notice per line; one result per line, in order. A bad line stops nothing."""
        spool = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - closed by the stream
        async for chunk in request.stream():
            spool.write(chunk)
        spool.seek(0)

        def results() -> Iterator[str]:
            with spool:
                for result in import_lines(desk, bounded(spool), by=caller.asker):
                    yield json.dumps(line_answer(result), ensure_ascii=False) + "\n"
            told()

        return StreamingResponse(results(), media_type=NDJSON)


def _add_sales(router: APIRouter, tell: Tell) -> None:
    @router.put("/producers/{producer_id}", response_model=AnswerBody, responses=TAKEN)
    def tell_producer(caller: Telling, producer_id: Id, body: bodies.Producer) -> Response:
        """A producer was created or edited."""
        return tell(caller, producer_id, body)

    @router.put("/markets/{market_id}", response_model=AnswerBody, responses=TAKEN)
    def tell_market(caller: Telling, market_id: Id, body: bodies.Market) -> Response:
        """A market was created, or its options saved."""
        return tell(caller, market_id, body)

    @router.post(
        "/distributions/{distribution_id}/unvalidation",
        response_model=AnswerBody,
        responses=RESPONSES,
    )
    def unvalidate(
        caller: Telling, distribution_id: Id, body: bodies.Unvalidation, key: Key = None
    ) -> Response:
        """A distribution was un-validated by an administrator."""
        return tell(caller, distribution_id, body, key=key)


def _add_distributions(
    router: APIRouter, desk: GatewayDesk, shown: Shown, told: Callable[[], None]
) -> None:
    @router.put(
        "/distributions/{distribution_id}",
        response_model=DistributionAnswer,
        responses=VALIDATED,
    )
    def tell_distribution(
        caller: Telling, distribution_id: Id, body: bodies.Distribution
    ) -> Response:
        """A distribution was validated, validated again, or cancelled."""
        answer, distribution = desk.validate(distribution_id, body, by=caller.asker)
        told()
        expected = figures(shown, distribution, distribution.validations[body.validation_no])
        producers = [figure.model_dump(mode="json") for figure in expected]
        return response(answer, replayed=False, more={"producers": producers})


LINES: dict[str, Any] = {
    NDJSON: {
        "schema": {"type": "string"},
        "example": '{"kind": "unvalidation", "id": "48211", "body": {…}}\n',
    }
}
