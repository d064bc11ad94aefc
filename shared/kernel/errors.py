"""Refusals: what the product will not do, by name and with a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Flaw:
    """One thing wrong with one field; `pointer` is a JSON pointer into what was sent."""

    pointer: str
    detail: str


class Refusal(Exception):
    """Something that will not be done, and why, in a sentence a person understands.

    `name` is stable and public (`urn:cagette:problem:<name>`); its HTTP status is in the one
    table, `shared/web/table.py`.
    """

    name: ClassVar[str]

    def __init__(self, sentence: str, flaws: Sequence[Flaw] = ()) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.flaws = tuple(flaws)


class NotValid(Refusal):
    """What was sent does not have the shape that the contract requires."""

    name = "not-valid"


class NumberReused(Refusal):
    """A number that was already used came back with different content."""

    name = "number-reused"


class KeyReused(Refusal):
    """An Idempotency-Key that was already used came back with another body."""

    name = "idempotency-key-reused"


class NotFound(Refusal):
    """What was asked for does not exist, or the caller may not see it."""

    name = "not-found"


def unknown(what: str, natural_id: str) -> NotFound:
    """The refusal for an object that was never told, or that the caller may not see.

    Both get the same words, so that nobody learns which of the two it is.
    """
    return NotFound(f"No {what} {natural_id} is known here.")
