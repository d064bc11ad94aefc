"""What training shows, read from its views: reads wait for nothing, and nothing for them."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date

from services.training.api import figures
from services.training.domain.bpf import BpfForm
from services.training.domain.learner import Rhythm, UpdateStatus
from services.training.views import attendances, sessions
from services.training.views.attendances import Attendance
from services.training.views.sessions import StandingPlan
from shared.asks.base import plain
from shared.asks.training_figures import Bpf, TrainingFundings
from shared.asks.training_shown import (
    DueList,
    EnrolmentShown,
    FundingShown,
    HeldTrainingNotice,
    HeldTrainings,
    ProducerTraining,
    ProducerTrainings,
    SessionLine,
    SessionPage,
    SessionShown,
    TrainingPlan,
    UpdateDue,
)
from shared.eventstore.views import Views
from shared.kernel.errors import NotFound


class ShownTrainings:
    """The reads of training. `today` gives the day for a caller who names none."""

    def __init__(
        self, views: Views, rhythm: Rhythm, form: BpfForm, today: Callable[[], date]
    ) -> None:
        self._views = views
        self._rhythm = rhythm
        self._form = form
        self._today = today

    def sessions(self, limit: int, after: str | None) -> SessionPage:
        """A page of sessions, by id."""
        as_of = self._as_of()
        found = sessions.sessions_after(self._views, after or "", limit + 1)
        lines = [SessionLine(session_id=told, plan=_plan(plan)) for told, plan in found[:limit]]
        following = lines[-1].session_id if len(found) > limit else None
        return SessionPage(as_of_event=as_of, sessions=lines, next=following)

    def session(self, session_id: str) -> SessionShown:
        """A session and everyone in it; raises NotFound."""
        as_of = self._as_of()
        plan = sessions.plan_of(self._views, session_id)
        everyone = attendances.in_session(self._views, session_id)
        return SessionShown(
            as_of_event=as_of,
            session_id=session_id,
            plan=_plan(plan),
            enrolments=[EnrolmentShown(**_enrolment(attendance)) for attendance in everyone],
        )

    def trainings_of(self, producer_id: str) -> ProducerTrainings:
        """All trainings of a producer; raises NotFound for one of whom none was told."""
        as_of, today = self._as_of(), self._today()
        found = attendances.of_producer(self._views, producer_id)
        if not found:
            raise NotFound(f"No training was told for producer {producer_id}.")
        taken_up = (a.completed_on for a in found if a.is_taken_up and a.completed_on)
        last = max((day for day in taken_up if day <= today), default=None)
        return ProducerTrainings(
            as_of_event=as_of,
            producer_id=producer_id,
            last_completed_on=last,
            update_due_on=self._rhythm.due_on(last) if last else None,
            update_status=self._rhythm.status(last, today).value if last else None,
            trainings=[ProducerTraining(**_enrolment(a), plan=_plan(a.plan)) for a in found],
        )

    def due(self, on: date | None, limit: int, after: str | None) -> DueList:
        """Producers whose update is due or lapsed by a day (default: today), by due day and id."""
        as_of, day = self._as_of(), on or self._today()
        found = sorted(
            (self._rhythm.due_on(last), producer_id, last, self._rhythm.status(last, day))
            for producer_id, last in attendances.last_completed(self._views, day).items()
        )
        wanted = [
            UpdateDue(producer_id=who, last_completed_on=last, due_on=due_on, status=status.value)
            for due_on, who, last, status in found
            if status is not UpdateStatus.UP_TO_DATE and _cursor(due_on, who) > (after or "")
        ]
        page = wanted[:limit]
        more = len(wanted) > limit
        following = _cursor(page[-1].due_on, page[-1].producer_id) if more else None
        return DueList(as_of_event=as_of, on=day, due=page, next=following)

    def fundings(self, year: int) -> TrainingFundings:
        """Who pays for the sessions that end in a year."""
        as_of = self._as_of()
        return figures.fundings(year, as_of, attendances.of_year(self._views, year))

    def bpf(self, year: int) -> Bpf:
        """What the BPF of a year asks for."""
        as_of = self._as_of()
        return figures.bpf(year, as_of, attendances.of_year(self._views, year), self._form)

    def held(self) -> HeldTrainings:
        """Every notice that waits for another, by session, producer and kind."""
        as_of = self._as_of()
        notices = [notice for each in attendances.held(self._views) for notice in _notices(each)]
        return HeldTrainings(as_of_event=as_of, held=notices)

    def _as_of(self) -> int:
        """A position taken before anything is read, so that what is read is as fresh or fresher."""
        return min(self._views.positions().values())


def _cursor(due_on: date, producer_id: str) -> str:
    return f"{due_on}/{producer_id}"


def _plan(plan: StandingPlan | None) -> TrainingPlan | None:
    return TrainingPlan(**{**asdict(plan), "hours": str(plan.hours)}) if plan else None


def _enrolment(attendance: Attendance) -> dict[str, object]:
    hours = attendance.attended_hours
    return {
        "session_id": attendance.session_id,
        "producer_id": attendance.producer_id,
        "state": attendance.state.value,
        "waiting_for": list(attendance.waiting_for),
        "participant": attendance.participant,
        "contract": attendance.contract.value if attendance.contract else None,
        "price_cents": attendance.price_cents,
        "fundings": [FundingShown(**asdict(share)) for share in attendance.fundings],
        "enrolled_on": attendance.enrolled_on,
        "completed_on": attendance.completed_on,
        "attended_hours": None if hours is None else plain(hours),
        "cancelled_on": attendance.cancelled_on,
    }


def _notices(attendance: Attendance) -> list[HeldTrainingNotice]:
    told = {
        "cancellation": attendance.cancelled_on,
        "completion": attendance.completed_on,
        "enrolment": attendance.enrolled_on,
    }
    return [
        HeldTrainingNotice(
            kind=kind,
            id=attendance.producer_id,
            session_id=attendance.session_id,
            waiting_for=list(attendance.waiting_for),
        )
        for kind, day in told.items()
        if day
    ]
