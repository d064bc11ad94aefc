"""A producer's contract: which party is invoiced, and when the formula is ENGAGEE."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from services.billing.domain.spans import Span, Training
from services.billing.domain.tariff import TariffBook
from services.billing.domain.words import Formula, TrainingKind
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.ids import stable_id
from shared.kernel.persons import Sealed
from shared.kernel.spans import span_on

CONTRACTS = "contract/"


class Contract(Aggregate):
    """One per producer, for life: the formula changes, the contract does not."""

    TOPIC = "billing.contract"

    class Opened(Created):
        """A producer was heard of for the first time."""

        TOPIC = "billing.contract.opened"
        producer_id: str

        def tags(self) -> tuple[str, ...]:
            """Found by producer."""
            return (CONTRACTS + self.producer_id,)

    class Identified(Aggregate.Event):
        """Who the producer is and who is invoiced. Anything in `info_missing` holds documents."""

        TOPIC = "billing.contract.identified"
        producer_id: str
        party_id: str
        person: Sealed
        info_missing: tuple[str, ...]

    class TrainingHeard(Aggregate.Event):
        """A training became known; `spans` are now all days on which the producer is ENGAGEE.

        `changed` says whether they differ from before.
        """

        TOPIC = "billing.contract.training-heard"
        producer_id: str
        session_id: str
        training: Training
        spans: tuple[Span, ...]
        changed: bool

    class Reconsidered(Aggregate.Event):
        """A new version of the tariff gives the trainings other days."""

        TOPIC = "billing.contract.reconsidered"
        producer_id: str
        spans: tuple[Span, ...]

    @event(Opened)
    def __init__(self, producer_id: str) -> None:
        self.producer_id = producer_id
        self.party_id: str | None = None
        self.person: Sealed | None = None
        self.info_missing: tuple[str, ...] = ()
        self.trainings: dict[str, Training] = {}
        self.spans: tuple[Span, ...] = ()

    @staticmethod
    def create_id(producer_id: str) -> UUID:
        """One contract per producer."""
        return stable_id("billing/contract", producer_id)

    def identify(self, party_id: str, person: Sealed, info_missing: tuple[str, ...]) -> None:
        """Record who the producer is and who is invoiced."""
        if (self.party_id, self.person, self.info_missing) != (party_id, person, info_missing):
            self._identified(self.producer_id, party_id, person, info_missing)

    def enrol(self, session_id: str, kind: TrainingKind, on: date, tariffs: TariffBook) -> None:
        """Record an enrolment in a session, or a correction of its day or kind."""
        known = self.trainings.get(session_id, Training(kind))
        self._learn(session_id, replace(known, kind=kind, enrolled_on=on), tariffs)

    def complete(self, session_id: str, kind: TrainingKind, on: date, tariffs: TariffBook) -> None:
        """Record a completed training, or a correction of its day."""
        known = self.trainings.get(session_id, Training(kind))
        self._learn(session_id, replace(known, completed_on=on), tariffs)

    def cancel(self, session_id: str, kind: TrainingKind, on: date, tariffs: TariffBook) -> None:
        """Record an abandoned training, or a correction of its day."""
        known = self.trainings.get(session_id, Training(kind))
        self._learn(session_id, replace(known, cancelled_on=on), tariffs)

    def _learn(self, session_id: str, training: Training, tariffs: TariffBook) -> None:
        if self.trainings.get(session_id) == training:
            return
        spans = tariffs.spans({**self.trainings, session_id: training})
        self._training_heard(
            self.producer_id, session_id, training, spans, changed=spans != self.spans
        )

    def reconsider(self, tariffs: TariffBook) -> None:
        """Give the trainings the days that the tariff book now gives them."""
        spans = tariffs.spans(self.trainings)
        if spans != self.spans:
            self._reconsidered(self.producer_id, spans)

    def formula_on(self, day: date) -> Formula:
        """The formula in force on a day."""
        return Formula.ENGAGEE if span_on(self.spans, day) else Formula.FLEXIBLE

    @event(Identified)
    def _identified(
        self, producer_id: str, party_id: str, person: Sealed, info_missing: tuple[str, ...]
    ) -> None:
        self.party_id = party_id
        self.person = person
        self.info_missing = info_missing

    @event(TrainingHeard)
    def _training_heard(
        self,
        producer_id: str,
        session_id: str,
        training: Training,
        spans: tuple[Span, ...],
        changed: bool,
    ) -> None:
        self.trainings[session_id] = training
        self.spans = spans

    @event(Reconsidered)
    def _reconsidered(self, producer_id: str, spans: tuple[Span, ...]) -> None:
        self.spans = spans
