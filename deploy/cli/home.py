"""A home: the three houses in one process, on SQLite files and the embedded transport."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.billing import main as billing
from services.billing.application import Billing
from services.gateway import main as gateway
from services.gateway.api.desk import GatewayDesk
from services.gateway.application import Gateway
from services.training import main as training
from services.training.api.desk import TrainingDesk
from services.training.application import Training
from shared.eventstore.lease import Lease
from shared.eventstore.log import EventLog
from shared.messaging.embedded import EmbeddedSource
from shared.messaging.house import House
from shared.settings import Settings

BATCH = 500
"""Facts taken in with one transaction."""


@dataclass(frozen=True)
class Home:
    """The three houses of a home, and what they hear of each other."""

    folder: Path
    gateway: House[Gateway]
    training: House[Training]
    billing: House[Billing]
    training_desk: TrainingDesk
    gateway_desk: GatewayDesk
    sources: dict[str, EmbeddedSource]

    @property
    def houses(self) -> tuple[House[Any], ...]:
        """In the order in which a sale passes them."""
        return (self.gateway, self.training, self.billing)

    def catch_up(self) -> Iterator[int]:
        """Let every house hear its neighbours until nothing is new; facts taken in, by batch."""
        heard = True
        while heard:
            heard = False
            for house in self.houses:
                source = self.sources.get(house.name)
                while source and (batch := source.poll(house.log.recorder.positions(), BATCH)):
                    house.hear(batch)
                    heard = True
                    yield len(batch)

    def migrate(self) -> None:
        """Create or upgrade the tables of every house."""
        for house in self.houses:
            house.log.migrate()

    def check(self) -> None:
        """Refuse a home that this version cannot work on."""
        for house in self.houses:
            house.log.check()

    def close(self) -> None:
        """Close every file."""
        for house in self.houses:
            house.log.close()


@contextmanager
def opened(settings: Settings, *, check: bool = True) -> Iterator[Home]:
    """The home in the folder of the settings; refuses one that is not migrated."""
    settings.home.mkdir(parents=True, exist_ok=True)
    lease = Lease(settings.home / "lease", settings.patience_seconds)
    logs = {
        name: EventLog(settings.home / f"{name}.sqlite")
        for name in ("gateway", "training", "billing")
    }
    at_gateway = gateway.build(logs["gateway"], lease)
    at_training = training.build(logs["training"], lease)
    at_billing = billing.build(logs["billing"], lease)
    training_desk = training.desk(at_training)
    home = Home(
        folder=settings.home,
        gateway=at_gateway,
        training=at_training,
        billing=at_billing,
        training_desk=training_desk,
        gateway_desk=GatewayDesk(at_gateway, training_desk),
        sources={"billing": EmbeddedSource([at_gateway, at_training])},
    )
    try:
        if check:
            home.check()
        yield home
    finally:
        home.close()
