"""Our recorder on a real PostgreSQL: within its caps, patient within limits, never half done."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import DatabaseError, OperationalError
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from shared.eventstore.chain import ChainedRow, broken
from shared.eventstore.engines import postgres_engine
from shared.eventstore.failures import StorageAway, storage_refusal
from shared.eventstore.postgres import POOL_SIZE, PostgresLogRecorder
from shared.eventstore.postgres_arrays import byteas
from shared.eventstore.postgres_calls import APPEND, STREAMS, append_parameters
from shared.eventstore.recorder import MAXIMUM, SCHEMA_VERSION, Row, Step, StreamConflict
from shared.web.problems import STATUS
from tests.support.recorders import events, ours

MIB = 1024 * 1024


@pytest.fixture
def recorder(database_url: str) -> Iterator[PostgresLogRecorder]:
    """A house's recorder, with its tables."""
    with ours(database_url) as fresh:
        yield fresh


REMEMBER_CALLS = """
CREATE TABLE house.calls (events int, bytes bigint, transaction bigint, links int, known boolean);
ALTER FUNCTION house.append RENAME TO really_append;
CREATE FUNCTION house.append(a uuid[], b bigint[], c text[], d bytea[], e bytea, f bytea[],
    g text[], h bigint[], i bigint[], j text[], k uuid[], OUT l bigint, OUT m bytea)
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO house.calls
        SELECT count(*), coalesce(sum(length(state)), 0), txid_current(), cardinality(f),
            e = (SELECT chain FROM house.stored_events ORDER BY position DESC LIMIT 1)
        FROM unnest(d) AS state;
    SELECT * FROM house.really_append(a, b, c, d, e, f, g, h, i, j, k) INTO l, m;
END $$
"""


@pytest.mark.parametrize(
    ("number", "size", "calls"),
    [
        (1_000, 10, [1_000]),
        (2_001, 10, [1_000, 1_000, 1]),
        (4, MIB, [4]),
        (9, MIB, [4, 4, 1]),
        (2, 5 * MIB, [1, 1]),  # an event beyond the cap goes alone
    ],
)
def test_a_transaction_beyond_the_caps_is_one_of_several_calls(
    recorder: PostgresLogRecorder, number: int, size: int, calls: list[int]
) -> None:
    with recorder.connection() as connection:
        connection.execute(REMEMBER_CALLS)
    positions = recorder.insert_events(events(number, size), steps=[Step("gateway/0", None, 1)])
    assert positions == list(range(1, number + 1))
    with recorder.connection() as connection:
        made = connection.execute("SELECT events, bytes, transaction FROM house.calls").fetchall()
    assert [call[0] for call in made] == calls
    assert len({call[2] for call in made}) == 1
    assert all(call[0] == 1 or call[1] <= 4 * MIB for call in made)


def test_links_are_made_by_who_knows_the_last_one_and_else_by_the_database(
    recorder: PostgresLogRecorder, database_url: str
) -> None:
    def write() -> None:
        """Append two rows; if the recorder is alone, it learns the last link."""
        recorder.append([Row(uuid4(), 1, "é", b"1"), Row(uuid4(), 1, "it", b"2")])

    with recorder.connection() as connection:
        connection.execute(REMEMBER_CALLS)
    write()
    write()
    write()
    other = PostgresLogRecorder(database_url, "house")
    other.append([Row(uuid4(), 1, "of-another", b"3")])
    other.close()
    write()
    again = Row(uuid4(), 1, "it", b"4")
    recorder.append([again])
    with pytest.raises(StreamConflict):
        recorder.append([again])
    write()
    recorder.append([], steps=[Step("gateway/0", None, 1)])
    write()
    with recorder.connection() as connection:
        calls = connection.execute("SELECT links, known FROM house.calls").fetchall()
    unknown, alone, behind = (0, None), (2, True), (2, False)
    assert calls == [unknown, alone, alone, unknown, behind, (1, True), unknown, (0, True), alone]
    assert list(broken(ChainedRow(*row) for row in recorder.chained(1, 100))) == []


