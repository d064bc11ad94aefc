"""Training at work: finds its aggregates by natural key and keeps them."""

from datetime import date

from services.training.domain.learner import Learner
from services.training.domain.session import COMPLETED, Session
from shared.eventstore.work import AtWork


class Training(AtWork):
    """Training within one transaction."""

    def session(self, session_id: str) -> Session:
        """A session, opened by whatever is told of it first."""
        stream = Session.create_id(session_id)
        return self._work.get(Session, stream, lambda: Session(session_id))

    def learner(self, producer_id: str) -> Learner:
        """A producer as a learner."""
        stream = Learner.create_id(producer_id)
        return self._work.get(Learner, stream, lambda: Learner(producer_id))

    def last_completed(self) -> dict[str, date]:
        """The day of the last completed training of every producer, by producer id."""
        last: dict[str, date] = {}
        for tag, stream in self._work.tagged(COMPLETED):
            day, producer_id = tag.removeprefix(COMPLETED).split("/")
            session = self._work.find(Session, stream)
            completed_on = session.completed_on(producer_id) if session else None
            if completed_on and completed_on.isoformat() == day:
                last[producer_id] = max(completed_on, last.get(producer_id, completed_on))
        return dict(sorted(last.items()))
