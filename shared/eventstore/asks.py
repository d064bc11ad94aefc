"""Asks: what people ask of a house, remembered with who asked and what was known by then."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from shared.eventstore.work import Work
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.answers import Answer
from shared.kernel.ids import stable_id


class Asked(Aggregate):
    """One ask. Its stream has one event, which comes before everything it caused."""

    TOPIC = "ask"

    class Made(Created):
        """Somebody asked something, and this was the answer.

        `heard` is how far every topic-partition had been heard by then, for those who ask why: a
        replay takes asks and facts in their stored order.
        """

        TOPIC = "ask.made"
        ask_id: UUID
        use_case: str
        arguments: dict[str, Any]
        by: str
        heard: dict[str, int]
        answer: Answer

    @event(Made)
    def __init__(
        self,
        ask_id: UUID,
        use_case: str,
        arguments: dict[str, Any],
        by: str,
        heard: dict[str, int],
        answer: Answer,
    ) -> None:
        self.use_case = use_case
        self.arguments = arguments
        self.answer = answer

    @staticmethod
    def create_id(ask_id: UUID) -> UUID:
        """The id that the edge gave it."""
        return ask_id


class Ask:
    """An ask on its way: which use case, with what arguments, by whom.

    `key` is the Idempotency-Key, if the asker gave one: the same key is the same ask. Otherwise
    `nonce` (made at the edge) tells this ask from every other.
    """

    def __init__(
        self,
        use_case: str,
        arguments: Mapping[str, Any],
        *,
        by: str,
        nonce: UUID,
        key: str | None = None,
    ) -> None:
        self.use_case = use_case
        self.arguments: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(dict(arguments)))
        self.by = by
        self.key = key
        self.id = stable_id("ask/key", by, key) if key else stable_id("ask", nonce.hex)

    @classmethod
    def again(cls, made: Asked.Made) -> "Ask":
        """An ask that was made before, to be repeated on another log under the same id.

        It counts as one with a key, so that it is remembered again whatever it leads to.
        """
        ask = cls(made.use_case, made.arguments, by=made.by, nonce=made.ask_id)
        ask.id, ask.key = made.ask_id, str(made.ask_id)
        return ask

    @property
    def cause(self) -> str:
        """The cause that the events it leads to carry."""
        return f"ask:{self.id}"


def remember(ask: Ask, answer: Answer, work: Work) -> None:
    """Record an ask, in front of what it caused."""
    made = Asked(
        ask_id=ask.id,
        use_case=ask.use_case,
        arguments=ask.arguments,
        by=ask.by,
        heard=work.heard(),
        answer=answer,
    )
    work.keep_first(made, ask.cause)
