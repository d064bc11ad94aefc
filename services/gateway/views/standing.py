"""How a producer stands on a day: formula, trainings, what is missing."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from services.gateway.domain.terms import Formula, formula_on
from services.gateway.views.heard import REMINDERS, TRAININGS
from services.gateway.views.producers import PRODUCERS
from services.gateway.views.terms import spans_of
from shared.eventstore.reading import Readable
from shared.facts.training import (
    TrainingCancelled,
    TrainingCompleted,
    TrainingEnrolled,
    TrainingUpdateDue,
)
from shared.kernel.errors import unknown
from shared.kernel.spans import around


class TrainingStatus(StrEnum):
    """A producer's training status on a day."""

    NONE = "NONE"
    IN_PROGRESS = "IN_PROGRESS"
    UP_TO_DATE = "UP_TO_DATE"
    DUE = "DUE"
    LAPSED = "LAPSED"


@dataclass(frozen=True)
class Standing:
    """How a producer stands on a day. `next_due_on`: the first day no longer ENGAGEE."""

    formula: Formula
    since: date | None
    until: date | None
    last_completed_on: date | None
    next_due_on: date | None
    status: TrainingStatus
    info_missing: tuple[str, ...]


def standing(views: Readable, producer_id: str, on: date) -> Standing:
    """How a producer stands on a day. Raises NotFound for one never told."""
    spans = spans_of(views, producer_id)
    formula = formula_on(spans, on)
    since, until = around(spans, on)
    days = _days(views, producer_id, on)
    completed = days[TrainingCompleted.type()].values()
    due = until + timedelta(days=1) if until and formula is Formula.ENGAGEE else None
    return Standing(
        formula=formula,
        since=since,
        until=until,
        last_completed_on=max(completed, default=None),
        next_due_on=due,
        status=_status(views, producer_id, formula, days, due),
        info_missing=missing(views, producer_id),
    )


def missing(views: Readable, producer_id: str) -> tuple[str, ...]:
    """What an invoice to a producer's party lacks. Raises NotFound for a producer never told."""
    own = must_be_known(views, producer_id)
    party_id = own["party_id"]
    party = own if party_id == producer_id else _producer(views, party_id)
    if party is None:
        return (f"producer:{party_id}",)
    return tuple(party["info_missing"].split())


def must_be_known(views: Readable, producer_id: str) -> dict[str, Any]:
    """What was told of a producer, a row of PRODUCERS. Raises NotFound for one never told."""
    own = _producer(views, producer_id)
    if own is None:
        raise unknown("producer", producer_id)
    return own


def _producer(views: Readable, producer_id: str) -> dict[str, Any] | None:
    query = select(PRODUCERS).where(PRODUCERS.c.producer_id == producer_id)
    return next(iter(views.found(query)), None)


DAY_FIELDS = {
    TrainingEnrolled.type(): "enrolled_on",
    TrainingCompleted.type(): "completed_on",
    TrainingCancelled.type(): "cancelled_on",
}
"""The field in which each fact about a training tells its day."""


def _days(views: Readable, producer_id: str, until: date) -> dict[str, dict[str, date]]:
    """The days told, up to a day, by type of fact and session."""
    query = select(TRAININGS).where(TRAININGS.c.producer_id == producer_id)
    found: dict[str, dict[str, date]] = {name: {} for name in DAY_FIELDS}
    for row in views.found(query):
        day = date.fromisoformat(row["fact"][DAY_FIELDS[row["type"]]])
        if day <= until:
            found[row["type"]][row["session_id"]] = day
    return found


def _status(
    views: Readable,
    producer_id: str,
    formula: Formula,
    days: dict[str, dict[str, date]],
    due: date | None,
) -> TrainingStatus:
    enrolled, completed, cancelled = (set(days[name]) for name in DAY_FIELDS)
    if enrolled - completed - cancelled:
        return TrainingStatus.IN_PROGRESS
    if not completed:
        return TrainingStatus.NONE
    if formula is not Formula.ENGAGEE:
        return TrainingStatus.LAPSED
    return (
        TrainingStatus.DUE if _is_reminded(views, producer_id, due) else TrainingStatus.UP_TO_DATE
    )


def _is_reminded(views: Readable, producer_id: str, due: date | None) -> bool:
    query = select(REMINDERS.c.fact).where(
        REMINDERS.c.producer_id == producer_id, REMINDERS.c.type == TrainingUpdateDue.type()
    )
    reminded = [date.fromisoformat(row["fact"]["due_on"]) for row in views.found(query)]
    return due is not None and any(day >= due for day in reminded)
