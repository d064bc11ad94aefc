"""Billing, put together: the same function serves live work, a replay and a branch."""

import tomllib
from pathlib import Path

import msgspec

from services.billing.application import Billing
from services.billing.domain.tariff import Tariff
from services.billing.policies import from_gateway, from_training
from services.billing.publishing import publishing
from services.billing.views import documents, fees, producers, transfers
from shared.eventstore.lease import Lease
from shared.eventstore.log import EventLog
from shared.messaging.house import House
from shared.messaging.rules import Policies

REFERENCE_TARIFF = Path(__file__).parent / "reference_tariff.toml"

VIEWS = (fees.VIEW, documents.VIEW, transfers.VIEW, producers.VIEW)


def build(log: EventLog, lease: Lease) -> House[Billing]:
    """The house of billing over a log."""
    return House(
        "billing",
        log,
        lease,
        application=Billing,
        policies=Policies.joined(from_gateway.policies, from_training.policies),
        publishing=publishing,
    )


def tariff_from(file: Path = REFERENCE_TARIFF) -> Tariff:
    """The tariff in a TOML file; raises msgspec.ValidationError for one that is not in shape."""
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), Tariff)
