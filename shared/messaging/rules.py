"""Which fact leads to which policy, and which event is told as which fact."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from shared.facts.base import Fact
from shared.kernel.aggregate import Aggregate, Remembered

AnyFact = TypeVar("AnyFact", bound=Fact)
AnyEvent = TypeVar("AnyEvent", bound=Remembered)
App = TypeVar("App")

Policy = Callable[[Any, Any], Iterable[Aggregate]]
Telling = Callable[[Any], Fact | None]


class Policies(Generic[App]):
    """What a house does when it hears a fact. A fact without a policy is heard and let pass.

    A policy yields the aggregates it changed, each as soon as it changed, and saves nothing
    itself: so events are remembered, and told, in the order in which they happened.
    """

    def __init__(self) -> None:
        self.by_fact: dict[type[Fact], Policy] = {}

    @classmethod
    def joined(cls, *others: "Policies[App]") -> "Policies[App]":
        """The policies of a house: what it does about each of its neighbours."""
        house = cls()
        for other in others:
            house.by_fact |= other.by_fact
        return house

    def whenever(
        self, *facts: type[AnyFact]
    ) -> Callable[
        [Callable[[AnyFact, App], Iterable[Aggregate]]],
        Callable[[AnyFact, App], Iterable[Aggregate]],
    ]:
        """The policy that follows from a fact; a fact has one policy in a house."""

        def register(
            policy: Callable[[AnyFact, App], Iterable[Aggregate]],
        ) -> Callable[[AnyFact, App], Iterable[Aggregate]]:
            for fact in facts:
                if fact in self.by_fact:
                    raise ValueError(f"{fact.__name__} has a policy already")
                self.by_fact[fact] = policy
            return policy

        return register


class Publishing:
    """The mouth of a house: which event is told as which fact. All others stay at home."""

    def __init__(self) -> None:
        self._by_event: dict[type[Remembered], Telling] = {}

    def tell(
        self, event: type[AnyEvent]
    ) -> Callable[[Callable[[AnyEvent], Fact | None]], Callable[[AnyEvent], Fact | None]]:
        """How an event is told: as one fact or, this time, not at all."""

        def register(
            telling: Callable[[AnyEvent], Fact | None],
        ) -> Callable[[AnyEvent], Fact | None]:
            self._by_event[event] = telling
            return telling

        return register

    def fact(self, event: Remembered) -> Fact | None:
        """The fact that an event is told as, if any."""
        telling = self._by_event.get(type(event))
        return telling(event) if telling else None
