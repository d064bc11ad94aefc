"""Where keys are: one row per key, apart from everything that the keys open.

A destroyed key leaves its name, and when, by whom and why; that name never gets a key again.
"""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    inspect,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateSchema

from shared.vault.seal import KEY_BYTES

SCHEMA = "vault"
"""The schema on PostgreSQL, where the engine's connections look first."""

TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtext('cagette migrate'))"
"""Begins a migration on PostgreSQL, so that concurrent ones run one after the other."""

KEYS = Table(
    "keys",
    MetaData(),
    Column("name", String, primary_key=True),
    Column("key", LargeBinary),
    Column("destroyed_at", DateTime(timezone=True)),
    Column("destroyed_by", String),
    Column("why", String),
)


class Keys:
    """The keys in a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def _is_postgres(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    def migrate(self) -> None:
        """Create what is missing; make an SQLite file readable by its owner only."""
        with self._engine.begin() as connection:
            if self._is_postgres:
                connection.exec_driver_sql(TAKE_TURNS)
                connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
            KEYS.create(connection, checkfirst=True)
        file = self._engine.url.database
        if file and not self._is_postgres:
            Path(file).chmod(0o600)

    def are_there(self) -> bool:
        """Whether the table exists."""
        return inspect(self._engine).has_table(KEYS.name)

    def find(self, name: str) -> tuple[bool, bytes | None]:
        """Whether a name ever had a key, and the key unless it was destroyed."""
        with self._engine.begin() as connection:
            row = connection.execute(select(KEYS.c.key).where(KEYS.c.name == name)).first()
        return row is not None, row.key if row else None

    def make(self, name: str) -> bytes | None:
        """The key of a name, made if it never had one; None if it was destroyed."""
        fresh = secrets.token_bytes(KEY_BYTES)
        statement = self._insert(name=name, key=fresh).on_conflict_do_nothing()
        with self._engine.begin() as connection:
            connection.execute(statement)
        return self.find(name)[1]

    def destroy(self, name: str, *, by: str, why: str, at: datetime) -> bool:
        """Destroy a key, recording who, when and why; return whether that changed anything.

        A name that never had a key will never get one.
        """
        return self._destroyed(name=name, destroyed_at=at, destroyed_by=by, why=why)

    def _destroyed(self, **who_and_why: Any) -> bool:
        insert = self._insert(key=None, **who_and_why)
        fields = ("key", "destroyed_at", "destroyed_by", "why")
        statement = insert.on_conflict_do_update(
            index_elements=[KEYS.c.name],
            set_={field: insert.excluded[field] for field in fields},
            where=KEYS.c.key.is_not(None),
        ).returning(KEYS.c.name)
        with self._engine.begin() as connection:
            if not self._is_postgres:
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            changed = connection.execute(statement).first() is not None
        if self._is_postgres:
            self._leave_no_old_row()
        return changed

    def copied(self) -> list[tuple[Any, ...]]:
        """Every row, for a copy that is kept apart; instants in UTC."""
        with self._engine.begin() as connection:
            rows = [row._asdict() for row in connection.execute(select(KEYS).order_by(KEYS.c.name))]
        for row in rows:
            at: datetime | None = row["destroyed_at"]
            row["destroyed_at"] = at and at.replace(tzinfo=at.tzinfo or UTC)
        return [tuple(row.values()) for row in rows]

    def take_in(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take in the rows of a copy. A known key stays; one destroyed here or there is gone."""
        for row in rows:
            named = dict(zip(KEYS.columns.keys(), row, strict=True))
            if named["key"] is None:
                del named["key"]
                self._destroyed(**named)
                continue
            with self._engine.begin() as connection:
                connection.execute(self._insert(**named).on_conflict_do_nothing())

    def _insert(self, **values: Any) -> postgresql.Insert | sqlite.Insert:
        insert = postgresql.insert if self._is_postgres else sqlite.insert
        return insert(KEYS).values(**values)

    def _leave_no_old_row(self) -> None:
        """PostgreSQL keeps the old row until the table is rewritten."""
        with self._engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            alone.exec_driver_sql("VACUUM FULL keys")

    def names(self) -> dict[str, bool]:
        """Every name that ever had a key, and whether it still has one."""
        with self._engine.begin() as connection:
            rows = connection.execute(select(KEYS.c.name, KEYS.c.key.is_not(None)))
            return dict(map(tuple, rows))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
