"""A home: the three houses of a deployment, as the commands work with them."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploy.cli.clock import now
from services.billing import main as billing
from services.billing.api.desk import BillingDesk
from services.billing.application import Billing
from services.gateway.adapters.endpoints import Endpoints
from services.gateway.api.desk import GatewayDesk
from services.gateway.application import Gateway
from services.training.api.desk import TrainingDesk
from services.training.application import Training
from shared.eventstore.failures import NotMigrated
from shared.eventstore.lease import FileLease, HomeBusy, Lease
from shared.eventstore.views import Views
from shared.kernel.errors import Refusal
from shared.messaging.house import House
from shared.messaging.worker import Worker
from shared.settings import Settings
from shared.vault.seal import IN_JSON
from shared.vault.vault import Vault, VaultMissing
from shared.web.callers import EVERYTHING
from shared.web.keys import KeyStore

POLL_SECONDS = 0.05
KEY_FILE = "api-key"
HOLDER = "home"
"""Who holds the key in that file."""


class NewsLate(Refusal):
    """What was told has not been heard in time."""

    name = "news-late"


@dataclass(frozen=True)
class Home:
    """The three houses, how each is asked, their workers, and what each shows.

    `patience_seconds` is how long to wait for workers of other processes; None: there are none,
    so whoever waits works himself. `own_key` is the one that the settings give its processes.
    `webhooks_lease`: one deliverer of webhooks at a time.
    """

    folder: Path
    gateway: House[Gateway]
    training: House[Training]
    billing: House[Billing]
    gateway_desk: GatewayDesk
    training_desk: TrainingDesk
    billing_desk: BillingDesk
    views: dict[str, Views]
    workers: dict[str, Worker]
    webhooks_lease: Lease
    vault: Vault
    patience_seconds: int | None = None
    own_key: str | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether all three houses live in this process alone."""
        return self.patience_seconds is None

    @property
    def keys(self) -> KeyStore:
        """The keys of the HTTP API, in the gateway's database."""
        return KeyStore(self.views["gateway"].engine, now)

    @property
    def houses(self) -> tuple[House[Any], ...]:
        """In the order in which a sale passes them."""
        return (self.gateway, self.training, self.billing)

    @property
    def endpoints(self) -> Endpoints:
        """Who receives webhooks."""
        return Endpoints(self.views["gateway"].engine)

    def catch_up(self) -> Iterator[int]:
        """Let all that was told be heard and shown; how much was taken in, step by step.

        Round after round, for what one house hears leads it to tell more.
        """
        news = True
        while news:
            news = False
            for worker in self.workers.values():
                for count in self._work(worker):
                    news = True
                    yield count

    def _work(self, worker: Worker) -> Iterator[int]:
        with ExitStack() as stack:
            try:
                stack.enter_context(worker.lease.held())
            except HomeBusy:
                if self.is_embedded:
                    raise
                yield from self._await(worker)
            else:
                yield from worker.steps()

    def _await(self, worker: Worker) -> Iterator[int]:
        give_up = time.monotonic() + (self.patience_seconds or 0)
        while not worker.is_done():
            if time.monotonic() > give_up:
                raise NewsLate(
                    f"The worker of {worker.house.name} is behind: see `cagette status`, "
                    "and ask again when its lag is gone."
                )
            time.sleep(POLL_SECONDS)
            yield 0

    def caught_up(self) -> None:
        """Wait until all is heard and shown."""
        for _ in self.catch_up():
            pass

    def migrate(self, *, by: str = "system") -> None:
        """Create or upgrade the tables of every house, and publish the first tariff."""
        for house in self.houses:
            house.log.migrate()
        for views in self.views.values():
            views.migrate()
        self.keys.migrate()
        self.endpoints.migrate()
        self._migrate_vault()
        if not self.billing_desk.has_tariff():
            self.billing_desk.publish(billing.tariff_from(), by=by)
        self.api_key()
        self.caught_up()

    def _migrate_vault(self) -> None:
        """Make the vault, unless that would hide that it was lost."""
        if self.vault.keys.are_there():
            return
        if any(True for house in self.houses for _ in house.log.matches(IN_JSON)):
            raise VaultMissing(
                "Persons of this home are sealed under keys of a vault that is not there: "
                "restore it from its backup, or mind CAGETTE_VAULT_URL."
            )
        self.vault.keys.migrate()

    def check(self) -> None:
        """Refuse a home that this version cannot work on."""
        for house in self.houses:
            house.log.check()
        if not self.vault.keys.are_there():
            raise NotMigrated("There is no vault yet: run `cagette migrate` first.")
        if not self.billing_desk.has_tariff():
            raise NotMigrated("No tariff was published yet: run `cagette migrate` again.")
        self.keys.check()

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever made in it."""
        return not any(house.log.recorder.schema_version() for house in self.houses)

    def api_key(self) -> str:
        """The key of this home, good for everything: that of the settings, or that of its file.

        The file is made once, readable by its owner alone, and made anew if its key stands no more.
        """
        if self.own_key:
            return self.own_key
        return self._standing_key() or self._made_key()

    def _standing_key(self) -> str | None:
        kept = kept_key(self.folder)
        return kept if kept and self.keys.opens(kept) else None

    def _made_key(self) -> str:
        """A key for the file, by one process at a time: the others take what the first one made."""
        with FileLease(self.folder / f"{KEY_FILE}.lease").held():
            return self._standing_key() or self._written_key()

    def _written_key(self) -> str:
        _, key = self.keys.add(HOLDER, EVERYTHING, by=HOLDER)
        fresh = self.folder / f"{KEY_FILE}.{os.getpid()}"
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as handle:
            handle.write(key)
        fresh.replace(self.folder / KEY_FILE)
        return key

    def close(self) -> None:
        """Close every file and connection."""
        for worker in self.workers.values():
            worker.close()
        for views in self.views.values():
            views.engine.dispose()
        for house in self.houses:
            house.log.close()
        self.vault.keys.close()


def kept_key(folder: Path) -> str | None:
    """What stands in a home's file `api-key`."""
    file = folder / KEY_FILE
    return file.read_text().strip() if file.exists() else None


@contextmanager
def opened(settings: Settings, *, check: bool = True) -> Iterator[Home]:
    """The home of the settings, embedded or deployed; refuses one that is not migrated."""
    if check and not settings.home.is_dir():
        raise NotMigrated(f"There is no home at {settings.home}: run `cagette migrate` first.")
    settings.home.mkdir(parents=True, exist_ok=True)
    if settings.database_url or settings.kafka_bootstrap:
        from deploy.cli.deployed import deployed  # noqa: PLC0415 - imports that embedded ones save

        home = deployed(settings)
    else:
        from deploy.cli.embedded import embedded  # noqa: PLC0415 - as above

        home = embedded(settings)
    home = replace(home, own_key=settings.key)
    try:
        if check:
            home.check()
        yield home
    finally:
        home.close()
