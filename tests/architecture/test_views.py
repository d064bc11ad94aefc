"""What every view has: room for every number that may be told, and events as they are read."""

import pytest
from eventsourcing.utils import get_topic, resolve_topic
from sqlalchemy import BigInteger, Column, Integer

from deploy.cli.houses import VIEWS

BOUNDED = {"rate_bp", "lines", "hours"}
"""Numbers that their own rules keep small."""
COLUMNS = {
    f"{house}.{table}.{column.name}": column
    for house, views in VIEWS.items()
    for view in views
    for table in view.tables
    for column in table.columns
}


READ = {
    f"{house}.{view.name} {get_topic(cls)}": cls
    for house, views in VIEWS.items()
    for view in views
    for cls in view.rows_by_event
}


def is_narrow(column: Column[int]) -> bool:
    """Whether PostgreSQL refuses a number above 2^31 in a column."""
    kind = column.type
    return isinstance(kind, Integer) and not isinstance(kind, BigInteger)


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_a_number_that_rises_has_room_in_every_view(column: Column[int]) -> None:
    assert not is_narrow(column) or column.name in BOUNDED


def test_a_narrow_column_is_noticed() -> None:
    assert is_narrow(Column("seq", Integer))
    assert not is_narrow(Column("seq", BigInteger))


@pytest.mark.parametrize("cls", READ.values(), ids=READ)
def test_a_view_knows_an_event_by_the_class_that_its_topic_names(cls: type) -> None:
    assert resolve_topic(get_topic(cls)) is cls
