"""What every view has: room for every number that may be told."""

import pytest
from sqlalchemy import BigInteger, Column, Integer, Table

from deploy.cli.houses import VIEWS

BOUNDED = {"rate_bp", "lines", "hours"}
"""Numbers that their own rules keep small."""
COLUMNS = [
    (table, column)
    for views in VIEWS.values()
    for view in views
    for table in view.tables
    for column in table.columns
]


def is_narrow(column: Column[int]) -> bool:
    """Whether PostgreSQL refuses a number above 2^31 in a column."""
    kind = column.type
    return isinstance(kind, Integer) and not isinstance(kind, BigInteger)


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=[f"{t}.{c.name}" for t, c in COLUMNS])
def test_a_number_that_rises_has_room_in_every_view(table: Table, column: Column[int]) -> None:
    assert not is_narrow(column) or column.name in BOUNDED


def test_a_narrow_column_is_noticed() -> None:
    assert is_narrow(Column("seq", Integer))
    assert not is_narrow(Column("seq", BigInteger))
