"""`GET /v1/events`: what happened since, in the order in which the gateway heard it."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.gateway.api.shown import Limit, Shown
from services.gateway.views.feed import FeedPage, feed
from shared.web.guarded import ReadingAll
from shared.web.problems import PROBLEMS


def add_feed(router: APIRouter, shown: Shown) -> None:
    """Add the route."""

    @router.get("/events", responses=PROBLEMS)
    def list_events(
        _: ReadingAll,
        after: Annotated[
            int, Query(ge=0, le=2**53, description="0, or the previous page's `next`.")
        ] = 0,
        limit: Limit = 50,
    ) -> FeedPage:
        """What happened since, in the order in which the gateway heard it; never renumbered."""
        return feed(shown.house.log, after, limit)
