"""The order in which tests are handed to the workers that run them."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def dealt(items: Sequence[Item], workers: int, is_long: Callable[[Item], bool]) -> list[Item]:
    """All the items, the long ones first in each worker's share.

    xdist first gives each worker a run of consecutive tests, and a long one that starts last
    leaves all other workers idle.
    """
    long = [item for item in items if is_long(item)]
    others = iter([item for item in items if not is_long(item)])
    ordered: list[Item] = []
    for number in range(workers):
        share = (len(items) - len(ordered)) // (workers - number)
        own = long[number::workers]
        ordered += [*own, *islice(others, max(0, share - len(own)))]
    return ordered
