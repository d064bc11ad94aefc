"""The reads about trainings: training offers them, and the gateway forwards them."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from shared.asks.base import ID_PATTERN, Day
from shared.asks.training import TrainingReads
from shared.asks.training_figures import Bpf, TrainingFundings
from shared.asks.training_shown import DueList, ProducerTrainings, SessionPage, SessionShown
from shared.web.guarded import Reading, ReadingAll
from shared.web.problems import PROBLEMS
from shared.web.trainings import SESSION, Id

DUE_CURSOR = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}/[A-Za-z0-9_.-]{1,40}$"

AFTER = "The previous page's `next`; omit for the first page."
Limit = Annotated[int, Field(ge=1, le=200, description="The maximum number of rows.")]


class _Asked(BaseModel):
    """The query of a read; an unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid")


class Page(_Asked):
    """Which part of a list: `limit` rows that follow `after`."""

    limit: Limit = 50
    after: Annotated[str, Field(pattern=ID_PATTERN)] | None = Field(None, description=AFTER)


class DuePage(_Asked):
    """By which day (default: today in Paris), and which part of the list."""

    on: Day | None = Field(None, description="Default: today in Paris.")
    limit: Limit = 50
    after: Annotated[str, Field(pattern=DUE_CURSOR, examples=["2026-12-13/2045"])] | None = Field(
        None, description=AFTER
    )


class Year(_Asked):
    """A year; a session belongs to the year of its last day."""

    year: Annotated[
        int, Field(ge=1990, le=2199, examples=[2024], description="Sessions that end in it.")
    ]


def add_training_reads(router: APIRouter, training: TrainingReads) -> None:
    """Add the reads about trainings."""

    @router.get("/training-sessions", responses=PROBLEMS)
    def sessions(_: ReadingAll, page: Annotated[Page, Query()]) -> SessionPage:
        """Every session, by id."""
        return training.sessions(page.limit, page.after)

    @router.get(SESSION, responses=PROBLEMS)
    def session(_: ReadingAll, session_id: Id) -> SessionShown:
        """A session: its plan, and everyone in it."""
        return training.session(session_id)

    @router.get("/producers/{producer_id}/trainings", responses=PROBLEMS)
    def trainings_of(caller: Reading, producer_id: Id) -> ProducerTrainings:
        """All trainings of a producer, and when the next update is due."""
        caller.must_see(producer_id, "producer", producer_id)
        return training.trainings_of(producer_id)

    @router.get("/training-due", responses=PROBLEMS)
    def due(_: ReadingAll, page: Annotated[DuePage, Query()]) -> DueList:
        """Producers whose update is due or lapsed by a day, by due day and id."""
        return training.due(page.on, page.limit, page.after)

    @router.get("/training-fundings", responses=PROBLEMS)
    def fundings(_: ReadingAll, asked: Annotated[Year, Query()]) -> TrainingFundings:
        """Who pays for the sessions that end in a year, by fund."""
        return training.fundings(asked.year)

    @router.get("/bpf", responses=PROBLEMS)
    def bpf(_: ReadingAll, asked: Annotated[Year, Query()]) -> Bpf:
        """What the *bilan pédagogique et financier* of a year asks for, as far as it was told."""
        return training.bpf(asked.year)
