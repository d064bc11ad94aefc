"""`GET /v1/held`: what was taken but waits for something not told yet."""

from typing import Literal

from fastapi import APIRouter

from services.gateway.api.shown import HeardUntil, Shape, Shown
from services.gateway.views.freshness import heard_until
from services.gateway.views.waiting import held
from shared.asks.training import NeighbourAway
from shared.web.guarded import ReadingAll
from shared.web.problems import PROBLEMS


class HeldItem(Shape):
    """One held notice: kind and ids as in an import, and what it waits for."""

    kind: Literal[
        "distribution",
        "unvalidation",
        "enrolment",
        "completion",
        "cancellation",
    ]
    id: str
    session_id: str | None
    waiting_for: tuple[str, ...]


class HeldShape(Shape):
    """Everything that is held, by kind and id.

    Not `complete` while training is away: the notices it holds are then left out.
    """

    complete: bool
    held: tuple[HeldItem, ...]
    heard_until: HeardUntil


def add_held(router: APIRouter, shown: Shown) -> None:
    """Add the route."""

    @router.get("/held", responses=PROBLEMS)
    def list_held(_: ReadingAll) -> HeldShape:
        """Everything held; a notice is taken up by itself once what it waits for is told."""
        with shown.views.reading() as views:
            fresh = heard_until(views)
            here = list(held(views))
        items = [HeldItem.model_validate({**vars(notice), "session_id": None}) for notice in here]
        try:
            at_training = shown.training.held().held
        except NeighbourAway:
            at_training = None
        items += [HeldItem.model_validate(vars(notice)) for notice in at_training or ()]
        return HeldShape(
            complete=at_training is not None,
            held=tuple(sorted(items, key=lambda item: (item.kind, item.id, item.session_id or ""))),
            heard_until=fresh,
        )
