"""The gateway, put together."""

from services.gateway.api.desk import GatewayDesk
from services.gateway.application import Gateway
from services.gateway.publishing import publishing
from services.gateway.views import distributions, heard, markets, producers
from shared.asks.training import TrainingHouse
from shared.eventstore.lease import Lease
from shared.eventstore.log import EventLog
from shared.messaging.house import House
from shared.messaging.rules import Policies
from shared.vault.vault import Vault

VIEWS = (producers.VIEW, markets.VIEW, distributions.VIEW, heard.VIEW)


def build(log: EventLog, lease: Lease) -> House[Gateway]:
    """The house of the gateway over a log. What it hears it keeps, for its views to show."""
    return House(
        "gateway",
        log,
        lease,
        application=Gateway,
        policies=Policies[Gateway](),
        publishing=publishing,
        chronicles=True,
    )


def desk(house: House[Gateway], training: TrainingHouse, vault: Vault) -> GatewayDesk:
    """How the house is told notices; those about trainings it hands on."""
    return GatewayDesk(house, training, vault)
