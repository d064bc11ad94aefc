"""Every producer in every session, as told: enrolled, completed, abandoned, or waiting."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Date, Index, MetaData, String, Table, Uuid

from services.training.domain.session import Session
from shared.eventstore.folding import Row, View

METADATA = MetaData()


def _by_attendee(name: str, *columns: Column[Any] | Index) -> Table:
    """A table with one row per producer in a session."""
    return Table(
        name,
        METADATA,
        Column("stream", Uuid, primary_key=True),
        Column("producer_id", String, primary_key=True),
        *columns,
    )


ATTENDEES = _by_attendee("attendees", Index("attendees_by_producer", "producer_id"))
"""Everyone of whom anything was told."""
ENROLMENTS = _by_attendee(
    "enrolments",
    Column("seq", BigInteger, nullable=False),
    Column("participant", String, nullable=False),
    Column("enrolled_on", Date, nullable=False),
    Column("contract", String, nullable=False),
    Column("fundings", JSON, nullable=False),
)
"""As last told; `fundings` are the shares: fund, amount_cents, agreement_no."""
TAKEN_UP = _by_attendee("taken_up", Column("price_cents", BigInteger, nullable=False))
"""Those who no longer wait: session, enrolment and price are known, and it was told on."""
COMPLETIONS = _by_attendee(
    "completions",
    Column("completed_on", Date, nullable=False),
    Column("attended_hours", String),
)
CANCELLATIONS = _by_attendee("cancellations", Column("cancelled_on", Date, nullable=False))


Told = Session.EnrolmentTold | Session.CompletionTold | Session.CancellationTold


def _key(event: Session.Enrolled | Told) -> dict[str, Any]:
    return {"stream": event.originator_id, "producer_id": event.producer_id}


def _taken_up(event: Session.Enrolled) -> Iterator[Row]:
    yield TAKEN_UP, {**_key(event), "price_cents": event.price_cents}


def _enrolment(event: Session.EnrolmentTold) -> Iterator[Row]:
    """Each notice replaces the one before it."""
    key, notice = _key(event), event.notice
    yield ATTENDEES, key
    yield (
        ENROLMENTS,
        {
            **key,
            "seq": notice.seq,
            "participant": notice.participant,
            "enrolled_on": notice.enrolled_on,
            "contract": notice.contract,
            "fundings": [asdict(share) for share in notice.fundings],
        },
    )


def _completion(event: Session.CompletionTold) -> Iterator[Row]:
    key, hours = _key(event), event.notice.attended_hours
    yield ATTENDEES, key
    yield (
        COMPLETIONS,
        {
            **key,
            "completed_on": event.notice.completed_on,
            "attended_hours": None if hours is None else str(hours),
        },
    )


def _cancellation(event: Session.CancellationTold) -> Iterator[Row]:
    key = _key(event)
    yield ATTENDEES, key
    yield CANCELLATIONS, {**key, "cancelled_on": event.notice.cancelled_on}


VIEW = View(
    "attendees",
    (ATTENDEES, ENROLMENTS, TAKEN_UP, COMPLETIONS, CANCELLATIONS),
    {
        Session.Enrolled: _taken_up,
        Session.EnrolmentTold: _enrolment,
        Session.CompletionTold: _completion,
        Session.CancellationTold: _cancellation,
    },
)
