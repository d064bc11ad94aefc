"""Views: tables made from the log, and rebuilt from it at any time.

Each row replaces the one with the same primary key. So a view needs no state of its own except the
position it has read to, and a rebuild is a replay.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    inspect,
    select,
    update,
)

from shared.eventstore.engines import BEGIN_IMMEDIATE, migrating, reader
from shared.eventstore.failures import NotMigrated
from shared.eventstore.folding import View, folded
from shared.eventstore.log import EventLog
from shared.eventstore.reading import Query, Reading
from shared.eventstore.recorder import PositionConflict
from shared.eventstore.upsert import write_rows

CODE_POINTS = String().with_variant(String(collation="C"), "postgresql")
"""Text that every database sorts as Python does, whatever its locale."""

METADATA = MetaData()
POSITIONS = Table(
    "view_positions",
    METADATA,
    Column("view", String, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
VERSIONS = Table(
    "view_versions",
    METADATA,
    Column("view", String, primary_key=True),
    Column("version", Integer, nullable=False),
)
"""The version of its code by which each view was made from the beginning of the log."""


class Snapshot(NamedTuple):
    """What views showed at one moment, and how far each had read the log by then."""

    positions: dict[str, int]
    rows: dict[Table, list[tuple[Any, ...]]]


class Views:
    """The views of a house, kept up to date with its log in the database of `engine`."""

    def __init__(self, log: EventLog, views: Sequence[View], engine: Engine) -> None:
        self._log = log
        self._views = views
        self.engine = engine
        self._stood: dict[str, int] = {}
        """The position at which each was left; empty while that is not known."""
        self._reader = reader(engine)

    @property
    def log(self) -> EventLog:
        """The log that they are made from."""
        return self._log

    @property
    def by_name(self) -> dict[str, View]:
        """Every view by its name."""
        return {view.name: view for view in self._views}

    @property
    def tables(self) -> list[Table]:
        """Every table of every view."""
        return [table for view in self._views for table in view.tables]

    def migrate(self) -> None:
        """Create the tables that are missing; concurrent migrations wait for each other."""
        with migrating(self.engine) as connection:
            for table in (POSITIONS, VERSIONS, *self.tables):
                table.create(connection, checkfirst=True)
            known = set(connection.scalars(select(POSITIONS.c.view)))
            made = set(connection.scalars(select(VERSIONS.c.view)))
            for view in self._views:
                if view.name not in known:
                    connection.execute(insert(POSITIONS), {"view": view.name, "position": 0})
                if view.name not in made:  # a view older than this table was made by version 1
                    version = 1 if view.name in known else view.version
                    row = {"view": view.name, "version": version}
                    connection.execute(insert(VERSIONS), row)

    def versions(self) -> dict[str, int]:
        """The version of its code by which each view was made; raises NotMigrated."""
        with self.engine.connect() as connection:
            if not inspect(connection).has_table(VERSIONS.name):
                raise NotMigrated("Views have no versions yet: run `cagette migrate` first.")
            return {row.view: row.version for row in connection.execute(select(VERSIONS))}

    def positions(self) -> dict[str, int]:
        """How far each view has read the log."""
        with self._reader.connect() as connection:
            return self._positions(connection)

    def _positions(self, connection: Connection) -> dict[str, int]:
        stored = {row.view: row.position for row in connection.execute(select(POSITIONS))}
        missing = [view.name for view in self._views if view.name not in stored]
        if missing:
            raise NotMigrated(f"Views {missing} have no tables yet: run `cagette migrate` first.")
        return {view.name: stored[view.name] for view in self._views}

    def shows(self, head: int) -> bool:
        """Whether views show all of a log that ends at `head`, as far as is known here."""
        return head == min(self._stood.values(), default=-1)

    def catch_up(self) -> Iterator[int]:
        """Read the log to its end; yield how many events, by page."""
        if self.shows(self._log.head()):
            return
        stood, self._stood = self._stood, {}
        try:
            yield from self._catch_up(stood or self.positions())
        except PositionConflict:
            if not stood:
                raise
            yield from self._catch_up(self.positions())

    def _catch_up(self, positions: dict[str, int]) -> Iterator[int]:
        for page in folded(self._log, self._views, positions):
            with self.engine.begin() as connection:
                take_turns_to_write(connection)
                write_rows(connection, page.rows)
                _move(connection, positions, page.positions)
            positions = page.positions
            yield page.size
        self._stood = positions

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Several queries on one connection: checking one out for each costs time too."""
        with self._reader.connect() as connection:
            yield Reading(connection)

    def found(self, query: Query, given: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """What a query finds, given its parameters: one dict per row."""
        with self.reading() as reading:
            return reading.found(query, given)

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """Every row of a table, in order of its primary key."""
        with self.engine.begin() as connection:
            return rows_of(connection, table)

    def snapshot(self) -> Snapshot:
        """Everything shown as of one moment, whoever is writing meanwhile."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql(ONE_MOMENT[connection.dialect.name])
            positions = self._positions(connection)
            return Snapshot(positions, {table: rows_of(connection, table) for table in self.tables})


_EVERY_POSITION = select(POSITIONS.c.view).order_by(POSITIONS.c.view).with_for_update()


def take_turns_to_write(connection: Connection) -> None:
    """Begin a transaction that writes to views, so that two of them never deadlock."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(BEGIN_IMMEDIATE)
    else:
        connection.execute(_EVERY_POSITION)


ONE_MOMENT = {
    "sqlite": "BEGIN",
    "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
}
"""Begins a transaction whose queries all see the same snapshot."""


def rows_of(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    """Every row of a table, in order of its primary key."""
    found = [tuple(row) for row in connection.execute(select(table))]
    keys = [i for i, column in enumerate(table.columns) if column.primary_key]
    return sorted(found, key=lambda row: tuple(row[i] for i in keys))


MOVE = (
    update(POSITIONS)
    .where(POSITIONS.c.view == bindparam("moved"), POSITIONS.c.position == bindparam("stood"))
    .values(position=bindparam("stands"))
)


def _move(connection: Connection, stood: Mapping[str, int], stand: Mapping[str, int]) -> None:
    moves = [{"moved": v, "stood": stood[v], "stands": position} for v, position in stand.items()]
    if connection.execute(MOVE, moves).rowcount != len(moves):
        raise PositionConflict(f"views are no longer at {dict(stood)}: another writer moved them")
