"""What training tells: who enrolled, completed, abandoned, and who is due."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.facts.base import Cents, Day, Fact, Id, Part, TrainingKind


class TrainingFact(Fact):
    """Told by training, about a producer."""

    speaker: ClassVar[str] = "training"

    producer_id: Id


class SessionFact(TrainingFact):
    """About a producer in a session."""

    session_id: Id
    kind: TrainingKind


class Funding(Part):
    """Who pays a share of a training."""

    fund: str
    amount_cents: Annotated[Cents, Field(ge=0)]


class TrainingEnrolled(SessionFact):
    """A producer enrolled in a session, or the enrolment was edited."""

    enrolled_on: Day
    contract: Literal["CONVENTION", "CONTRAT"]
    price_cents: Annotated[Cents, Field(ge=0)]
    fundings: tuple[Funding, ...]


class TrainingCompleted(SessionFact):
    """A producer completed a training, or the day was corrected."""

    completed_on: Day
    attended_hours: Annotated[str | None, Field(description="Hours, a decimal string.")]


class TrainingCancelled(SessionFact):
    """A producer abandoned a training, or the day was corrected."""

    cancelled_on: Day


class TrainingUpdateDue(TrainingFact):
    """A reminder: the next update training is due by a day. It never changes a bill."""

    due_on: Day


class TrainingLapsed(TrainingFact):
    """A reminder: since a day no completed training is recent enough. It changes no bill."""

    lapsed_on: Day
