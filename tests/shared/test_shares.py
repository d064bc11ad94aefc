"""No test is lost when tests are dealt to workers."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.shares import dealt


@given(st.lists(st.booleans(), max_size=80), st.integers(min_value=1, max_value=9))
def test_every_test_is_dealt_once(long: list[bool], workers: int) -> None:
    items = list(enumerate(long))
    assert sorted(dealt(items, workers, lambda item: item[1])) == items


def test_each_worker_begins_with_its_long_tests() -> None:
    items = [*[f"short {n}" for n in range(9)], "long 1", "long 2", "long 3"]
    ordered = dealt(items, 3, lambda item: item.startswith("long"))
    assert [ordered[0], ordered[4], ordered[8]] == ["long 1", "long 2", "long 3"]
