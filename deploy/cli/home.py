"""A home: the three houses in one process, on SQLite files and the embedded transport."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from services.billing import main as billing
from services.billing.api.desk import BillingDesk
from services.billing.application import Billing
from services.gateway import main as gateway
from services.gateway.api.desk import GatewayDesk
from services.gateway.application import Gateway
from services.training import main as training
from services.training.api.desk import TrainingDesk
from services.training.application import Training
from shared.eventstore.lease import Lease
from shared.eventstore.log import EventLog
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.eventstore.views import Views
from shared.messaging.embedded import EmbeddedSource
from shared.messaging.house import House
from shared.settings import Settings

BATCH = 500
"""Facts taken in with one transaction."""


@dataclass(frozen=True)
class Home:
    """The three houses of a home, how each is asked, what they hear, and what they show."""

    folder: Path
    lease: Lease
    gateway: House[Gateway]
    training: House[Training]
    billing: House[Billing]
    gateway_desk: GatewayDesk
    training_desk: TrainingDesk
    billing_desk: BillingDesk
    billing_source: EmbeddedSource
    billing_views: Views

    @property
    def houses(self) -> tuple[House[Any], ...]:
        """In the order in which a sale passes them."""
        return (self.gateway, self.training, self.billing)

    def catch_up(self) -> Iterator[int]:
        """Let billing hear its neighbours, then its views read its log, until nothing is new.

        Yields how much was taken in, batch by batch. Gateway and training hear nobody yet.
        """
        while batch := self.billing_source.poll(self.billing.heard(), BATCH):
            self.billing.hear(batch)
            yield len(batch)
        with self.lease.held():
            yield from self.billing_views.catch_up()

    def caught_up(self) -> None:
        """Wait until all is heard and shown."""
        for _ in self.catch_up():
            pass

    def migrate(self, *, by: str = "system") -> None:
        """Create or upgrade the tables of every house, and publish the first tariff."""
        with self.lease.held():
            for house in self.houses:
                house.log.migrate()
            self.billing_views.migrate()
        self.billing_desk.publish(billing.tariff_from(), by=by)
        self.api_key()
        self.caught_up()

    def check(self) -> None:
        """Refuse a home that this version cannot work on."""
        for house in self.houses:
            house.log.check()

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever made in it."""
        return not any(house.log.recorder.schema_version() for house in self.houses)

    def api_key(self) -> str:
        """The bearer key of this home, made once and kept readable by its owner alone."""
        file = self.folder / "api-key"
        if not file.exists():
            with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as handle:
                handle.write(secrets.token_urlsafe(32))
        return file.read_text()

    def close(self) -> None:
        """Close every file."""
        self.billing_views.engine.dispose()
        for house in self.houses:
            house.log.close()


@contextmanager
def opened(settings: Settings, *, check: bool = True) -> Iterator[Home]:
    """The home in the folder of the settings; refuses one that is not migrated."""
    settings.home.mkdir(parents=True, exist_ok=True)
    home = _home(settings.home, Lease(settings.home / "lease", settings.patience_seconds))
    try:
        if check:
            home.check()
        yield home
    finally:
        home.close()


def _home(folder: Path, lease: Lease) -> Home:
    at_gateway = gateway.build(EventLog(SQLiteLogRecorder(folder / "gateway.sqlite")), lease)
    at_training = training.build(EventLog(SQLiteLogRecorder(folder / "training.sqlite")), lease)
    at_billing = billing.build(EventLog(SQLiteLogRecorder(folder / "billing.sqlite")), lease)
    training_desk = training.desk(at_training)
    engine = create_engine(f"sqlite:///{folder / 'billing.sqlite'}", connect_args={"timeout": 30})
    return Home(
        folder=folder,
        lease=lease,
        gateway=at_gateway,
        training=at_training,
        billing=at_billing,
        gateway_desk=GatewayDesk(at_gateway, training_desk),
        training_desk=training_desk,
        billing_desk=BillingDesk(at_billing),
        billing_source=EmbeddedSource([at_gateway, at_training]),
        billing_views=Views(at_billing.log, billing.VIEWS, engine),
    )
