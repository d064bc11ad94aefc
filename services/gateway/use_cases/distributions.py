"""Distributions: validated, validated again, un-validated."""

from datetime import datetime

from services.gateway.application import Gateway
from services.gateway.domain.distribution import CASH_MISMATCH, Distribution, Validation
from services.gateway.domain.market import Market, PaymentMode
from shared.kernel.answers import Answer, Result


def tell_distribution(
    gateway: Gateway, distribution_id: str, told: Validation, warnings: tuple[str, ...] = ()
) -> Answer:
    """Record a validation and tell what changed; held while its market or a producer is unknown.

    Refuses a number reused with other content, and a market other than before.
    """
    gateway.fetch(distribution_id, told.market_id, told.parts)
    distribution = gateway.distribution(distribution_id)
    market = gateway.market(told.market_id)
    if distribution.knows(told):
        is_latest = told.validation_no == max(distribution.validations)
        result = Result.UNCHANGED if is_latest else Result.STALE
    else:
        mode = market.mode_on(told.day) if market else None
        result = distribution.validate(told, mode)
        gateway.keep(distribution)
        tell_sales(gateway, distribution)
    waiting = _waiting_for(gateway, distribution, told, market)
    warnings += _warnings(distribution, told, market)
    return Answer(Result.HELD if waiting else result, waiting, warnings)


def unvalidate(gateway: Gateway, distribution_id: str, validation_no: int, at: datetime) -> Answer:
    """Record an un-validation: what it takes back is told as zero sales.

    Held until the number it names is told.
    """
    distribution = gateway.distribution(distribution_id)
    result = distribution.unvalidate(validation_no, at)
    gateway.keep(distribution)
    tell_sales(gateway, distribution)
    if validation_no not in distribution.validations:
        return Answer(Result.HELD, (f"validation:{distribution_id}/{validation_no}",))
    return Answer(result)


def tell_sales(gateway: Gateway, distribution: Distribution) -> None:
    """Tell what changed in a distribution, as far as its market and producers are known."""
    market_id = next((v.market_id for v in distribution.validations.values()), None)
    market = gateway.market(market_id) if market_id else None
    if market:
        distribution.tell_sales(market.details, gateway.is_billed)
        gateway.keep(distribution)


def _waiting_for(
    gateway: Gateway, distribution: Distribution, told: Validation, market: Market | None
) -> tuple[str, ...]:
    if market is None:
        return (f"market:{told.market_id}",)
    if told.validation_no not in distribution.modes:
        return (f"market:{told.market_id}/payment_mode/{told.day}",)
    unknown = [p for p in sorted(told.parts) if gateway.producer(p) is None]
    return tuple(f"producer:{producer_id}" for producer_id in unknown)


def _warnings(
    distribution: Distribution, told: Validation, market: Market | None
) -> tuple[str, ...]:
    warnings = []
    of_market = market.mode_on(told.day) if market else None
    if told.stated_mode and of_market and told.stated_mode is not of_market:
        warnings.append(f"payment_mode {told.stated_mode} is not the market's ({of_market})")
    mode = distribution.modes.get(told.validation_no)
    if mode is PaymentMode.ONLINE and not told.cash_matches:
        warnings.append(f"{CASH_MISMATCH}: paid and owed amounts differ; held until told again")
    return tuple(warnings)
