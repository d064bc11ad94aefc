"""What training tells: which event becomes which fact."""

from services.training.domain.learner import Learner
from services.training.domain.session import Session
from shared.facts import training as facts
from shared.facts.base import Fact
from shared.messaging.rules import Publishing

publishing = Publishing()


@publishing.tell(Session.Enrolled)
def training_enrolled(event: Session.Enrolled) -> Fact:
    """A producer is enrolled, or the enrolment was edited."""
    return facts.TrainingEnrolled(
        producer_id=event.producer_id,
        session_id=event.session_id,
        kind=event.kind.value,
        enrolled_on=event.notice.enrolled_on,
        contract=event.notice.contract.value,
        price_cents=event.price_cents,
        fundings=tuple(
            facts.Funding(fund=share.fund, amount_cents=share.amount_cents)
            for share in event.notice.fundings
        ),
    )


@publishing.tell(Session.Completed)
def training_completed(event: Session.Completed) -> Fact:
    """A producer completed it, or the day was corrected."""
    hours = event.notice.attended_hours
    return facts.TrainingCompleted(
        producer_id=event.producer_id,
        session_id=event.session_id,
        kind=event.kind.value,
        completed_on=event.notice.completed_on,
        attended_hours=None if hours is None else str(hours),
    )


@publishing.tell(Session.Cancelled)
def training_cancelled(event: Session.Cancelled) -> Fact:
    """A producer abandoned it, or the day was corrected."""
    return facts.TrainingCancelled(
        producer_id=event.producer_id,
        session_id=event.session_id,
        kind=event.kind.value,
        cancelled_on=event.notice.cancelled_on,
    )


@publishing.tell(Learner.UpdateDue)
def training_update_due(event: Learner.UpdateDue) -> Fact:
    """A reminder that an update is due."""
    return facts.TrainingUpdateDue(producer_id=event.producer_id, due_on=event.due_on)


@publishing.tell(Learner.Lapsed)
def training_lapsed(event: Learner.Lapsed) -> Fact:
    """A reminder that the last training has lapsed."""
    return facts.TrainingLapsed(producer_id=event.producer_id, lapsed_on=event.lapsed_on)
