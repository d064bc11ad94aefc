"""The embedded default: three SQLite files in one folder, houses that read each other's logs."""

from sqlalchemy import create_engine

from deploy.cli.home import Home
from services.billing import main as billing
from services.billing.api.desk import BillingDesk
from services.gateway import main as gateway
from services.gateway.api.desk import GatewayDesk
from services.training import main as training
from shared.eventstore.lease import FileLease
from shared.eventstore.log import EventLog
from shared.eventstore.sqlite import LOCK_SECONDS, SQLiteLogRecorder
from shared.eventstore.views import Views
from shared.messaging.embedded import EmbeddedSource
from shared.messaging.worker import Worker
from shared.settings import Settings


def embedded(settings: Settings) -> Home:
    """The home in the folder of the settings."""
    folder, patience = settings.home, settings.patience_seconds
    logs = {
        name: EventLog(SQLiteLogRecorder(folder / f"{name}.sqlite"))
        for name in ("gateway", "training", "billing")
    }
    at_gateway = gateway.build(logs["gateway"], FileLease(folder / "gateway.lease", patience))
    at_training = training.build(logs["training"], FileLease(folder / "training.lease", patience))
    at_billing = billing.build(logs["billing"], FileLease(folder / "billing.lease", patience))
    training_desk = training.desk(at_training)
    file = folder / "billing.sqlite"
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": LOCK_SECONDS})
    views = Views(logs["billing"], billing.VIEWS, engine)
    worker = Worker(
        house=at_billing,
        lease=FileLease(folder / "worker.lease", patience),
        source=EmbeddedSource([at_gateway, at_training]),
        views=views,
    )
    return Home(
        folder=folder,
        gateway=at_gateway,
        training=at_training,
        billing=at_billing,
        gateway_desk=GatewayDesk(at_gateway, training_desk),
        training_desk=training_desk,
        billing_desk=BillingDesk(at_billing),
        billing_views=views,
        workers={"billing": worker},
    )
