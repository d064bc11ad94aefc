"""A producer, as told by the marketplace."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from uuid import UUID

from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.answers import Result
from shared.kernel.errors import NumberReused, Refusal
from shared.kernel.ids import stable_id
from shared.kernel.persons import ERASED, FORGOTTEN, IN_CLEAR, Sealed

NAMED = "party/"

SamePerson = Callable[[Sealed, Sealed], bool]


class PartyRefused(Refusal):
    """A billing party must be its own party, and stay so while others name it."""

    name = "party-refused"


class VatRegime(StrEnum):
    """A producer's VAT regime."""

    NORMAL = "NORMAL"
    FRANCHISE = "FRANCHISE"
    FLAT_RATE = "FLAT_RATE"


@dataclass(frozen=True)
class ProducerNotice:
    """The whole of a producer under a rising number; the person's fields as one sealed value.

    It has no digest: a digest of a person's fields would outlive the key that seals them.
    """

    producer_id: str
    seq: int
    joined_on: date
    party_id: str
    country: str
    vat_regime: VatRegime | None
    pedagogic: bool
    disabled: bool
    info_missing: tuple[str, ...]
    person: Sealed

    def without_person(self) -> "ProducerNotice":
        """The same, with its person forgotten."""
        return replace(self, person=FORGOTTEN, info_missing=ERASED.missing_for_invoice())


class Producer(Aggregate):
    """One producer. The highest number told counts."""

    TOPIC = "gateway.producer"

    class Enrolled(Created):
        """The producer was told for the first time."""

        TOPIC = "gateway.producer.enrolled"
        notice: ProducerNotice

        def tags(self) -> tuple[str, ...]:
            """Found by the party named."""
            return _named(self.notice)

    class Changed(Aggregate.Event):
        """The producer was told again, with a higher number."""

        TOPIC = "gateway.producer.changed"
        notice: ProducerNotice

        def tags(self) -> tuple[str, ...]:
            """Found by the party named."""
            return _named(self.notice)

    class Forgotten(Aggregate.Event):
        """The producer asked to be forgotten: `notice` is what is known without the person."""

        TOPIC = "gateway.producer.forgotten"
        notice: ProducerNotice

    @event(Enrolled)
    def __init__(self, notice: ProducerNotice) -> None:
        self.notice = notice
        self.was_in_clear = notice.person.startswith(IN_CLEAR)

    @staticmethod
    def create_id(notice: ProducerNotice) -> UUID:
        """One stream per producer."""
        return producer_stream(notice.producer_id)

    def tell(self, notice: ProducerNotice, is_same: SamePerson) -> Result:
        """Record a notice if its number is higher; refuses a number reused with other content.

        `is_same` says whether two sealed values are of equal persons. Nothing is recorded that
        would bring back the person of a forgotten producer.
        """
        known = self.notice
        if FORGOTTEN in (known.person, notice.person):
            known, notice = known.without_person(), notice.without_person()
        if notice.seq < known.seq:
            return Result.STALE
        if notice.seq == known.seq:
            person = known.person if is_same(known.person, notice.person) else notice.person
            if replace(notice, person=person) != known:
                raise NumberReused(
                    f"seq {notice.seq} of producer {notice.producer_id} was told with other "
                    "content: send the change under a higher number."
                )
            return Result.UNCHANGED
        self._changed(notice)
        return Result.UPDATED

    @property
    def is_forgotten(self) -> bool:
        """Whether nothing of the person is known, or ever will be."""
        return self.notice.person == FORGOTTEN

    def forget(self) -> Result:
        """Forget the person; forgetting again changes nothing."""
        if self.is_forgotten:
            return Result.UNCHANGED
        self._forgotten(self.notice.without_person())
        return Result.UPDATED

    @event(Changed)
    def _changed(self, notice: ProducerNotice) -> None:
        self.notice = notice
        self.was_in_clear = self.was_in_clear or notice.person.startswith(IN_CLEAR)

    @event(Forgotten)
    def _forgotten(self, notice: ProducerNotice) -> None:
        self.notice = notice


def producer_stream(producer_id: str) -> UUID:
    """The stream of a producer."""
    return stable_id("gateway/producer", producer_id)


def check_party(
    notice: ProducerNotice, party: Producer | None, named_by: Iterable[Producer]
) -> None:
    """Refuse a party that names another, or another party for a producer who is one."""
    own = notice.producer_id
    if notice.party_id == own:
        return
    if party and party.notice.party_id != notice.party_id:
        raise PartyRefused(
            f"Producer {notice.party_id} is invoiced through {party.notice.party_id}: "
            "name a billing party that is invoiced itself."
        )
    names = [p.notice.producer_id for p in named_by if p.notice.party_id == own]
    others = [name for name in names if name != own]
    if others:
        raise PartyRefused(
            f"Producers {', '.join(sorted(others))} are invoiced through {own}: "
            f"give them another billing party before {own} gets one."
        )


def check_named_by_nobody(producer: Producer, named_by: Iterable[Producer]) -> None:
    """Refuse to forget a producer who is invoiced in the place of others."""
    own = producer.notice.producer_id
    others = {
        p.notice.producer_id for p in named_by if p.notice.party_id == own and not p.is_forgotten
    } - {own}
    if others:
        raise PartyRefused(
            f"Producers {', '.join(sorted(others))} are invoiced through {own}: "
            f"give them another billing party before {own} is forgotten."
        )


def _named(notice: ProducerNotice) -> tuple[str, ...]:
    return (f"{NAMED}{notice.party_id}/",)
