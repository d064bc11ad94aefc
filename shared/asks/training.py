"""What training is told, through the gateway: sessions, enrolments, completions, cancellations."""

from datetime import date
from typing import Annotated, Literal, Protocol

from pydantic import Field

from shared.asks.base import Actor, Body, Cents, Count, Day, DecimalString, Number, Text
from shared.asks.training_figures import Bpf, TrainingFundings
from shared.asks.training_shown import (
    DueList,
    HeldTrainings,
    ProducerTrainings,
    SessionPage,
    SessionShown,
)
from shared.kernel.answers import Answer
from shared.kernel.errors import Refusal


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
"""The bodies by the `kind` of an import line."""


class NeighbourAway(Refusal):
    """A neighbour does not answer: nothing was left half done, so asking again is safe."""

    name = "neighbour-away"


class TrainingReads(Protocol):
    """What training shows its neighbours. Reads wait for nobody, and nobody waits for them.

    They raise NotFound for an unknown id, and NeighbourAway if training's process does not answer.
    """

    def sessions(self, limit: int, after: str | None) -> SessionPage:
        """Up to `limit` sessions after an id, in order of id."""

    def session(self, session_id: str) -> SessionShown:
        """A session and everyone in it."""

    def trainings_of(self, producer_id: str) -> ProducerTrainings:
        """Every session a producer is in, and how the producer's updates stand today."""

    def due(self, on: date | None, limit: int, after: str | None) -> DueList:
        """Producers whose update is due or lapsed by a day (default: today in Paris)."""

    def fundings(self, year: int) -> TrainingFundings:
        """Who pays for the sessions that end in a year, by fund."""

    def bpf(self, year: int) -> Bpf:
        """What the *bilan pédagogique et financier* of a year asks for."""

    def held(self) -> HeldTrainings:
        """Every notice about a training that waits for another."""


class TrainingHouse(TrainingReads, Protocol):
    """Training, as its neighbours use it."""

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
        """Tell a session (no producer), or something about a producer in it.

        Returns the answer, and whether it is a replay. Raises training's refusals.
        """
