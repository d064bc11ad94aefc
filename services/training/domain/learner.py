"""A producer as a learner: when the next update is due, and the reminders given."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.calendar import months_later
from shared.kernel.ids import stable_id


class UpdateStatus(StrEnum):
    """A producer's update status on a day."""

    UP_TO_DATE = "UP_TO_DATE"
    DUE = "DUE"
    LAPSED = "LAPSED"


@dataclass(frozen=True)
class Rhythm:
    """How often an update is due, and how long before it the reminder comes: dated data."""

    update_every_months: int
    notice_days: int

    def due_on(self, completed_on: date) -> date:
        """The day by which the next training is due: the first that the last one does not cover."""
        return months_later(completed_on, self.update_every_months)

    def status(self, completed_on: date, day: date) -> UpdateStatus:
        """The status, on a day, of a producer whose last training was completed on another."""
        due_on = self.due_on(completed_on)
        if day >= due_on:
            return UpdateStatus.LAPSED
        if day >= due_on - timedelta(days=self.notice_days):
            return UpdateStatus.DUE
        return UpdateStatus.UP_TO_DATE


class Learner(Aggregate):
    """One per producer who was ever reminded. Reminders never change a bill."""

    TOPIC = "training.learner"

    class Opened(Created):
        """The producer was to be reminded for the first time."""

        TOPIC = "training.learner.opened"
        producer_id: str

    class UpdateDue(Aggregate.Event):
        """The producer was reminded that an update is due by a day."""

        TOPIC = "training.learner.update-due"
        producer_id: str
        due_on: date

    class Lapsed(Aggregate.Event):
        """The producer was told that since a day no completed training is recent enough."""

        TOPIC = "training.learner.lapsed"
        producer_id: str
        lapsed_on: date

    @event(Opened)
    def __init__(self, producer_id: str) -> None:
        self.producer_id = producer_id
        self.reminded_for: set[date] = set()
        self.lapsed_since: set[date] = set()

    @staticmethod
    def create_id(producer_id: str) -> UUID:
        """One stream per producer."""
        return stable_id("training/learner", producer_id)

    def remind(self, last_completed_on: date, today: date, rhythm: Rhythm) -> None:
        """Remind the producer of what is due, once each."""
        due_on = rhythm.due_on(last_completed_on)
        status = rhythm.status(last_completed_on, today)
        if status is UpdateStatus.LAPSED and due_on not in self.lapsed_since:
            self._lapsed(self.producer_id, due_on)
        elif status is UpdateStatus.DUE and due_on not in self.reminded_for:
            self._update_due(self.producer_id, due_on)

    @event(UpdateDue)
    def _update_due(self, producer_id: str, due_on: date) -> None:
        self.reminded_for.add(due_on)

    @event(Lapsed)
    def _lapsed(self, producer_id: str, lapsed_on: date) -> None:
        self.lapsed_since.add(lapsed_on)
