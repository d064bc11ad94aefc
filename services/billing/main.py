"""Billing, assembled: the same function serves live work, a replay and a branch."""

import tomllib
from pathlib import Path

import msgspec

from services.billing.api.desk import BillingDesk
from services.billing.application import Billing
from services.billing.domain.tariff import Tariff
from services.billing.policies import from_gateway, from_training
from services.billing.publishing import publishing
from services.billing.views import documents, fees, producers, transfers
from shared.eventstore.lease import Lease
from shared.eventstore.log import EventLog
from shared.kernel.errors import NotValid
from shared.kernel.money import BASIS_POINTS
from shared.messaging.house import House
from shared.messaging.rules import Policies
from shared.vault.vault import Vault

REFERENCE_TARIFF = Path(__file__).parent / "reference_tariff.toml"

VIEWS = (fees.VIEW, documents.VIEW, transfers.VIEW, producers.VIEW)


def build(log: EventLog, lease: Lease) -> House[Billing]:
    """The billing house, built on a log."""
    return House(
        "billing",
        log,
        lease,
        application=Billing,
        policies=Policies.joined(from_gateway.policies, from_training.policies),
        publishing=publishing,
    )


def desk(house: House[Billing], vault: Vault) -> BillingDesk:
    """The desk where operations ask the house."""
    return BillingDesk(house, vault)


def tariff_from(file: Path = REFERENCE_TARIFF) -> Tariff:
    """The tariff in a TOML file; raises NotValid if it is malformed or a rate is out of range."""
    try:
        tariff = msgspec.convert(tomllib.loads(file.read_text("utf-8")), Tariff)
    except (ValueError, msgspec.ValidationError) as reason:
        raise NotValid(
            f"{file} is not a valid tariff ({reason}): see services/billing/reference_tariff.toml "
            "for an example."
        ) from reason
    wrong = {name: bp for name, bp in vars(tariff.rates).items() if not 0 <= bp <= BASIS_POINTS}
    if wrong:
        raise NotValid(f"{file}: rates are 0 to {BASIS_POINTS} basis points, not {wrong}.")
    return tariff
