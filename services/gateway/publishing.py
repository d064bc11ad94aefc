"""What the gateway tells: which event becomes which fact."""

from services.gateway.domain.distribution import Distribution
from services.gateway.domain.market import Market, MarketDetails
from services.gateway.domain.producer import Producer, ProducerNotice
from shared.facts import gateway as facts
from shared.facts.base import Fact
from shared.messaging.rules import Publishing

publishing = Publishing()


@publishing.tell(Producer.Enrolled)
def producer_enrolled(event: Producer.Enrolled) -> Fact:
    """A producer, told for the first time."""
    return _producer(facts.ProducerEnrolled, event.notice)


@publishing.tell(Producer.Changed)
def producer_changed(event: Producer.Changed) -> Fact:
    """The whole producer again."""
    return _producer(facts.ProducerChanged, event.notice)


@publishing.tell(Producer.Forgotten)
def producer_forgotten(event: Producer.Forgotten) -> Fact:
    """The whole producer again, without the person."""
    return _producer(facts.ProducerChanged, event.notice)


@publishing.tell(Market.Opened)
def market_opened(event: Market.Opened) -> Fact:
    """A market, told for the first time."""
    return _market(facts.MarketOpened, event.market_id, event.details)


@publishing.tell(Market.Changed)
def market_changed(event: Market.Changed) -> Fact:
    """The whole market again."""
    return _market(facts.MarketChanged, event.market_id, event.details)


@publishing.tell(Market.ModeTold)
def payment_mode_changed(event: Market.ModeTold) -> Fact | None:
    """Told only if the modes differ from before."""
    if not event.changed:
        return None
    return facts.MarketPaymentModeChanged(
        market_id=event.market_id,
        payment_mode=event.mode.payment_mode.value,
        from_on=event.mode.from_on,
    )


@publishing.tell(Distribution.SalesValidated)
def sales_validated(event: Distribution.SalesValidated) -> Fact:
    """One producer at one distribution, as it stands."""
    sales, part = event.sales, event.sales.part
    return facts.SalesValidated(
        distribution_id=event.distribution_id,
        market_id=sales.market_id,
        market_name=event.market_name,
        producer_id=event.producer_id,
        day=sales.day,
        first_validated_at=sales.first_validated_at,
        validated_at=sales.validated_at,
        validation_no=sales.validation_no,
        payment_mode=sales.payment_mode.value,
        sales_cents=part.sales_cents if part else 0,
        sales_by_vat=tuple(
            facts.VatShare(vat_rate_bp=rate, amount_cents=amount)
            for rate, amount in (part.sales_by_vat if part else ())
        ),
        baskets=part.baskets if part else 0,
        lines=part.lines if part else 0,
        held=sales.held,
    )


def _producer(fact: type[facts.ProducerEnrolled], notice: ProducerNotice) -> Fact:
    return fact(
        producer_id=notice.producer_id,
        party_id=notice.party_id,
        joined_on=notice.joined_on,
        country="FR",
        vat_regime=notice.vat_regime.value if notice.vat_regime else None,
        pedagogic=notice.pedagogic,
        disabled=notice.disabled,
        info_missing=notice.info_missing,
        person=notice.person,
    )


def _market(fact: type[facts.MarketOpened], market_id: str, details: MarketDetails) -> Fact:
    return fact(
        market_id=market_id,
        name=details.name,
        kind=details.kind.value,
        test=details.test,
        administrator=details.administrator,
    )
