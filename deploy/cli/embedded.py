"""The embedded default: one SQLite file per house, in one folder; houses read each other's logs."""

from contextlib import ExitStack, closing

from deploy.cli.home import Home
from deploy.cli.houses import HEARS, HOUSES, NO_PATIENCE, VIEWS, ByHouse, built
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
    folder, patience, held = settings.home, settings.patience_seconds, ExitStack()
    files = {name: folder / f"{name}.sqlite" for name in HOUSES}
    keys = held.enter_context(closing(Keys(sqlite_engine(folder / "vault.sqlite"))))
    logs = {
        name: held.enter_context(closing(EventLog(SQLiteLogRecorder(file))))
        for name, file in files.items()
    }
    engines = {name: sqlite_engine(file) for name, file in files.items()}
    for engine in engines.values():
        held.callback(engine.dispose)

    def worker(name: str) -> Worker:
        made = Worker(
            house=houses[name],
            lease=FileLease(folder / f"{name}-worker.lease", patience),
            source=EmbeddedSource([houses[speaker] for speaker in HEARS[name]]),
            views=views[name],
        )
        return held.enter_context(closing(made))

    houses = ByHouse(
        lambda name: built(name, logs[name], FileLease(folder / f"{name}.lease", patience))
    )
    views = ByHouse(lambda name: Views(logs[name], VIEWS[name], engines[name]))
    return Home(
        folder=folder,
        by_name=houses,
        engines=engines,
        views=views,
        workers=ByHouse(worker),
        webhooks_lease=FileLease(folder / "gateway-webhooks.lease", NO_PATIENCE),
        vault=Vault(keys),
        held=held,
    )
