"""Views: only one writer at a time moves them on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Uuid,
)

from deploy.cli.houses import VIEWS as BY_HOUSE
from services.gateway.domain.distribution import Distribution
from services.gateway.main import VIEWS
from shared.eventstore.engines import postgres_engine, sqlite_engine
from shared.eventstore.folding import PAGE
from shared.eventstore.log import EventLog
from shared.eventstore.recorder import PositionConflict
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.eventstore.upsert import AT_ONCE, packer, write_rows
from shared.eventstore.views import Views, rows_of


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog(SQLiteLogRecorder(tmp_path / "log.sqlite"))
    log.migrate()
    remember(log, PAGE + 1)
    yield log
    log.close()


@pytest.fixture
def two(log: EventLog, tmp_path: Path) -> Iterator[tuple[Views, Views]]:
    """The same views, twice."""
    one, other = (Views(log, VIEWS, sqlite_engine(tmp_path / "log.sqlite")) for _ in range(2))
    one.migrate()
    yield one, other
    for views in (one, other):
        views.engine.dispose()


def remember(log: EventLog, count: int) -> None:
    """Commit that many new distributions."""
    work = log.begin()
    work.keep([Distribution(uuid4().hex) for _ in range(count)], "test")
    work.commit()


def test_who_moves_views_that_somebody_else_has_moved_is_refused(two: tuple[Views, Views]) -> None:
    one, other = two
    pages = one.catch_up()
    assert next(pages) == PAGE
    assert list(other.catch_up()) == [1]
    with pytest.raises(PositionConflict, match="another writer"):
        next(pages)
    assert set(one.positions().values()) == {PAGE + 1}


def test_who_comes_back_after_somebody_else_was_at_work_goes_on_from_there(
    log: EventLog, two: tuple[Views, Views]
) -> None:
    one, other = two
    assert list(one.catch_up()) == [PAGE, 1]
    remember(log, 2)
    assert list(other.catch_up()) == [2]
    remember(log, 3)
    assert list(one.catch_up()) == [3]
    assert list(one.catch_up()) == []


NAMES = Table("names", MetaData(), Column("name", String, primary_key=True))
DAYS = Table(
    "days",
    MetaData(),
    Column("name", String, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("until", Date),
    Column("said", JSON, nullable=False),
    Column("id", Uuid),
    Column("cents", BigInteger),
    Column("number", Integer),
    Column("is_so", Boolean),
)
KEY = {"name": "a", "day": date(2024, 2, 29)}
NOTHING = dict.fromkeys(("until", "said", "id", "cents", "number", "is_so"))
MUCH = {
    "until": date.max,
    "said": [[1, "é\0", None]],
    "id": UUID(int=2**128 - 1),
    "cents": -(2**63),
    "number": 2**31 - 1,
    "is_so": False,
}


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "sqlite":
        made = sqlite_engine(request.getfixturevalue("tmp_path") / "views.sqlite")
    else:
        made = postgres_engine(request.getfixturevalue("database_url"), "public")
    yield made
    made.dispose()


def test_of_rows_with_one_key_the_last_stands(engine: Engine) -> None:
    rows = [{**KEY, **NOTHING}, {**KEY, **MUCH}]
    with engine.begin() as connection:
        for table in (NAMES, DAYS):
            table.create(connection)
        write_rows(connection, [(NAMES, {"name": "a"}), *((DAYS, row) for row in rows)])
        assert rows_of(connection, DAYS) == [(*KEY.values(), *MUCH.values())]
        write_rows(connection, [(NAMES, {"name": "a"}), (DAYS, rows[0])])
        assert rows_of(connection, NAMES) == [("a",)]
        assert rows_of(connection, DAYS) == [(*KEY.values(), *NOTHING.values())]


def test_many_rows_are_written_whatever_a_statement_takes(engine: Engine) -> None:
    names = [f"é{number}" for number in range(2 * AT_ONCE + 1)]
    with engine.begin() as connection:
        NAMES.create(connection)
        write_rows(connection, ((NAMES, {"name": name}) for name in [*names, *names]))
        assert rows_of(connection, NAMES) == [(name,) for name in sorted(names)]


def test_every_column_of_every_view_is_taken_by_postgres() -> None:
    columns = [c for views in BY_HOUSE.values() for v in views for t in v.tables for c in t.columns]
    assert len(columns) > 50
    for column in columns:
        packer(column)
    with pytest.raises(TypeError, match="at: nothing packs DateTime"):
        packer(Column("at", DateTime))


def test_two_that_migrate_one_file_at_once_wait_for_each_other(
    log: EventLog, tmp_path: Path
) -> None:
    for attempt in range(5):
        file = tmp_path / f"{attempt}.sqlite"
        at_once = Barrier(4)

        def migrate(file: Path = file, at_once: Barrier = at_once) -> None:
            views = Views(log, VIEWS, sqlite_engine(file))
            at_once.wait()
            views.migrate()
            views.engine.dispose()

        with ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(migrate) for _ in range(4)]:
                done.result()
