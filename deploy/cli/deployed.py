"""The deployment: a PostgreSQL schema a house, facts over Kafka, a worker a house."""

from deploy.cli.home import Home, kept_key
from deploy.cli.houses import HEARS, HOUSES, NO_PATIENCE, VIEWS
from services.billing import main as billing
from services.billing.api.desk import BillingDesk
from services.gateway import main as gateway
from services.gateway.adapters.training import HttpTraining
from services.gateway.api.desk import GatewayDesk
from services.training import main as training
from shared.eventstore.engines import postgres_engine
from shared.eventstore.lease import PostgresLease
from shared.eventstore.log import EventLog
from shared.eventstore.postgres import PostgresLogRecorder
from shared.eventstore.views import Views
from shared.kernel.errors import NotValid
from shared.messaging.kafka import Broker, KafkaRelay
from shared.messaging.kafka_source import KafkaSource
from shared.messaging.kafka_topics import create_topics, delete_topics
from shared.messaging.worker import Worker
from shared.settings import Settings
from shared.vault.keys import SCHEMA, Keys
from shared.vault.vault import Vault


def deployed(settings: Settings) -> Home:
    """The home on the database and the broker of the settings."""
    url, broker = _url_and_broker(settings)
    vault = Vault(Keys(postgres_engine(settings.vault_url or url, SCHEMA)))
    recorders = {name: PostgresLogRecorder(url, name) for name in HOUSES}
    logs = {name: EventLog(recorder) for name, recorder in recorders.items()}
    writing = {
        name: PostgresLease(recorder, "write", settings.patience_seconds)
        for name, recorder in recorders.items()
    }
    at_gateway = gateway.build(logs["gateway"], writing["gateway"])
    at_training = training.build(logs["training"], writing["training"])
    at_billing = billing.build(logs["billing"], writing["billing"])
    built = {house.name: house for house in (at_gateway, at_training, at_billing)}
    views = {name: Views(logs[name], VIEWS[name], postgres_engine(url, name)) for name in HOUSES}
    training_desk = training.desk(at_training, views["training"])
    workers = {
        name: Worker(
            house=built[name],
            lease=PostgresLease(recorders[name], "work", NO_PATIENCE),
            relay=KafkaRelay(broker, built[name]),
            source=KafkaSource(broker, HEARS[name]) if HEARS[name] else None,
            views=views[name],
        )
        for name in HOUSES
    }
    return Home(
        folder=settings.home,
        gateway=at_gateway,
        training=at_training,
        billing=at_billing,
        gateway_desk=GatewayDesk(at_gateway, _training(settings) or training_desk, vault),
        training_desk=training_desk,
        billing_desk=BillingDesk(at_billing, vault),
        views=views,
        workers=workers,
        webhooks_lease=PostgresLease(recorders["gateway"], "webhooks", NO_PATIENCE),
        vault=vault,
        patience_seconds=settings.patience_seconds,
    )


def _url_and_broker(settings: Settings) -> tuple[str, Broker]:
    url, broker = settings.database_url, broker_of(settings)
    if not url or not broker:
        raise NotValid("CAGETTE_DATABASE_URL and CAGETTE_KAFKA_BOOTSTRAP go together: set both.")
    return url, broker


def _training(settings: Settings) -> HttpTraining | None:
    """Training as another process, where the settings say where it is."""
    if settings.training_url is None:
        return None
    key = settings.key or kept_key(settings.home) or ""
    return HttpTraining(settings.training_url, key)


def broker_of(settings: Settings) -> Broker | None:
    """The broker of the settings, where they name one."""
    if settings.kafka_bootstrap is None:
        return None
    return Broker(settings.kafka_bootstrap, settings.kafka_prefix)


def make_topics(settings: Settings, *, anew: bool = False) -> None:
    """Make the topics that are missing, or all of them `anew`.

    Raises NotValid where one stands that loses facts.
    """
    broker = broker_of(settings)
    if broker:
        if anew:
            delete_topics(broker, HOUSES)
        create_topics(broker, HOUSES)
