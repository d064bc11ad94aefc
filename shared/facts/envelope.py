"""How a fact travels: CloudEvents 1.0 in binary mode, value JSON.

What makes a message the same message is its speaker and its position in the speaker's log, never
where it came to lie in a topic.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from shared.facts.base import Fact
from shared.facts.catalogue import FACTS
from shared.kernel.errors import Refusal


class UnknownFact(Refusal):
    """A message whose type this version does not know."""

    name = "unknown-fact"


class MalformedFact(Refusal):
    """A message whose value is not what its type promises."""

    name = "malformed-fact"


@dataclass(frozen=True)
class Message:
    """One fact on its way. `value` is JSON as it came over the wire, not yet trusted."""

    speaker: str
    position: int
    type: str
    key: str
    time: datetime
    value: bytes
    partition: int = 0

    @property
    def stream(self) -> str:
        """The name under which a listener tracks its position: `gateway/0`."""
        return f"{self.speaker}/{self.partition}"

    @property
    def cause(self) -> str:
        """What the events that it leads to carry as their cause: `gateway/0:123`."""
        return f"{self.stream}:{self.position}"

    def headers(self) -> dict[str, str]:
        """The CloudEvents attributes, as header names of the Kafka binding."""
        return {
            "ce_specversion": "1.0",
            "ce_id": f"{self.speaker}:{self.position}",
            "ce_source": f"/cagette/{self.speaker}",
            "ce_type": self.type,
            "ce_time": self.time.astimezone(UTC).isoformat(),
            "ce_subject": self.key,
            "ce_dataschema": f"/schemas/{self.type}.json",
            "ce_sequence": str(self.position),
            "content-type": "application/json",
        }


def enveloped(fact: Fact, position: int, time: datetime) -> Message:
    """A fact, ready to travel, with its position in its speaker's log."""
    value = fact.model_dump_json().encode()
    return Message(fact.speaker, position, fact.type(), fact.key, time, value)


def opened(message: Message) -> Fact:
    """The fact in a message; raises UnknownFact or MalformedFact."""
    fact = FACTS.get(message.type)
    if fact is None:
        raise UnknownFact(f"This version knows no fact {message.type!r}.")
    try:
        return fact.model_validate_json(message.value)
    except ValidationError as reason:
        raise MalformedFact(f"Not a {message.type}: {_named(reason)}.") from reason


def _named(reason: ValidationError) -> str:
    """What is wrong where; never what stood there, for it may be a person's."""
    errors = reason.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'all of it'}: {e['msg']}" for e in errors)
