"""Which fact leads to which policy, and which event is told as which fact."""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Any, Generic, TypeVar
from uuid import UUID

from shared.facts.base import Fact
from shared.kernel.aggregate import Aggregate, Remembered

AnyFact = TypeVar("AnyFact", bound=Fact)
AnyEvent = TypeVar("AnyEvent", bound=Remembered)
App = TypeVar("App")

Policy = Callable[[Any, Any], Iterable[Aggregate]]
Foresight = Callable[[Any], Iterable[UUID]]
FactSight = TypeVar("FactSight", bound=Foresight)
Telling = Callable[[Any], Fact | None]


class Policies(Generic[App]):
    """What a house does when it hears a fact. A fact without a policy is heard and ignored.

    A policy yields the aggregates it changed, each as soon as it changed, and saves nothing
    itself, so that events are remembered, and told, in the order in which they happened.
    """

    def __init__(self) -> None:
        self.by_fact: dict[type[Fact], Policy] = {}
        self._touching: dict[type[Fact], Foresight] = {}

    @classmethod
    def joined(cls, *others: "Policies[App]") -> "Policies[App]":
        """The policies of a house: what it does about each of its neighbours."""
        house = cls()
        for other in others:
            house.by_fact |= other.by_fact
            house._touching |= other._touching
        return house

    def whenever(
        self, *facts: type[AnyFact]
    ) -> Callable[
        [Callable[[AnyFact, App], Iterable[Aggregate]]],
        Callable[[AnyFact, App], Iterable[Aggregate]],
    ]:
        """Register the policy that follows from a fact; a fact has one policy in a house."""

        def register(
            policy: Callable[[AnyFact, App], Iterable[Aggregate]],
        ) -> Callable[[AnyFact, App], Iterable[Aggregate]]:
            for fact in facts:
                _add(self.by_fact, fact, policy)
            return policy

        return register

    def touching(self, fact: type[AnyFact]) -> Callable[[FactSight], FactSight]:
        """Register the streams a policy most likely touches, to be loaded for many facts at once.

        Being wrong costs only time: what was not foreseen is loaded when it is looked at.
        """

        def register(foresight: FactSight) -> FactSight:
            _add(self._touching, fact, foresight)
            return foresight

        return register

    def foreseen(self, fact: Fact) -> Iterable[UUID]:
        """The streams that a fact most likely touches."""
        foresight = self._touching.get(type(fact))
        return foresight(fact) if foresight else ()


class Publishing:
    """The mouth of a house: which event is told as which fact. All others are kept private."""

    def __init__(self) -> None:
        self._by_event: dict[type[Remembered], Telling] = {}

    def tell(
        self, event: type[AnyEvent]
    ) -> Callable[[Callable[[AnyEvent], Fact | None]], Callable[[AnyEvent], Fact | None]]:
        """Register how an event is told: as one fact or, this time, not at all."""

        def register(
            telling: Callable[[AnyEvent], Fact | None],
        ) -> Callable[[AnyEvent], Fact | None]:
            _add(self._by_event, event, telling)
            return telling

        return register

    @property
    def told(self) -> AbstractSet[type[Remembered]]:
        """The classes of events that may be told."""
        return self._by_event.keys()

    def fact(self, event: Remembered) -> Fact | None:
        """The fact that an event is told as, if any."""
        telling = self._by_event.get(type(event))
        return telling(event) if telling else None


def _add(known: dict[Any, Any], key: type, rule: object) -> None:
    """Add a rule; a second one must not silently replace the first."""
    if key in known:
        raise ValueError(f"{key.__name__} already has a rule")
    known[key] = rule
