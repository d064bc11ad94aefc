"""What follows in billing from what the gateway tells."""

from collections.abc import Iterator

from services.billing.application import Billing
from services.billing.domain.sale import Sold
from services.billing.domain.words import Channel
from shared.facts.gateway import ProducerChanged, ProducerEnrolled, SalesValidated
from shared.kernel.aggregate import Aggregate
from shared.messaging.rules import Policies

policies = Policies[Billing]()


@policies.whenever(ProducerEnrolled, ProducerChanged)
def a_contract_knows_its_producer(fact: ProducerEnrolled, billing: Billing) -> Iterator[Aggregate]:
    """Who is invoiced, and what a document lacks."""
    contract = billing.contract(fact.producer_id)
    contract.identify(fact.party_id, fact.person, fact.info_missing)
    yield contract


@policies.whenever(SalesValidated)
def a_fee_follows_its_sale(fact: SalesValidated, billing: Billing) -> Iterator[Aggregate]:
    """What stands is billed; what was billed otherwise is corrected."""
    sold = Sold(
        market_id=fact.market_id,
        market_name=fact.market_name,
        day=fact.day,
        first_validated_at=fact.first_validated_at,
        validated_at=fact.validated_at,
        validation_no=fact.validation_no,
        channel=Channel(fact.payment_mode),
        sales_cents=fact.sales_cents,
        held=fact.held,
    )
    yield from billing.rate(billing.sale(fact.producer_id, fact.distribution_id), sold)
