"""Publish a version of the tariff and its conditions."""

from services.billing.application import Billing
from services.billing.domain.tariff import Tariff
from shared.kernel.answers import Answer, Result


def publish(billing: Billing, tariff: Tariff) -> Answer:
    """Publish a version; what was sold on its days is billed again, by corrections.

    Publishing the latest version again changes nothing. Refuses one that begins before it.
    """
    tariffs = billing.tariffs()
    if not tariffs.publish(tariff):
        return Answer(Result.UNCHANGED)
    billing.keep(tariffs)
    for contract in billing.contracts():
        contract.reconsider(tariffs)
        billing.keep(contract)
        for sale in billing.sales_of(contract.producer_id):
            if sale.sold and sale.sold.day >= tariff.from_on:
                billing.keep(*billing.rate(sale, sale.sold))
    return Answer(Result.CREATED if tariffs.versions[1:] == [] else Result.UPDATED)
