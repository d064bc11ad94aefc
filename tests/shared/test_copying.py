"""A log restored from a copy: nobody writes to it meanwhile, not even a writer left running."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from shared.eventstore.all_houses import all_or_nothing, one_moment
from shared.eventstore.copying import (
    NEVER_TOLD,
    EventRow,
    copied_events,
    write_events,
)
from shared.eventstore.engines import postgres_engine
from shared.eventstore.log import EventLog
from shared.eventstore.postgres import PostgresLogRecorder
from tests.support.recorders import remember

MEANWHILE = 0.3
"""Seconds in which a writer gets as far as it may."""


def fresh(url: str, name: str) -> EventLog:
    log = EventLog(PostgresLogRecorder(url, name))
    log.migrate()
    return log


def copied(url: str, name: str) -> list[EventRow]:
    engine = postgres_engine(url, name)
    with one_moment({name: engine}, ()) as at:
        rows = list(copied_events(at(name)))
    engine.dispose()
    return rows


def test_a_log_that_was_empty_goes_on_after_it_is_put_back(database_url: str) -> None:
    engine = postgres_engine(database_url, "gateway")
    with closing(fresh(database_url, "gateway")) as log:
        with all_or_nothing({"gateway": engine}) as at:
            write_events(at("gateway"), [])
        remember(log, "first")
        assert log.head() == NEVER_TOLD + 1
        assert list(log.broken()) == []
    engine.dispose()


def test_who_was_not_stopped_writes_behind_what_is_put_back(database_url: str) -> None:
    name = "gateway"
    with closing(fresh(database_url, "before")) as before:
        for number in range(3):
            remember(before, f"D{number}")
        rows = copied(database_url, "before")
    engine = postgres_engine(database_url, name)
    with closing(fresh(database_url, name)) as log, ThreadPoolExecutor(1) as writer:
        with all_or_nothing({name: engine}) as at:
            write_events(at(name), rows)
            late = writer.submit(remember, log, "late")
            time.sleep(MEANWHILE)
        late.result()
        assert log.head() == len(rows) + NEVER_TOLD + 1
        assert list(log.broken()) == []
    engine.dispose()
