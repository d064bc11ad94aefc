"""The gateway, assembled."""

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
    """The gateway house, built on a log. It keeps what it hears, for its views to show."""
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
    """The desk where the house is told notices; it hands on those about trainings."""
    return GatewayDesk(house, training, vault)
