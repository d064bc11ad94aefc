"""What training shows, through the gateway: sessions, who is in them, who pays, what is due.

Money is in cents, hours are decimal strings, days ISO. An answer takes into account training's log
at least up to the position `as_of_event`.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Hours = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]{1,6})?$")]
Kind = Literal["INTEGRATION", "UPDATE"]
State = Literal["HELD", "ENROLLED", "COMPLETED", "CANCELLED"]
Status = Literal["UP_TO_DATE", "DUE", "LAPSED"]


def example(**fields: Any) -> ConfigDict:
    """The configuration of a model that is shown, with an example for its documentation."""
    return ConfigDict(frozen=True, json_schema_extra={"examples": [fields]})


class TrainingPlan(BaseModel):
    """A session as planned: of all plans told, the one that counts."""

    model_config = example(
        seq=1,
        kind="UPDATE",
        title="Mise à jour 2024",
        starts_on="2024-11-04",
        ends_on="2024-12-13",
        price_cents=65000,
        hours="14",
        mode="REMOTE",
    )
    seq: int
    kind: Kind
    title: str
    starts_on: date
    ends_on: date
    price_cents: int
    hours: Hours
    mode: str


class SessionLine(BaseModel):
    """A session in a list; `plan` is null as long as only other notices refer to the session."""

    model_config = example(session_id="UPD-2024-11", plan=None)
    session_id: str
    plan: TrainingPlan | None


class SessionPage(BaseModel):
    """A page of sessions, by id; `next` is the `after` of the page that follows, if any."""

    model_config = example(
        as_of_event=812, sessions=[{"session_id": "UPD-2024-11", "plan": None}], next=None
    )
    as_of_event: int
    sessions: list[SessionLine]
    next: str | None


class FundingShown(BaseModel):
    """A share of the price, and who pays it."""

    model_config = example(fund="VIVEA", amount_cents=50000, agreement_no="V-2024-8812")
    fund: str
    amount_cents: int
    agreement_no: str | None


ENROLMENT = {
    "session_id": "UPD-2024-11",
    "producer_id": "2045",
    "state": "COMPLETED",
    "waiting_for": [],
    "participant": "u:1207",
    "contract": "CONVENTION",
    "price_cents": 65000,
    "fundings": [
        {"fund": "VIVEA", "amount_cents": 50000, "agreement_no": "V-2024-8812"},
        {"fund": "SELF", "amount_cents": 15000, "agreement_no": None},
    ],
    "enrolled_on": "2024-10-20",
    "completed_on": "2024-12-13",
    "attended_hours": "13.5",
    "cancelled_on": None,
}


class EnrolmentShown(BaseModel):
    """A producer in a session. What was not told is null; the price is the sum of the shares.

    HELD: something was told about the producer, and waits. A completed training stays COMPLETED,
    whatever came after.
    """

    model_config = example(**ENROLMENT)
    session_id: str
    producer_id: str
    state: State
    waiting_for: list[str]
    participant: str | None
    contract: Literal["CONVENTION", "CONTRAT"] | None
    price_cents: int
    fundings: list[FundingShown]
    enrolled_on: date | None
    completed_on: date | None
    attended_hours: Hours | None
    cancelled_on: date | None


class SessionShown(SessionLine):
    """A session, and everyone in it, by producer."""

    model_config = example(
        as_of_event=812, session_id="UPD-2024-11", plan=None, enrolments=[ENROLMENT]
    )
    as_of_event: int
    enrolments: list[EnrolmentShown]


class ProducerTraining(EnrolmentShown):
    """A session that a producer is in."""

    model_config = example(**ENROLMENT, plan=None)
    plan: TrainingPlan | None


class ProducerTrainings(BaseModel):
    """Every session a producer is in, by session, and how the producer's updates stand today.

    An update is due 24 months after the last training (a dated rhythm; nothing is billed by it).
    That is not the day on which ENGAGEE ends: for that see `training.next_due_on` of the standing.
    The three fields about updates are null until a training is completed.
    """

    model_config = example(
        as_of_event=812,
        producer_id="2045",
        last_completed_on="2024-12-13",
        update_due_on="2026-12-13",
        update_status="UP_TO_DATE",
        trainings=[{**ENROLMENT, "plan": None}],
    )
    as_of_event: int
    producer_id: str
    last_completed_on: date | None
    update_due_on: date | None
    update_status: Status | None
    trainings: list[ProducerTraining]


class UpdateDue(BaseModel):
    """A producer whose update is due soon, or has lapsed."""

    model_config = example(
        producer_id="2045", last_completed_on="2024-12-13", due_on="2026-12-13", status="DUE"
    )
    producer_id: str
    last_completed_on: date
    due_on: date
    status: Status


class DueList(BaseModel):
    """Whose update is due or lapsed by a day, by due day and id; `next` is as in every list."""

    model_config = example(
        as_of_event=812,
        on="2026-10-01",
        due=[
            {
                "producer_id": "2045",
                "last_completed_on": "2024-12-13",
                "due_on": "2026-12-13",
                "status": "DUE",
            }
        ],
        next="2026-12-13/2045",
    )
    as_of_event: int
    on: date
    due: list[UpdateDue]
    next: str | None


class HeldTrainingNotice(BaseModel):
    """A notice that waits, in the words of an import line: `id` is the producer's."""

    model_config = example(
        kind="completion",
        id="2045",
        session_id="UPD-2024-11",
        waiting_for=["enrolment:UPD-2024-11/2045"],
    )
    kind: Literal["enrolment", "completion", "cancellation"]
    id: str
    session_id: str
    waiting_for: list[str]


class HeldTrainings(BaseModel):
    """Every notice about a training that waits for another, by session, producer and kind."""

    model_config = example(as_of_event=812, held=[])
    as_of_event: int
    held: list[HeldTrainingNotice]
