"""A home: the three houses of a deployment, as the commands work with them."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from deploy.cli.clock import now
from deploy.cli.houses import HOUSES, main_of
from deploy.cli.own_key import file_key
from shared.asks.training import TrainingHouse
from shared.eventstore.failures import NotMigrated
from shared.eventstore.lease import HomeBusy, Lease
from shared.eventstore.views import Views
from shared.kernel.errors import Refusal
from shared.messaging.house import House
from shared.messaging.source import FactSource
from shared.messaging.worker import Worker
from shared.settings import Settings
from shared.vault.seal import IN_JSON
from shared.vault.vault import Vault, VaultMissing
from shared.web.keys import KeyStore

if TYPE_CHECKING:  # a process loads only the houses that it asks for
    from services.billing.api.desk import BillingDesk
    from services.billing.application import Billing
    from services.gateway.adapters.endpoints import Endpoints
    from services.gateway.api.desk import GatewayDesk
    from services.gateway.application import Gateway
    from services.training.api.desk import TrainingDesk
    from services.training.application import Training

POLL_SECONDS = 0.05


class NewsLate(Refusal):
    """What was told has not been heard in time."""

    name = "news-late"


@dataclass(frozen=True)
class Home:
    """The three houses, how each is asked, their workers, and what each shows.

    Whatever is per house is made when first asked for, and released at the end, with `held`.
    `training_elsewhere`: training in another process, if the gateway is to find it there.
    `patience_seconds` is how long to wait for workers in other processes; None: there are none, so
    a caller that waits does the work itself. `own_key` is the one that the settings give the home's
    processes. `webhooks_lease`: one deliverer of webhooks at a time. `listener` makes a source of
    all topics; None: there are none.
    """

    folder: Path
    by_name: Mapping[str, House[Any]]
    engines: Mapping[str, Engine]
    views: Mapping[str, Views]
    workers: Mapping[str, Worker]
    webhooks_lease: Lease
    vault: Vault
    training_elsewhere: Callable[[], TrainingHouse] | None = None
    listener: Callable[[], FactSource] | None = None
    patience_seconds: int | None = None
    own_key: str | None = None
    held: ExitStack = field(default_factory=ExitStack)

    @property
    def is_embedded(self) -> bool:
        """Whether all three houses live in this process alone."""
        return self.patience_seconds is None

    @property
    def houses(self) -> tuple[House[Any], ...]:
        """The houses, in the order in which a sale passes them."""
        return tuple(self.by_name[name] for name in HOUSES)

    @property
    def gateway(self) -> "House[Gateway]":
        """The house that hears the marketplace."""
        return self.by_name["gateway"]

    @property
    def training(self) -> "House[Training]":
        """The house of trainings."""
        return self.by_name["training"]

    @property
    def billing(self) -> "House[Billing]":
        """The house of fees."""
        return self.by_name["billing"]

    @cached_property
    def gateway_desk(self) -> "GatewayDesk":
        """How the gateway is told."""
        elsewhere = self.training_elsewhere
        asked = elsewhere() if elsewhere else self.training_desk
        desk: GatewayDesk = main_of("gateway").desk(self.gateway, asked, self.vault)
        return desk

    @cached_property
    def training_desk(self) -> "TrainingDesk":
        """How training is told and asked."""
        desk: TrainingDesk = main_of("training").desk(self.training, self.views["training"])
        return desk

    @cached_property
    def billing_desk(self) -> "BillingDesk":
        """How billing is asked."""
        desk: BillingDesk = main_of("billing").desk(self.billing, self.vault)
        return desk

    @property
    def keys(self) -> KeyStore:
        """The keys of the HTTP API, in the gateway's database."""
        return KeyStore(self.engines["gateway"], now)

    @property
    def endpoints(self) -> "Endpoints":
        """Who receives webhooks."""
        from services.gateway.adapters.endpoints import Endpoints  # noqa: PLC0415 - on demand

        return Endpoints(self.engines["gateway"])

    def catch_up(self) -> Iterator[int]:
        """Let all that was told be heard and shown; yield how much was taken in, step by step.

        Round after round, because what one house hears leads it to tell more.
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
            self.billing_desk.publish(main_of("billing").tariff_from(), by=by)
        self.api_key()
        self.caught_up()

    def _migrate_vault(self) -> None:
        """Create the vault, unless that would hide that it was lost."""
        if self.vault.keys.are_there():
            return
        if any(True for house in self.houses for _ in house.log.matches(IN_JSON)):
            raise VaultMissing(
                "Persons of this home are sealed under keys of a vault that is not there: restore "
                "it from its backup, or check CAGETTE_VAULT_URL."
            )
        self.vault.keys.migrate()

    def check(self, houses: Collection[str] = HOUSES) -> None:
        """Refuse a home with houses on which this version cannot work."""
        for name in houses:
            self.by_name[name].log.check()
        if not self.vault.keys.are_there():
            raise NotMigrated("There is no vault yet: run `cagette migrate` first.")
        if "billing" in houses and not self.billing_desk.has_tariff():
            raise NotMigrated("No tariff was published yet: run `cagette migrate` again.")
        self.keys.check()

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever created in it."""
        return not any(house.log.recorder.schema_version() for house in self.houses)

    def api_key(self) -> str:
        """The key of this home, good for everything: from the settings, or from its file."""
        return self.own_key or file_key(self.folder, self.keys)

    def close(self) -> None:
        """Close every file and connection."""
        self.held.close()


@contextmanager
def opened(
    settings: Settings, *, check: bool = True, houses: Collection[str] = HOUSES
) -> Iterator[Home]:
    """The home of the settings, embedded or deployed.

    Refuses one that is not migrated. In a deployment, only the given `houses` are checked.
    """
    if check and not settings.home.is_dir():
        raise NotMigrated(f"There is no home at {settings.home}: run `cagette migrate` first.")
    settings.home.mkdir(parents=True, exist_ok=True)
    if settings.database_url or settings.kafka_bootstrap:
        from deploy.cli.deployed import deployed  # noqa: PLC0415 - embedded homes save it

        home = deployed(settings)
    else:
        from deploy.cli.embedded import embedded  # noqa: PLC0415 - as above

        home = embedded(settings)
    home = replace(home, own_key=settings.key)
    try:
        if check:
            home.check(HOUSES if home.is_embedded else houses)
        yield home
    finally:
        home.close()
