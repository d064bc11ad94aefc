"""Training's desk: takes what the gateway forwards and hands it to a use case."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from services.training.api.shown import ShownTrainings
from services.training.application import Training
from services.training.domain.bpf import BpfForm
from services.training.domain.learner import Rhythm
from services.training.domain.notices import (
    AttendeeNotice,
    CancellationNotice,
    CompletionNotice,
    ContractKind,
    EnrolmentNotice,
    FundingShare,
    Plan,
    TrainingKind,
)
from services.training.use_cases.reminders import remind
from services.training.use_cases.sessions import tell_attendee, tell_session
from shared.asks.base import Body
from shared.asks.training import Cancellation, Completion, Enrolment, Session
from shared.eventstore.asks import Ask
from shared.eventstore.views import Views
from shared.kernel.answers import Answer
from shared.kernel.calendar import paris_day
from shared.messaging.house import House


class TrainingDesk(ShownTrainings):
    """Training as neighbours in the same process ask it, and what it shows them."""

    def __init__(self, house: House[Training], views: Views, rhythm: Rhythm, form: BpfForm) -> None:
        super().__init__(views, rhythm, form, today=lambda: paris_day(datetime.now(UTC)))
        self._house = house

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
        """Tell a session, or about a producer in it; the answer, and whether it is a replay."""
        arguments: dict[str, Any] = {"session_id": session_id, "body": body.content()}
        if isinstance(body, Session):
            plan = plan_of(body)
            ask = Ask("tell-session", arguments, by=by, nonce=uuid4(), key=key)
            return self._house.ask(
                ask, lambda training: tell_session(training, session_id, plan), dry_run=dry_run
            )
        if producer_id is None:
            raise ValueError(f"{type(body).__name__} needs a producer")
        producer, notice = producer_id, notice_of(body)
        arguments["producer_id"] = producer
        use_case = f"tell-{type(body).__name__.lower()}"
        ask = Ask(use_case, arguments, by=by, nonce=uuid4(), key=key)
        return self._house.ask(
            ask,
            lambda training: tell_attendee(training, session_id, producer, notice),
            dry_run=dry_run,
        )

    def remind(self, today: date, *, by: str, dry_run: bool = False) -> Answer:
        """Run the daily pass for a day."""
        arguments = {"today": today, "rhythm": vars(self._rhythm)}
        ask = Ask("remind", arguments, by=by, nonce=uuid4())
        answer, _ = self._house.ask(
            ask, lambda training: remind(training, today, self._rhythm), dry_run=dry_run
        )
        return answer


def plan_of(body: Session) -> Plan:
    """A session's body as the domain understands it."""
    return Plan(
        seq=body.seq,
        digest=body.digest(),
        kind=TrainingKind(body.kind),
        title=body.title,
        starts_on=body.starts_on,
        ends_on=body.ends_on,
        price_cents=body.price_cents,
        hours=body.hours,
        mode=body.mode,
    )


def notice_of(body: Body) -> AttendeeNotice:
    """What is told of a producer in a session, as the domain understands it."""
    digest = body.digest()
    if isinstance(body, Enrolment):
        return EnrolmentNotice(
            seq=body.seq,
            digest=digest,
            participant=body.participant,
            enrolled_on=body.enrolled_on,
            contract=ContractKind(body.contract),
            fundings=tuple(FundingShare(**vars(funding)) for funding in body.fundings),
        )
    if isinstance(body, Completion):
        return CompletionNotice(body.seq, digest, body.completed_on, body.attended_hours)
    if isinstance(body, Cancellation):
        return CancellationNotice(body.seq, digest, body.cancelled_on)
    raise TypeError(f"training is not told a {type(body).__name__}")
