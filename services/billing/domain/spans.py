"""Which trainings make a producer ENGAGEE, and on which days (contract §5.8)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from services.billing.domain.words import TrainingKind
from shared.kernel.calendar import eve, months_later


class Reason(StrEnum):
    """What opens ENGAGEE."""

    INTEGRATION_ENROLMENT = "INTEGRATION_ENROLMENT"
    COMPLETED_TRAINING = "COMPLETED_TRAINING"
    SWITCH = "SWITCH"


@dataclass(frozen=True)
class Training:
    """A producer in a session, as far as it is known."""

    kind: TrainingKind
    enrolled_on: date | None = None
    completed_on: date | None = None
    cancelled_on: date | None = None


@dataclass(frozen=True)
class Span:
    """Days, both included, on which the formula is ENGAGEE, and the training it is owed to."""

    first: date
    last: date
    reason: Reason
    session_id: str

    def covers(self, day: date) -> bool:
        """Whether a day lies in it."""
        return self.first <= day <= self.last


@dataclass(frozen=True)
class Conditions:
    """What the producers' committee decides about ENGAGEE: dated data, never constants.

    Before `switch_on` everyone is FLEXIBLE; who was trained before it is moved to ENGAGEE until
    `transition_until`. Durations in months.
    """

    switch_on: date
    transition_until: date
    integration_months: int
    completed_months: int


def spans_under(conditions: Conditions, trainings: Mapping[str, Training]) -> Iterator[Span]:
    """The spans that conditions give to a producer's trainings, by session."""
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


def clipped(spans: Iterable[Span], first: date, last: date) -> list[Span]:
    """The parts of spans that lie in [first, last]."""
    inside = (replace(s, first=max(s.first, first), last=min(s.last, last)) for s in spans)
    return [span for span in inside if span.first <= span.last]


def span_on(spans: Iterable[Span], day: date) -> Span | None:
    """The span that makes a day ENGAGEE, or None: FLEXIBLE."""
    return next((span for span in spans if span.covers(day)), None)


def around(spans: Iterable[Span], day: date) -> tuple[date | None, date | None]:
    """Since when and until when the formula of a day is in force; None is for ever."""
    engagee = _merged(spans)
    for span in engagee:
        if span.covers(day):
            return span.first, span.last
    since = max((s.last for s in engagee if s.last < day), default=None)
    until = min((s.first for s in engagee if s.first > day), default=None)
    return _next_day(since), eve(until) if until else None


def _next_day(day: date | None) -> date | None:
    return date.fromordinal(day.toordinal() + 1) if day else None


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.first, s.last)):
        previous = merged[-1] if merged else None
        if previous and span.first.toordinal() <= previous.last.toordinal() + 1:
            merged[-1] = replace(previous, last=max(previous.last, span.last))
        else:
            merged.append(span)
    return merged
