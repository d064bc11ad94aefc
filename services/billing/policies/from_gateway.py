"""What follows in billing from what the gateway tells."""

from collections.abc import Iterator
from uuid import UUID

from services.billing.application import Billing
from services.billing.domain.contract import Contract
from services.billing.domain.sale import Sale, Sold
from services.billing.domain.statement import Statement
from services.billing.domain.transfer import Transfer
from services.billing.domain.words import Channel
from shared.facts.gateway import ProducerChanged, ProducerEnrolled, SalesValidated
from shared.kernel.aggregate import Aggregate
from shared.kernel.calendar import monday_after, month_of, paris_day
from shared.messaging.rules import Policies

policies = Policies[Billing]()


@policies.whenever(ProducerEnrolled, ProducerChanged)
def a_contract_knows_its_producer(fact: ProducerEnrolled, billing: Billing) -> Iterator[Aggregate]:
    """Record who is invoiced, and what a document lacks."""
    contract = billing.contract(fact.producer_id)
    contract.identify(fact.party_id, fact.person, fact.info_missing)
    yield contract


@policies.whenever(SalesValidated)
def a_fee_follows_its_sale(fact: SalesValidated, billing: Billing) -> Iterator[Aggregate]:
    """Bill what stands; correct what was billed otherwise."""
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


@policies.touching(SalesValidated)
def what_a_sale_touches(fact: SalesValidated) -> Iterator[UUID]:
    """The sale, the contract, and where fees go if that is open and the producer is the party."""
    producer_id = fact.producer_id
    yield Sale.create_id(producer_id, fact.distribution_id)
    yield Contract.create_id(producer_id)
    validated_on = paris_day(fact.first_validated_at)
    channel = Channel(fact.payment_mode)
    if channel is Channel.ON_SITE:
        yield Statement.create_id(producer_id, month_of(validated_on), channel)
        return
    monday = monday_after(validated_on)
    yield Statement.create_id(producer_id, month_of(monday), channel)
    yield Transfer.create_id(producer_id, monday)
