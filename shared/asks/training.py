"""What training is told, through the gateway: sessions, enrolments, completions, cancellations."""

from typing import Annotated, Literal, Protocol

from pydantic import Field

from shared.asks.base import Actor, Body, Cents, Count, Day, DecimalString, Number, Text
from shared.kernel.answers import Answer


class Session(Body):
    """A training session, planned or edited."""

    seq: Number
    kind: Literal["INTEGRATION", "UPDATE"]
    title: Text
    starts_on: Day
    ends_on: Day
    price_cents: Cents
    hours: Count
    mode: Literal["REMOTE", "ON_SITE", "MIXED"]


class Funding(Body):
    """A share of the price, and who pays it."""

    fund: Text
    amount_cents: Cents
    agreement_no: Text | None = None


class Enrolment(Body):
    """A producer's participant in a session."""

    seq: Number
    participant: Actor
    enrolled_on: Day
    contract: Literal["CONVENTION", "CONTRAT"]
    fundings: Annotated[tuple[Funding, ...], Field(min_length=1, max_length=20)]


class Completion(Body):
    """A training was completed; a higher `seq` corrects the day."""

    seq: Number = 1
    completed_on: Day
    attended_hours: DecimalString | None = None


class Cancellation(Body):
    """A training was abandoned; a higher `seq` corrects the day."""

    seq: Number = 1
    cancelled_on: Day
    reason: Text | None = None


BODIES: dict[str, type[Body]] = {
    "training-session": Session,
    "enrolment": Enrolment,
    "completion": Completion,
    "cancellation": Cancellation,
}
"""By the kind of an import line."""


class TrainingHouse(Protocol):
    """Training, as its neighbours ask it."""

    def tell(
        self,
        session_id: str,
        producer_id: str | None,
        body: Body,
        *,
        by: str,
        key: str | None,
        dry_run: bool = False,
    ) -> tuple[Answer, bool]:
        """Tell a session (no producer), or something of a producer in it; and if it is a replay.

        Raises the refusals of training.
        """
