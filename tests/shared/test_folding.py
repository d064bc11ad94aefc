"""Folding: each view is given every event that it has not read, once, in order."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, String, Table

from services.gateway.domain.distribution import Distribution
from shared.eventstore import folding
from shared.eventstore.folding import Row, View, folded
from shared.eventstore.log import EventLog
from shared.eventstore.sqlite import SQLiteLogRecorder
from tests.support.recorders import remember

EVENTS = 7


def _view(name: str) -> View:
    """A view with a row for every distribution that began."""
    table = Table(name, MetaData(), Column("stream", String, primary_key=True))

    def rows(event: Distribution.Opened) -> Iterator[Row]:
        yield table, {"stream": event.originator_id}

    return View(name, (table,), {Distribution.Opened: rows})


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EventLog]:
    """A log of some distributions, which is folded two events at a time."""
    monkeypatch.setattr(folding, "PAGE", 2)
    log = EventLog(SQLiteLogRecorder(tmp_path / "log.sqlite"))
    log.migrate()
    remember(log, *map(str, range(EVENTS)))
    yield log
    log.close()


def test_views_that_stand_apart_are_each_given_what_they_have_not_read(log: EventLog) -> None:
    streams = [event.originator_id for event in log.history()]
    one, other = _view("one"), _view("other")
    spans = list(product((0, 2, 3, EVENTS), (1, 3, 5, EVENTS, EVENTS + 5)))
    for (after, last), (other_after, other_last) in product(spans, spans):
        stood, until = {"one": after, "other": other_after}, {"one": last, "other": other_last}
        pages = list(folded(log, (one, other), stood, until))
        given = [(table.name, row["stream"]) for page in pages for table, row in page.rows]
        for name in ("one", "other"):
            expected = streams[stood[name] : until[name]]
            assert [stream for view, stream in given if view == name] == expected
            reached = pages[-1].positions[name] if pages else stood[name]
            assert reached == max(stood[name], min(until[name], EVENTS))


def test_what_no_view_has_left_to_read_is_not_fetched(log: EventLog) -> None:
    pages = folded(log, (_view("one"), _view("other")), {"one": 0, "other": 5}, {"one": 2})
    assert sum(page.size for page in pages) == 2 + (EVENTS - 5)
