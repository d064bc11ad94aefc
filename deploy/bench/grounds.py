"""Where contenders meet: the same kind of database for each, removed afterwards."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from deploy.bench.library import Plain, plain
from deploy.bench.raw import Raw, RawPostgres, RawSQLite, dropped, library_settings
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from shared.eventstore.lease import FileLease, Lease, PostgresLease
from shared.eventstore.log import EventLog
from shared.eventstore.postgres import PostgresLogRecorder
from shared.eventstore.recorder import LogRecorder
from shared.eventstore.sqlite import SQLiteLogRecorder

SQLITE, POSTGRES = "sqlite", "postgres"

T = TypeVar("T")


class Ground:
    """A SQLite file, or a PostgreSQL schema, for each contender; closed with its stack."""

    def __init__(self, stack: ExitStack, url: str | None) -> None:
        self._stack = stack
        self._url = url
        self._schema = f"bench_{uuid.uuid4().hex[:8]}"
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        if url:
            schemas = [f"{self._schema}_{who}" for who in ("plain", "raw")]
            stack.callback(dropped, url, schemas)

    def enter(self, held: AbstractContextManager[T]) -> T:
        """Enter a context that is closed with this ground."""
        return self._stack.enter_context(held)

    def log(self, name: str = "ours") -> EventLog:
        """Our log, one for each name."""
        schema = f"{self._schema}_{name}"
        recorder: LogRecorder = (
            PostgresLogRecorder(self._url, schema)
            if self._url
            else SQLiteLogRecorder(self.folder / f"{name}.sqlite")
        )
        if self._url:
            self._stack.callback(dropped, self._url, [schema])
        log = EventLog(recorder)
        self._stack.callback(log.close)
        log.migrate()
        return log

    def lease(self, log: EventLog) -> Lease:
        """The right to write to our log."""
        recorder = log.recorder
        if isinstance(recorder, PostgresLogRecorder):
            return PostgresLease(recorder, "write")
        return FileLease(self.folder / "lease")

    def plain(self) -> Plain:
        """The baseline's application."""
        return self._stack.enter_context(plain(self.plain_settings()))

    def plain_settings(self) -> dict[str, str]:
        """Where the baseline's database is, as the library's settings."""
        if self._url:
            settings = library_settings(self._url, f"{self._schema}_plain")
            return {**settings, "PERSISTENCE_MODULE": "eventsourcing.postgres"}
        return {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(self.folder / "plain.sqlite"),
        }

    def raw(self) -> Raw:
        """The limit's connection, a new one at every call."""
        raw: Raw = (
            RawPostgres(self._url, f"{self._schema}_raw")
            if self._url
            else RawSQLite(self.folder / "raw.sqlite")
        )
        self._stack.callback(raw.close)
        return raw


class Grounds:
    """The servers for a run of benches, started when first asked for."""

    def __init__(self, stack: ExitStack, database_url: str | None, bootstrap: str | None) -> None:
        self._stack = stack
        self._database_url = database_url
        self._bootstrap = bootstrap

    @property
    def database_url(self) -> str:
        """A PostgreSQL in which schemas and databases may be created."""
        if self._database_url is None:
            self._database_url = self._stack.enter_context(LocalPostgres()).url
        return self._database_url

    @property
    def bootstrap(self) -> str:
        """A Kafka in which topics may be created."""
        if self._bootstrap is None:
            self._bootstrap = self._stack.enter_context(LocalKafka()).bootstrap
        return self._bootstrap

    def on(self, database: str) -> AbstractContextManager[Ground]:
        """A ground on one kind of database."""
        return _ground(self.database_url if database == POSTGRES else None)


@contextmanager
def _ground(url: str | None) -> Iterator[Ground]:
    with ExitStack() as stack:
        yield Ground(stack, url)
