"""Which trainings make a producer ENGAGEE, and on which days (contract §5.8)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.billing.domain.words import TrainingKind
from shared.kernel.calendar import eve, months_later
from shared.kernel.spans import Days, clipped


class Reason(StrEnum):
    """What opens ENGAGEE."""

    INTEGRATION_ENROLMENT = "INTEGRATION_ENROLMENT"
    COMPLETED_TRAINING = "COMPLETED_TRAINING"
    SWITCH = "SWITCH"


@dataclass(frozen=True)
class Training:
    """What is known of a producer in a session."""

    kind: TrainingKind
    enrolled_on: date | None = None
    completed_on: date | None = None
    cancelled_on: date | None = None


@dataclass(frozen=True)
class Span(Days):
    """Days, both ends included, on which the formula is ENGAGEE, and the training that gives it."""

    reason: Reason
    session_id: str


@dataclass(frozen=True)
class Conditions:
    """What the producers' committee decides about ENGAGEE: dated data, never constants.

    Before `switch_on` everyone is FLEXIBLE; anyone trained before it is ENGAGEE from then until
    `transition_until`. Durations in months.
    """

    switch_on: date
    transition_until: date
    integration_months: int
    completed_months: int


def spans_under(conditions: Conditions, trainings: Mapping[str, Training]) -> Iterator[Span]:
    """The spans that conditions give a producer's trainings, by session."""
    for session_id, training in sorted(trainings.items()):
        for span in _spans_of(conditions, session_id, training):
            yield from clipped([span], conditions.switch_on, date.max)


def _spans_of(conditions: Conditions, session_id: str, training: Training) -> Iterator[Span]:
    completed_on, enrolled_on = training.completed_on, training.enrolled_on
    if enrolled_on and training.kind is TrainingKind.INTEGRATION:
        last = eve(months_later(enrolled_on, conditions.integration_months))
        if training.cancelled_on and not completed_on:
            last = min(last, training.cancelled_on)
        yield Span(enrolled_on, last, Reason.INTEGRATION_ENROLMENT, session_id)
    if completed_on:
        last = eve(months_later(completed_on, conditions.completed_months))
        yield Span(completed_on, last, Reason.COMPLETED_TRAINING, session_id)
        if completed_on < conditions.switch_on:
            yield Span(conditions.switch_on, conditions.transition_until, Reason.SWITCH, session_id)