def test_who_gives_too_few_links_has_the_database_make_them(recorder: PostgresLogRecorder) -> None:
    recorder.append([Row(uuid4(), 1, "it", b"1")])
    ((*_, last),) = recorder.chained(1, 10)
    words = list(append_parameters([Row(uuid4(), 1, "it", b"2")], (), (), last))
    words[5] = byteas(())
    with recorder.connection() as connection:
        connection.execute(recorder._sql(APPEND), words)
    assert list(broken(ChainedRow(*row) for row in recorder.chained(1, 10))) == []


def test_who_is_not_alone_makes_no_links_for_they_would_be_in_vain(
    recorder: PostgresLogRecorder, database_url: str
) -> None:
    rows = [[Row(uuid4(), 1, "it", b"1")] for _ in range(4)]
    with recorder.connection() as connection:
        connection.execute(REMEMBER_CALLS)
    recorder.append(rows[0])
    with ThreadPoolExecutor(2) as threads, psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE house.stored_events IN SHARE MODE")
        writing = [threads.submit(recorder.append, rows[1])]
        while not recorder._appending.locked():
            time.sleep(0.001)
        writing.append(threads.submit(recorder.append, rows[2]))
        time.sleep(0.1)
        other.rollback()
        assert sorted(each.result()[0] for each in writing) == [2, 3]
    recorder.append(rows[3])
    with recorder.connection() as connection:
        links = connection.execute("SELECT links FROM house.calls ORDER BY ctid").fetchall()
    assert sorted(links[1:3]) == [(0,), (1,)]
    assert list(broken(ChainedRow(*row) for row in recorder.chained(1, 100))) == []


def test_no_one_reads_the_whole_log_to_find_some_streams(recorder: PostgresLogRecorder) -> None:
    streams = [uuid4() for _ in range(50)]
    for stream in streams:
        recorder.append([Row(stream, version, "it", b"{}") for version in range(1, 201)])
    assert [len(rows) for rows in recorder.streams(streams[:9], 7)] == [7] * 9
    with recorder.connection() as connection:
        explain = b"EXPLAIN " + recorder._sql(STREAMS)
        plan = connection.execute(explain, (streams[:9], MAXIMUM)).fetchall()
    assert "Seq Scan" not in str(plan), plan


def test_a_transaction_beyond_the_caps_is_written_whole_or_not_at_all(
    recorder: PostgresLogRecorder,
) -> None:
    batch = events(2_500, 10)
    recorder.insert_events(batch[-1:])
    steps, tags = [Step("gateway/0", None, 1)], [("a-tag", batch[0].originator_id)]
    with pytest.raises(StreamConflict):
        recorder.insert_events(batch, steps=steps, tags=tags)
    assert (recorder.max_notification_id(), recorder.positions()) == (1, {})
    assert recorder.tagged("a", "b") == []
    recorder.insert_events(batch[:-1], steps=steps, tags=tags)
    assert recorder.positions() == {"gateway/0": 1}


@contextmanager
def a_stalled_writer(url: str) -> Iterator[None]:
    """A writer that has written and does not commit."""
    other = PostgresLogRecorder(url, "house")
    with other.held() as connection, connection.transaction(force_rollback=True):
        other.insert_events(events(1, 10))
        yield
    other.close()


