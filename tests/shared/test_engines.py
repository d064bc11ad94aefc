"""Connections to the tables beside the log: few, kept, and waited for."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import TimeoutError as WaitedTooLong

from shared.eventstore.engines import POOL, postgres_engine, reader
from shared.eventstore.failures import StorageAway, storage_refusal

SIZE = POOL["pool_size"]


@pytest.fixture
def engine(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setitem(POOL, "pool_timeout", 0.5)
    engine = postgres_engine(database_url, "public")
    yield engine
    engine.dispose()


def _backend(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def test_a_burst_of_readers_is_served_by_the_connections_that_there_are(engine: Engine) -> None:
    with ThreadPoolExecutor(10 * SIZE) as threads:
        backends = list(threads.map(lambda _: _backend(engine), range(600)))
    assert len(set(backends)) <= SIZE
    assert len(backends) == 600


def test_who_waits_too_long_for_a_connection_is_refused_with_a_name(engine: Engine) -> None:
    with ExitStack() as stack:
        for _ in range(SIZE):
            stack.enter_context(engine.connect())
        with pytest.raises(WaitedTooLong) as failure:
            _backend(engine)
    assert isinstance(storage_refusal(failure.value), StorageAway)
    assert _backend(engine)


PREPARED = 6
"""As often as psycopg is asked the same until it prepares the statement."""


def test_single_reads_let_a_connection_keep_its_statements(engine: Engine) -> None:
    for _ in range(PREPARED + 1):
        with reader(engine).connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    with reader(engine).connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 1'"
        )
        assert found.scalar_one() == 1
