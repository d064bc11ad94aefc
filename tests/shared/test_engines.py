"""Connections to the tables beside the log: few, kept, and waited for."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as WaitedTooLong

from services.gateway.domain.distribution import Distribution
from services.gateway.main import VIEWS
from shared.eventstore import engines
from shared.eventstore.engines import KEEPALIVES, POOL_OPTIONS, postgres_engine, reader
from shared.eventstore.failures import StorageAway, storage_refusal
from shared.eventstore.log import EventLog
from shared.eventstore.postgres import PostgresLogRecorder
from shared.eventstore.views import Views, take_turns_to_write

SIZE = POOL_OPTIONS["pool_size"]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
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


def test_who_waits_too_long_for_a_connection_is_refused_with_a_name(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(POOL_OPTIONS, "pool_timeout", 0.1)
    engine = postgres_engine(database_url, "public")
    with ExitStack() as stack:
        for _ in range(SIZE):
            stack.enter_context(engine.connect())
        with pytest.raises(WaitedTooLong) as failure:
            _backend(engine)
    assert isinstance(storage_refusal(failure.value), StorageAway)
    assert _backend(engine)
    engine.dispose()


PREPARED = 6
"""The execution of a statement on which psycopg prepares it."""


def test_single_reads_let_a_connection_keep_its_statements(engine: Engine) -> None:
    for _ in range(PREPARED + 1):
        with reader(engine).connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    with reader(engine).connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 1'"
        )
        assert found.scalar_one() == 1


@pytest.mark.parametrize("setting", ["idle", "interval", "count"])
def test_a_machine_that_vanishes_is_missed_by_server_and_client(
    engine: Engine, database_url: str, setting: str
) -> None:
    query = f"SHOW tcp_keepalives_{setting}"
    expected = KEEPALIVES[f"keepalives_{setting}"]
    with engine.connect() as connection, closing(PostgresLogRecorder(database_url, "h")) as log:
        driver: Any = connection.connection.driver_connection
        with log.connection() as own:
            for each in (driver, own):
                ((found,),) = each.execute(query).fetchall()
                assert int(found) == expected
                assert int(each.info.get_parameters()[f"keepalives_{setting}"]) == expected


def test_who_writes_to_locked_views_does_not_wait_for_ever(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "VIEWS_LOCK_SECONDS", 1)
    log = EventLog(PostgresLogRecorder(database_url, "gateway"))
    log.migrate()
    views = Views(log, VIEWS, postgres_engine(database_url, "gateway"))
    views.migrate()
    work = log.begin()
    work.keep([Distribution("48211")], "test")
    work.commit()
    with closing(log), views.engine.connect() as other:
        take_turns_to_write(other)
        with pytest.raises(OperationalError) as failure:
            deque(views.catch_up())
        assert isinstance(storage_refusal(failure.value), StorageAway)
        other.rollback()
        deque(views.catch_up())
    assert views.shows(1)
    views.engine.dispose()


def test_an_array_that_we_wrote_wrong_is_no_damage_of_the_database(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(DataError, match="malformed") as failure:
        connection.exec_driver_sql("SELECT 'x'::int[]")
    assert storage_refusal(failure.value) is None
