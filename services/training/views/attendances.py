"""A producer in a session, as read: all that was told, put together."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Table, func, select

from services.training.domain.notices import ContractKind, FundingShare, awaited
from services.training.views.attendees import (
    ATTENDEES,
    CANCELLATIONS,
    COMPLETIONS,
    ENROLMENTS,
    TAKEN_UP,
)
from services.training.views.sessions import PLAN, SESSIONS, STANDING, StandingPlan, plan_in
from shared.eventstore.views import Views


class State(StrEnum):
    """How far a producer got in a session. Completed stays completed, whatever came after."""

    HELD = "HELD"
    ENROLLED = "ENROLLED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class Attendance:
    """A producer in a session. What was not told is None; the price is the sum of the shares."""

    session_id: str
    producer_id: str
    plan: StandingPlan | None
    participant: str | None
    enrolled_on: date | None
    contract: ContractKind | None
    fundings: tuple[FundingShare, ...]
    is_taken_up: bool
    completed_on: date | None
    attended_hours: Decimal | None
    cancelled_on: date | None

    @property
    def state(self) -> State:
        """How far the producer got."""
        if not self.is_taken_up:
            return State.HELD
        if self.completed_on:
            return State.COMPLETED
        return State.CANCELLED if self.cancelled_on else State.ENROLLED

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """What it is held for; empty if it is not held."""
        if self.is_taken_up:
            return ()
        planned, told = self.plan is not None, self.enrolled_on is not None
        return (awaited(self.session_id, self.producer_id, planned=planned, enrolment_told=told),)

    @property
    def price_cents(self) -> int:
        """The sum of the shares."""
        return sum(share.amount_cents for share in self.fundings)


def in_session(views: Views, session_id: str) -> list[Attendance]:
    """Everyone in a session, by producer."""
    return _found(views, SESSIONS.c.session_id == session_id)


def of_producer(views: Views, producer_id: str) -> list[Attendance]:
    """All attendances of a producer, by session."""
    return _found(views, ATTENDEES.c.producer_id == producer_id)


def held(views: Views) -> list[Attendance]:
    """Everyone who waits, by session and producer."""
    return _found(views, TAKEN_UP.c.stream.is_(None))


def of_year(views: Views, year: int) -> list[Attendance]:
    """Everyone taken up in the sessions that end in a year, by session and producer."""
    in_year = STANDING.c.ends_on.between(date(year, 1, 1), date(year, 12, 31))
    return _found(views, in_year & TAKEN_UP.c.stream.is_not(None))


def last_completed(views: Views, by: date) -> dict[str, date]:
    """The last training that each producer had completed by a day, by producer."""
    statement = (
        select(COMPLETIONS.c.producer_id, func.max(COMPLETIONS.c.completed_on).label("day"))
        .join(TAKEN_UP, _same(TAKEN_UP, COMPLETIONS))
        .where(COMPLETIONS.c.completed_on <= by)
        .group_by(COMPLETIONS.c.producer_id)
    )
    return {row["producer_id"]: row["day"] for row in views.found(statement)}


def _same(table: Table, other: Table) -> ColumnElement[bool]:
    return (table.c.stream == other.c.stream) & (table.c.producer_id == other.c.producer_id)


EVERYONE = (
    select(
        SESSIONS.c.session_id,
        ATTENDEES.c.producer_id,
        *(column.label(f"plan_{column.name}") for column in PLAN),
        ENROLMENTS.c.participant,
        ENROLMENTS.c.enrolled_on,
        ENROLMENTS.c.contract,
        ENROLMENTS.c.fundings,
        TAKEN_UP.c.stream.is_not(None).label("is_taken_up"),
        COMPLETIONS.c.completed_on,
        COMPLETIONS.c.attended_hours,
        CANCELLATIONS.c.cancelled_on,
    )
    .select_from(ATTENDEES)
    .join(SESSIONS, SESSIONS.c.stream == ATTENDEES.c.stream)
    .outerjoin(STANDING, STANDING.c.stream == ATTENDEES.c.stream)
    .outerjoin(ENROLMENTS, _same(ENROLMENTS, ATTENDEES))
    .outerjoin(TAKEN_UP, _same(TAKEN_UP, ATTENDEES))
    .outerjoin(COMPLETIONS, _same(COMPLETIONS, ATTENDEES))
    .outerjoin(CANCELLATIONS, _same(CANCELLATIONS, ATTENDEES))
)
"""One statement, so that what it finds is consistent as of one moment."""


def _found(views: Views, where: ColumnElement[bool]) -> list[Attendance]:
    found = [_attendance(row) for row in views.found(EVERYONE.where(where))]
    return sorted(found, key=lambda attendance: (attendance.session_id, attendance.producer_id))


def _attendance(row: dict[str, Any]) -> Attendance:
    hours, contract = row["attended_hours"], row["contract"]
    return Attendance(
        session_id=row["session_id"],
        producer_id=row["producer_id"],
        plan=plan_in(row, "plan_"),
        participant=row["participant"],
        enrolled_on=row["enrolled_on"],
        contract=ContractKind(contract) if contract else None,
        fundings=tuple(FundingShare(**share) for share in row["fundings"] or ()),
        is_taken_up=row["is_taken_up"],
        completed_on=row["completed_on"],
        attended_hours=None if hours is None else Decimal(hours),
        cancelled_on=row["cancelled_on"],
    )
