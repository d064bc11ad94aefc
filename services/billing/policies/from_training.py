"""What follows in billing from what training tells: ENGAGEE opens or closes on a day."""

from collections.abc import Iterator, Sequence

from services.billing.application import Billing
from services.billing.domain.contract import Contract
from services.billing.domain.spans import Span
from services.billing.domain.words import TrainingKind
from shared.facts.training import (
    TrainingCancelled,
    TrainingCompleted,
    TrainingEnrolled,
    TrainingFact,
)
from shared.kernel.aggregate import Aggregate
from shared.messaging.rules import Policies

policies = Policies[Billing]()


@policies.whenever(TrainingEnrolled)
def an_enrolment_opens_engagee(fact: TrainingEnrolled, billing: Billing) -> Iterator[Aggregate]:
    """An enrolment in an integration opens ENGAGEE for the new producer's first year."""
    contract, before = _contract(fact, billing)
    contract.enrol(fact.session_id, TrainingKind(fact.kind), fact.enrolled_on, billing.tariffs())
    yield from _rated_again(contract, before, billing)


@policies.whenever(TrainingCompleted)
def a_completed_training_opens_engagee(
    fact: TrainingCompleted, billing: Billing
) -> Iterator[Aggregate]:
    """ENGAGEE opens on the day it was completed; told late, it re-rates what was sold since."""
    contract, before = _contract(fact, billing)
    contract.complete(
        fact.session_id, TrainingKind(fact.kind), fact.completed_on, billing.tariffs()
    )
    yield from _rated_again(contract, before, billing)


@policies.whenever(TrainingCancelled)
def an_abandoned_training_closes_engagee(
    fact: TrainingCancelled, billing: Billing
) -> Iterator[Aggregate]:
    """ENGAGEE closes on the day it was abandoned, unless it was completed."""
    contract, before = _contract(fact, billing)
    contract.cancel(fact.session_id, TrainingKind(fact.kind), fact.cancelled_on, billing.tariffs())
    yield from _rated_again(contract, before, billing)


def _contract(fact: TrainingFact, billing: Billing) -> tuple[Contract, Sequence[Span]]:
    contract = billing.contract(fact.producer_id)
    return contract, contract.spans


def _rated_again(
    contract: Contract, before: Sequence[Span], billing: Billing
) -> Iterator[Aggregate]:
    yield contract
    if contract.spans == before:
        return
    for sale in billing.sales_of(contract.producer_id):
        if sale.sold and contract.formula_on(sale.sold.day) is not sale.formula:
            yield from billing.rate(sale, sale.sold)
