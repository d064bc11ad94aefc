"""A training session, and how far each producer in it got."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.training.domain.notices import (
    AttendeeNotice,
    CancellationNotice,
    CompletionNotice,
    EnrolmentNotice,
    Plan,
    TrainingKind,
    awaited,
)
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.answers import Answer, Result, taken
from shared.kernel.errors import NumberReused
from shared.kernel.ids import stable_id

COMPLETED = "completed/"


@dataclass
class Attendee:
    """What was told of a producer in a session, and what of that was told on."""

    enrolment: EnrolmentNotice | None = None
    completion: CompletionNotice | None = None
    cancellation: CancellationNotice | None = None
    told: tuple[EnrolmentNotice, TrainingKind, int] | None = None
    told_completion: CompletionNotice | None = None
    told_cancellation: CancellationNotice | None = None


class Session(Aggregate):
    """One session. Notices come in any order; what refers to something unknown waits for it."""

    TOPIC = "training.session"

    class Opened(Created):
        """Something was told of it for the first time."""

        TOPIC = "training.session.opened"
        session_id: str

    class Planned(Aggregate.Event):
        """It was planned, or the plan was edited."""

        TOPIC = "training.session.planned"
        plan: Plan

    class EnrolmentTold(Aggregate.Event):
        """An enrolment was told, or edited."""

        TOPIC = "training.session.enrolment-told"
        producer_id: str
        notice: EnrolmentNotice

    class CompletionTold(Aggregate.Event):
        """A completion was told, or its day corrected."""

        TOPIC = "training.session.completion-told"
        producer_id: str
        notice: CompletionNotice

    class CancellationTold(Aggregate.Event):
        """A cancellation was told, or its day corrected."""

        TOPIC = "training.session.cancellation-told"
        producer_id: str
        notice: CancellationNotice

    class Enrolled(Aggregate.Event):
        """A producer is enrolled: session and price are known."""

        TOPIC = "training.session.enrolled"
        session_id: str
        producer_id: str
        kind: TrainingKind
        price_cents: int
        notice: EnrolmentNotice

    class Completed(Aggregate.Event):
        """An enrolled producer completed it. Told as a fact."""

        TOPIC = "training.session.completed"
        session_id: str
        producer_id: str
        kind: TrainingKind
        notice: CompletionNotice

        def tags(self) -> tuple[str, ...]:
            """Found by day and producer."""
            return (f"{COMPLETED}{self.notice.completed_on}/{self.producer_id}",)

    class Cancelled(Aggregate.Event):
        """An enrolled producer abandoned it. Told as a fact."""

        TOPIC = "training.session.cancelled"
        session_id: str
        producer_id: str
        kind: TrainingKind
        notice: CancellationNotice

    @event(Opened)
    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.plans: dict[int, Plan] = {}
        self.attendees: dict[str, Attendee] = {}

    @staticmethod
    def create_id(session_id: str) -> UUID:
        """One stream per session."""
        return stable_id("training/session", session_id)

    def tell(self, plan: Plan) -> Answer:
        """Plan it, or edit the plan: the highest number counts. Those who waited are enrolled."""
        known = self.plans.get(plan.seq)
        if known:
            result = _compared(known, plan, f"session {self.session_id}") or Result.UNCHANGED
            return Answer(result if self.plan is known else Result.STALE)
        plan.check()
        latest = self.plan.seq if self.plan else 0
        self._planned(plan)
        for producer_id in sorted(self.attendees):
            self._advance(producer_id)
        return Answer(taken(latest) if plan.seq > latest else Result.STALE)

    @property
    def plan(self) -> Plan | None:
        """The plan that counts."""
        return self.plans[max(self.plans)] if self.plans else None

    def tell_of(self, producer_id: str, notice: AttendeeNotice) -> Answer:
        """Record what is told of a producer in it; held while what it refers to is missing."""
        known = self._known(producer_id, notice)
        result = _compared(known, notice, f"producer {producer_id} in session {self.session_id}")
        if result is None:
            result = taken(known.seq if known else 0)
            self._note(producer_id, notice)
            self._advance(producer_id)
        waiting = self._waiting_for(producer_id)
        return Answer(Result.HELD if waiting else result, waiting)

    def _known(self, producer_id: str, notice: AttendeeNotice) -> AttendeeNotice | None:
        attendee = self.attendees.get(producer_id, Attendee())
        if isinstance(notice, EnrolmentNotice):
            return attendee.enrolment
        if isinstance(notice, CompletionNotice):
            return attendee.completion
        return attendee.cancellation

    def _note(self, producer_id: str, notice: AttendeeNotice) -> None:
        if isinstance(notice, EnrolmentNotice):
            if self.plan and not self._adds_up(notice):
                notice.check(self.plan.price_cents)
            self._enrolment_told(producer_id, notice)
        elif isinstance(notice, CompletionNotice):
            self._completion_told(producer_id, notice)
        else:
            self._cancellation_told(producer_id, notice)

    def _waiting_for(self, producer_id: str) -> tuple[str, ...]:
        attendee = self.attendees[producer_id]
        if self.plan and attendee.told and attendee.told[0] == attendee.enrolment:
            return ()
        planned, told = self.plan is not None, attendee.enrolment is not None
        return (awaited(self.session_id, producer_id, planned=planned, enrolment_told=told),)

    def _advance(self, producer_id: str) -> None:
        """Tell on whatever no longer waits."""
        attendee, plan = self.attendees[producer_id], self.plan
        if plan is None or attendee.enrolment is None or not self._adds_up(attendee.enrolment):
            return
        if attendee.told != (attendee.enrolment, plan.kind, plan.price_cents):
            self._enrolled(
                self.session_id, producer_id, plan.kind, plan.price_cents, attendee.enrolment
            )
        if attendee.completion and attendee.completion != attendee.told_completion:
            self._completed(self.session_id, producer_id, plan.kind, attendee.completion)
        if attendee.cancellation and attendee.cancellation != attendee.told_cancellation:
            self._cancelled(self.session_id, producer_id, plan.kind, attendee.cancellation)

    def _adds_up(self, enrolment: EnrolmentNotice) -> bool:
        """Whether the shares make the price of any plan told, in whatever order they came."""
        return enrolment.total_cents in {plan.price_cents for plan in self.plans.values()}

    def completed_on(self, producer_id: str) -> date | None:
        """When a producer completed it, as told on."""
        completion = self.attendees[producer_id].told_completion
        return completion.completed_on if completion else None

    @event(Planned)
    def _planned(self, plan: Plan) -> None:
        self.plans[plan.seq] = plan

    @event(EnrolmentTold)
    def _enrolment_told(self, producer_id: str, notice: EnrolmentNotice) -> None:
        self.attendees.setdefault(producer_id, Attendee()).enrolment = notice

    @event(CompletionTold)
    def _completion_told(self, producer_id: str, notice: CompletionNotice) -> None:
        self.attendees.setdefault(producer_id, Attendee()).completion = notice

    @event(CancellationTold)
    def _cancellation_told(self, producer_id: str, notice: CancellationNotice) -> None:
        self.attendees.setdefault(producer_id, Attendee()).cancellation = notice

    @event(Enrolled)
    def _enrolled(
        self,
        session_id: str,
        producer_id: str,
        kind: TrainingKind,
        price_cents: int,
        notice: EnrolmentNotice,
    ) -> None:
        self.attendees[producer_id].told = (notice, kind, price_cents)

    @event(Completed)
    def _completed(
        self, session_id: str, producer_id: str, kind: TrainingKind, notice: CompletionNotice
    ) -> None:
        self.attendees[producer_id].told_completion = notice

    @event(Cancelled)
    def _cancelled(
        self, session_id: str, producer_id: str, kind: TrainingKind, notice: CancellationNotice
    ) -> None:
        self.attendees[producer_id].told_cancellation = notice


def _compared(
    known: Plan | AttendeeNotice | None, told: Plan | AttendeeNotice, what: str
) -> Result | None:
    """How a notice's number compares with the last one: None if it is to be recorded."""
    if known is None or told.seq > known.seq:
        return None
    if told.seq < known.seq:
        return Result.STALE
    if told.digest != known.digest:
        raise NumberReused(
            f"seq {told.seq} of {what} was told with other content: "
            "send the change under a higher number."
        )
    return Result.UNCHANGED
