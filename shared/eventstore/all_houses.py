"""One transaction over the databases of all houses: to read one moment, or to write to all."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager

from sqlalchemy import Connection, Engine, text

from shared.eventstore.engines import BEGIN_IMMEDIATE
from shared.eventstore.postgres_schema import log_lock
from shared.eventstore.views import ONE_MOMENT

TAKE_THE_LOG = text("SELECT pg_advisory_xact_lock(hashtextextended(:lock, 0))")
"""Takes the lock that a writer to a log on PostgreSQL holds until its transaction ends."""

At = Callable[[str], Connection]
"""Gives the connection to a house's database, by the house's name; valid until the next call."""


@contextmanager
def one_moment(
    engines: Mapping[str, Engine], still: Iterable[AbstractContextManager[None]]
) -> Iterator[At]:
    """Every house as of one moment, read for as long as it takes while all go on.

    PostgreSQL has one snapshot for all schemas. Files have one each, so writers are held `still`
    while those are taken: a few milliseconds.
    """
    with ExitStack() as stack:
        if _is_one_database(engines):
            connection = stack.enter_context(next(iter(engines.values())).connect())
            connection.exec_driver_sql(ONE_MOMENT["postgresql"])
            connection.exec_driver_sql("SELECT 1")  # takes a snapshot
            yield _at(connection)
            return
        connections = _one_each(engines, stack)
        with ExitStack() as held:
            for lease in still:
                held.enter_context(lease)
            for connection in connections.values():
                connection.exec_driver_sql(ONE_MOMENT["sqlite"])
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema")  # takes a snapshot
        yield connections.__getitem__


@contextmanager
def all_or_nothing(engines: Mapping[str, Engine]) -> Iterator[At]:
    """One transaction to write to every house. Files are committed one after another."""
    with ExitStack() as stack:
        if _is_one_database(engines):
            connection = stack.enter_context(next(iter(engines.values())).connect())
            for house in engines:  # or a concurrent append would link to an empty log
                connection.execute(TAKE_THE_LOG, {"lock": log_lock(house)})
            yield _at(connection)
            connection.commit()
            return
        connections = _one_each(engines, stack)
        for connection in connections.values():
            connection.exec_driver_sql(BEGIN_IMMEDIATE)
        yield connections.__getitem__
        for connection in connections.values():
            connection.commit()


def _is_one_database(engines: Mapping[str, Engine]) -> bool:
    return all(engine.dialect.name == "postgresql" for engine in engines.values())


def _one_each(engines: Mapping[str, Engine], stack: ExitStack) -> dict[str, Connection]:
    return {name: stack.enter_context(engine.connect()) for name, engine in engines.items()}


def _at(connection: Connection) -> At:
    """Every house on one connection."""

    def at(schema: str) -> Connection:
        connection.exec_driver_sql(f'SET LOCAL search_path TO "{schema}"')
        return connection

    return at