@contextmanager
def a_table_locked_by_hand(url: str) -> Iterator[None]:
    """Somebody is repairing something."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE house.stored_events IN SHARE MODE")
        yield


@pytest.mark.parametrize("holder", [a_stalled_writer, a_table_locked_by_hand])
def test_a_lock_of_somebody_else_is_waited_for_two_seconds_and_then_refused_with_a_name(
    recorder: PostgresLogRecorder,
    database_url: str,
    holder: Callable[[str], AbstractContextManager[None]],
) -> None:
    batch, step = events(1_500, 10), Step("gateway/0", None, 1)
    with holder(database_url):
        began = time.monotonic()
        with pytest.raises(OperationalError) as failure:
            recorder.insert_events(batch, steps=[step])
        assert 2 <= time.monotonic() - began < 15
        refusal = storage_refusal(failure.value)
        assert isinstance(refusal, StorageAway)
        assert STATUS[refusal.name] == 503
    assert (recorder.max_notification_id(), recorder.positions()) == (None, {})
    assert len(recorder.insert_events(batch, steps=[step])) == 1_500


def test_a_migration_waits_for_another_that_takes_its_time(database_url: str) -> None:
    first, second = (PostgresLogRecorder(database_url, house) for house in ("one", "other"))
    thread = threading.Thread(target=second.create_table)
    with first.held() as connection, connection.transaction():
        first.create_table()
        thread.start()
        thread.join(2.5)
        assert thread.is_alive()
    thread.join()
    assert (first.schema_version(), second.schema_version()) == (SCHEMA_VERSION, SCHEMA_VERSION)
    first.close()
    second.close()


def test_a_migration_that_a_lock_stands_in_the_way_of_is_refused_like_a_writer(
    recorder: PostgresLogRecorder, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE house.schema_version IN SHARE MODE")
        began = time.monotonic()
        with pytest.raises(OperationalError, match="lock timeout"):
            recorder.create_table()
        assert time.monotonic() - began < 15
    recorder.create_table()


def test_a_burst_of_more_threads_than_connections_is_served(recorder: PostgresLogRecorder) -> None:
    with ThreadPoolExecutor(max_workers=10 * POOL_SIZE) as threads:
        written = list(threads.map(recorder.insert_events, [events(2, 10) for _ in range(300)]))
        heads = list(threads.map(lambda _: recorder.max_notification_id(), range(300)))
    assert sorted(position for each in written for position in each) == list(range(1, 601))
    assert set(heads) == {600}


def test_a_database_that_is_away_is_refused_in_seconds_and_found_again_in_seconds(
    postgres: str, database_url: str, recorder: PostgresLogRecorder
) -> None:
    name = conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        leave = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        admin.execute(leave, (name,))
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(OperationalError) as failure:
                recorder.insert_events(events(1, 10))
            assert isinstance(storage_refusal(failure.value), StorageAway)
            assert time.monotonic() - began < 15
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    began = time.monotonic()
    assert recorder.insert_events(events(1, 10)) == [1]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("SELECT * FROM house.nowhere", "run `cagette migrate`"),
        ("SELECT * FROM nobody.nowhere", "run `cagette migrate`"),
        ("SET ROLE pg_monitor; SELECT * FROM house.stored_events", "cannot be used"),
        ("SELECT 1 / 0", "None"),
        ("SELECT no_column", "None"),
        ("SELECT not SQL", "None"),
    ],
)
def test_a_fault_of_the_code_does_not_pass_for_an_outage(
    recorder: PostgresLogRecorder, asked: str, says: str
) -> None:
    with pytest.raises(DatabaseError) as failure, recorder.connection() as connection:
        connection.execute(asked.encode())
    assert says in str(storage_refusal(failure.value))


def test_who_waited_for_his_turn_sees_what_was_written_meanwhile(database_url: str) -> None:
    name = str(conninfo_to_dict(database_url)["dbname"])
    with psycopg.connect(database_url, autocommit=True) as connection:
        alter = "ALTER DATABASE {} SET default_transaction_isolation = 'repeatable read'"
        connection.execute(sql.SQL(alter).format(sql.Identifier(name)))
    recorders = [PostgresLogRecorder(database_url, "house") for _ in range(2)]
    engine = postgres_engine(database_url, "house")
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        for recorder in recorders:
            stack.callback(recorder.close)
            recorder.create_table()
        writers = [threading.Thread(target=_write, args=(each, 40)) for each in recorders]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        rows = [ChainedRow(*row) for row in recorders[0].chained(1, 1_000)]
        assert (len(rows), list(broken(rows))) == (80, [])
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == (
                "read committed"
            )


def _write(recorder: PostgresLogRecorder, count: int) -> None:
    for _ in range(count):
        recorder.append([Row(uuid4(), 1, "test.topic", b"{}")])
