"""The deployment: one PostgreSQL schema and one worker per house, facts over Kafka."""

from contextlib import ExitStack, closing
from functools import partial

from deploy.cli.home import Home
from deploy.cli.houses import HOUSES, NO_PATIENCE, VIEWS, ByHouse, built
from deploy.cli.own_key import kept_key
from shared.asks.training import TrainingHouse
from shared.eventstore.engines import postgres_engine
from shared.eventstore.lease import Lease, PostgresLease
from shared.eventstore.log import EventLog
from shared.eventstore.postgres import PostgresLogRecorder
from shared.eventstore.views import Views
from shared.kernel.errors import NotValid
from shared.messaging.source import FactSource
from shared.messaging.worker import Worker
from shared.settings import Settings
from shared.vault.keys import SCHEMA, Keys
from shared.vault.vault import Vault


def deployed(settings: Settings) -> Home:
    """The home on the database and the broker of the settings.

    No part of it connects before it is used.
    """
    url, patience, held = _database(settings), settings.patience_seconds, ExitStack()
    keys = held.enter_context(closing(Keys(postgres_engine(settings.vault_url or url, SCHEMA))))
    recorders = {name: PostgresLogRecorder(url, name) for name in HOUSES}
    logs = {name: held.enter_context(closing(EventLog(recorders[name]))) for name in HOUSES}
    engines = {name: postgres_engine(url, name) for name in HOUSES}
    for engine in engines.values():
        held.callback(engine.dispose)

    def lease(name: str, purpose: str, patience: int = NO_PATIENCE) -> Lease:
        return PostgresLease(recorders[name], purpose, patience)

    def worker(name: str) -> Worker:
        from deploy.cli.broker import worker_on  # noqa: PLC0415 - a door needs no Kafka

        made = worker_on(settings, houses[name], lease(name, "work"), views[name])
        return held.enter_context(closing(made))

    houses = ByHouse(lambda name: built(name, logs[name], lease(name, "write", patience)))
    views = ByHouse(lambda name: Views(logs[name], VIEWS[name], engines[name]))
    return Home(
        folder=settings.home,
        by_name=houses,
        engines=engines,
        views=views,
        workers=ByHouse(worker),
        webhooks_lease=lease("gateway", "webhooks"),
        vault=Vault(keys),
        training_elsewhere=partial(_training, settings, held) if settings.training_url else None,
        listener=partial(_listener, settings),
        patience_seconds=patience,
        held=held,
    )


def _listener(settings: Settings) -> FactSource:
    """A source of all topics."""
    from deploy.cli.broker import listener_on  # noqa: PLC0415 - a door needs no Kafka

    return listener_on(settings)


def _training(settings: Settings, held: ExitStack) -> TrainingHouse:
    """Training in another process, at the URL of the settings."""
    from services.gateway.adapters.training import HttpTraining  # noqa: PLC0415 - not in workers

    key = settings.key or kept_key(settings.home) or ""
    return held.enter_context(closing(HttpTraining(str(settings.training_url), key)))


def _database(settings: Settings) -> str:
    """The URL of the database; raises NotValid if it or the broker is not named."""
    if not settings.database_url or not settings.kafka_bootstrap:
        raise NotValid("CAGETTE_DATABASE_URL and CAGETTE_KAFKA_BOOTSTRAP go together: set both.")
    return settings.database_url
