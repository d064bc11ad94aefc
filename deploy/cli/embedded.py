"""The embedded default: a SQLite file a house in one folder; houses read each other's logs."""

from deploy.cli.home import Home
from deploy.cli.houses import HEARS, HOUSES, NO_PATIENCE, VIEWS
from services.billing import main as billing
from services.billing.api.desk import BillingDesk
from services.gateway import main as gateway
from services.gateway.api.desk import GatewayDesk
from services.training import main as training
from shared.eventstore.engines import sqlite_engine
from shared.eventstore.lease import FileLease
from shared.eventstore.log import EventLog
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.eventstore.views import Views
from shared.messaging.embedded import EmbeddedSource
from shared.messaging.worker import Worker
from shared.settings import Settings
from shared.vault.keys import Keys
from shared.vault.vault import Vault


def embedded(settings: Settings) -> Home:
    """The home in the folder of the settings."""
    folder, patience = settings.home, settings.patience_seconds
    files = {name: folder / f"{name}.sqlite" for name in HOUSES}
    vault = Vault(Keys(sqlite_engine(folder / "vault.sqlite")))
    logs = {name: EventLog(SQLiteLogRecorder(file)) for name, file in files.items()}
    writing = {name: FileLease(folder / f"{name}.lease", patience) for name in HOUSES}
    at_gateway = gateway.build(logs["gateway"], writing["gateway"])
    at_training = training.build(logs["training"], writing["training"])
    at_billing = billing.build(logs["billing"], writing["billing"])
    built = {house.name: house for house in (at_gateway, at_training, at_billing)}
    views = {
        name: Views(logs[name], VIEWS[name], sqlite_engine(file)) for name, file in files.items()
    }
    workers = {
        name: Worker(
            house=built[name],
            lease=FileLease(folder / f"{name}-worker.lease", patience),
            source=EmbeddedSource([built[speaker] for speaker in HEARS[name]]),
            views=views[name],
        )
        for name in HOUSES
    }
    training_desk = training.desk(at_training, views["training"])
    return Home(
        folder=folder,
        gateway=at_gateway,
        training=at_training,
        billing=at_billing,
        gateway_desk=GatewayDesk(at_gateway, training_desk, vault),
        training_desk=training_desk,
        billing_desk=BillingDesk(at_billing, vault),
        views=views,
        workers=workers,
        webhooks_lease=FileLease(folder / "gateway-webhooks.lease", NO_PATIENCE),
        vault=vault,
    )
