"""What the API shows: the gateway's own views and log."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.application import Gateway
from shared.asks.base import ID_PATTERN
from shared.asks.training import TrainingHouse
from shared.eventstore.views import Views
from shared.messaging.house import House

MAXIMUM_PAGE = 200

Limit = Annotated[int, Query(ge=1, le=MAXIMUM_PAGE, description="The maximum number of rows.")]
After = Annotated[
    str | None,
    Query(pattern=ID_PATTERN, description="The previous page's `next`; omit for the first page."),
]
HeardUntil = Annotated[
    dict[str, str],
    Field(description="How fresh: when the last fact of each neighbour shown here was told."),
]


class Shape(BaseModel):
    """An outgoing body, or a part of one. Money in integer cents, days as ISO dates."""

    model_config = ConfigDict(frozen=True)


Links = dict[str, str | list[str]]
"""Where to read more: paths of this API, by what they lead to."""


@dataclass(frozen=True)
class Shown:
    """What the reads are answered from. `today` is the day in Paris."""

    house: House[Gateway]
    views: Views
    training: TrainingHouse
    today: Callable[[], date]
