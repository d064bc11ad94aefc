"""The three houses by name: whom each hears, and its code, loaded when first asked for."""

import gc
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from threading import RLock
from typing import Any, TypeVar

from shared.eventstore.folding import View
from shared.eventstore.lease import Lease
from shared.eventstore.log import EventLog
from shared.messaging.house import House

T = TypeVar("T")

HOUSES = ("gateway", "training", "billing")
"""In the order in which a sale passes them."""

HEARS: dict[str, tuple[str, ...]] = {
    "gateway": ("training", "billing"),
    "training": (),
    "billing": ("gateway", "training"),
}
"""The speakers that each house hears."""

NO_PATIENCE = 0
"""Do not wait for a worker that is at work: leave the work to it."""


class ByHouse(Mapping[str, T]):
    """One of something per house, made when first asked for.

    So the process of one house loads nothing of the others.
    """

    def __init__(self, make: Callable[[str], T]) -> None:
        self._make = make
        self._made: dict[str, T] = {}
        self._making = RLock()

    def __getitem__(self, house: str) -> T:
        if house not in HOUSES:
            raise KeyError(house)
        with self._making:
            if house not in self._made:
                self._made[house] = self._make(house)
            return self._made[house]

    def __iter__(self) -> Iterator[str]:
        return iter(HOUSES)

    def __len__(self) -> int:
        return len(HOUSES)


@cache
def main_of(house: str) -> Any:
    """The module that puts a house together."""
    loaded: Any
    if house == "gateway":
        from services.gateway import main as gateway

        loaded = gateway
    elif house == "training":
        from services.training import main as training

        loaded = training
    else:
        from services.billing import main as billing

        loaded = billing
    gc.freeze()  # it stays: no need to scan it for garbage
    return loaded


def built(house: str, log: EventLog, lease: Lease) -> House[Any]:
    """A house over its log."""
    made: House[Any] = main_of(house).build(log, lease)
    return made


VIEWS: Mapping[str, tuple[View, ...]] = ByHouse(lambda house: main_of(house).VIEWS)
