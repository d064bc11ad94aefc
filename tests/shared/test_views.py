"""Views: what they have read is moved by one at a time."""

from pathlib import Path

import pytest

from services.gateway.domain.distribution import Distribution
from services.gateway.main import VIEWS
from shared.eventstore.engines import sqlite_engine
from shared.eventstore.folding import PAGE
from shared.eventstore.log import EventLog
from shared.eventstore.recorder import PositionConflict
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.eventstore.views import Views


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
