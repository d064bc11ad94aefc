"""The calls that the gateway forwards, and the reads."""

from fastapi import APIRouter, Response

from services.training.api.desk import TrainingDesk
from shared.asks.base import Body
from shared.asks.training_shown import HeldTrainings
from shared.web.answers import response
from shared.web.app import TRAININGS
from shared.web.callers import Caller
from shared.web.guarded import Guarded, ReadingAll
from shared.web.problems import PROBLEMS
from shared.web.training_reads import add_training_reads
from shared.web.trainings import add_trainings


def routes(desk: TrainingDesk) -> APIRouter:
    """The routes over a desk."""
    router = APIRouter(prefix="/v1", tags=[TRAININGS], route_class=Guarded)

    def tell(
        caller: Caller,
        natural_id: str,
        body: Body,
        *,
        session_id: str | None = None,
        key: str | None = None,
    ) -> Response:
        by = caller.asker
        if session_id is None:
            answer, replayed = desk.tell(natural_id, None, body, by=by, key=key)
        else:
            answer, replayed = desk.tell(session_id, natural_id, body, by=by, key=key)
        return response(answer, replayed=replayed)

    add_trainings(router, tell)
    add_training_reads(router, desk)

    @router.get("/held", responses=PROBLEMS)
    def held(_: ReadingAll) -> HeldTrainings:
        """Every notice about a training that waits for another: the gateway adds its own."""
        return desk.held()

    return router
