"""What follows in billing from what training tells: ENGAGEE opens, or closes, on its days."""

from collections.abc import Iterator

from services.billing.application import Billing
from services.billing.domain.contract import Contract
from services.billing.domain.words import TrainingKind
from shared.facts.training import TrainingCancelled, TrainingCompleted, TrainingEnrolled
from shared.kernel.aggregate import Aggregate
from shared.messaging.rules import Policies

policies = Policies[Billing]()


@policies.whenever(TrainingEnrolled)
def an_enrolment_opens_engagee(fact: TrainingEnrolled, billing: Billing) -> Iterator[Aggregate]:
    """For the integration of a new producer, during his first year."""
    contract = billing.contract(fact.producer_id)
    contract.enrol(fact.session_id, TrainingKind(fact.kind), fact.enrolled_on, billing.tariffs())
    yield from _rated_again(contract, billing)


@policies.whenever(TrainingCompleted)
def a_completed_training_opens_engagee(
    fact: TrainingCompleted, billing: Billing
) -> Iterator[Aggregate]:
    """From its day on; told late, it re-rates what was sold since."""
    contract = billing.contract(fact.producer_id)
    contract.complete(
        fact.session_id, TrainingKind(fact.kind), fact.completed_on, billing.tariffs()
    )
    yield from _rated_again(contract, billing)


@policies.whenever(TrainingCancelled)
def an_abandoned_training_closes_engagee(
    fact: TrainingCancelled, billing: Billing
) -> Iterator[Aggregate]:
    """Unless it was completed."""
    contract = billing.contract(fact.producer_id)
    contract.cancel(fact.session_id, TrainingKind(fact.kind), fact.cancelled_on, billing.tariffs())
    yield from _rated_again(contract, billing)


def _rated_again(contract: Contract, billing: Billing) -> Iterator[Aggregate]:
    yield contract
    for sale in billing.sales_of(contract.producer_id):
        if sale.sold and contract.formula_on(sale.sold.day) is not sale.formula:
            yield from billing.rate(sale, sale.sold)
