"""Views: what they have read is moved by one at a time."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import JSON, Column, Date, MetaData, String, Table

from services.gateway.domain.distribution import Distribution
from services.gateway.main import VIEWS
from shared.eventstore.engines import memory_engine, sqlite_engine
from shared.eventstore.folding import PAGE
from shared.eventstore.log import EventLog
from shared.eventstore.recorder import PositionConflict
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.eventstore.upsert import write_rows
from shared.eventstore.views import Views, rows_of


def test_who_moves_views_that_somebody_else_has_moved_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "log.sqlite"
    log = EventLog(SQLiteLogRecorder(file))
    log.migrate()
    work = log.begin()
    work.keep([Distribution(f"D{number}") for number in range(PAGE + 1)], "test")
    work.commit()
    one, other = (Views(log, VIEWS, sqlite_engine(file)) for _ in range(2))
    one.migrate()
    pages = one.catch_up()
    assert next(pages) == PAGE
    assert list(other.catch_up()) == [1]
    with pytest.raises(PositionConflict, match="somebody else"):
        next(pages)
    assert set(one.positions().values()) == {PAGE + 1}
    for views in (one, other):
        views.engine.dispose()
    log.close()


NAMES = Table("names", MetaData(), Column("name", String, primary_key=True))
DAYS = Table(
    "days",
    MetaData(),
    Column("name", String, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("until", Date),
    Column("said", JSON, nullable=False),
)


def test_of_rows_with_one_key_the_last_stands() -> None:
    engine, key = memory_engine(), {"name": "a", "day": date(2024, 2, 29)}
    rows = [{**key, "until": None, "said": None}, {**key, "until": date.max, "said": [[1, "é"]]}]
    with engine.begin() as connection:
        for table in (NAMES, DAYS):
            table.create(connection)
        write_rows(connection, [(NAMES, {"name": "a"}), *((DAYS, row) for row in rows)])
        assert rows_of(connection, DAYS) == [("a", date(2024, 2, 29), date.max, [[1, "é"]])]
        write_rows(connection, [(NAMES, {"name": "a"}), (DAYS, rows[0])])
        assert rows_of(connection, NAMES) == [("a",)]
        assert rows_of(connection, DAYS) == [("a", date(2024, 2, 29), None, None)]
    engine.dispose()
