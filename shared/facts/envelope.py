"""How a fact travels: CloudEvents 1.0 in binary mode, with a JSON value.

A message is identified by its speaker and its position in the speaker's log, never by where it is
in a topic.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import msgspec
from pydantic import ValidationError

from shared.facts.base import Fact
from shared.facts.catalogue import FACTS
from shared.kernel.errors import Refusal


class Poison(Refusal):
    """A message that no retry can mend: it is parked."""

    name = "poison"


class UnknownFact(Poison):
    """A message whose type its speaker does not tell."""

    name = "unknown-fact"


class MalformedFact(Poison):
    """A message whose value is not what its type promises."""

    name = "malformed-fact"


@dataclass(frozen=True)
class Message:
    """One fact on its way. `value` is JSON as it came over the wire, not yet trusted.

    `is_spoilt`: it does not match the digest that came with it.
    """

    speaker: str
    position: int
    type: str
    key: str
    time: datetime
    value: bytes
    partition: int = 0
    is_spoilt: bool = False

    @property
    def stream(self) -> str:
        """The name under which a listener tracks its position: `gateway/0`."""
        return f"{self.speaker}/{self.partition}"

    @property
    def cause(self) -> str:
        """The cause that the events it leads to carry: `gateway/0:123`."""
        return f"{self.stream}:{self.position}"

    def headers(self) -> dict[str, str]:
        """The CloudEvents attributes, as header names of the Kafka binding; `digest` is our own."""
        words = {
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
        return words | {"ce_digest": _digest(words, self.key, self.value)}


def enveloped(fact: Fact, position: int, time: datetime) -> Message:
    """A fact, ready to travel, with its position in its speaker's log."""
    value = fact.model_dump_json().encode()
    return Message(fact.speaker, position, fact.type(), fact.key, time, value)


def received(
    speaker: str,
    partition: int,
    offset: int,
    key: bytes | None,
    headers: Mapping[str, bytes],
    value: bytes | None,
) -> Message:
    """A message as it came from a topic.

    One that the speaker cannot have sent (no time, no position, or not the one in its id) is a
    stranger's: it is tracked by its offset, under a stream of its own, and will be parked. Trusting
    a position that may be spoilt would make true facts pass for heard.
    """
    words = {name: content.decode("utf-8", "replace") for name, content in headers.items()}
    name = (key or b"").decode("utf-8", "replace")
    try:
        position, time = _position(speaker, words), datetime.fromisoformat(words["ce_time"])
    except (KeyError, ValueError):
        stranger = f"{STRANGER}{speaker}"
        kind = words.get("ce_type", "")
        return Message(stranger, offset + 1, kind, name, EPOCH, value or b"", partition)
    content = value or b""
    digest = _digest(words, name, content)
    return Message(
        speaker=speaker,
        position=position,
        type=words.get("ce_type", ""),
        key=name,
        time=time,
        value=content,
        partition=partition,
        is_spoilt=words.get("ce_digest", digest) != digest,
    )


def _position(speaker: str, words: Mapping[str, str]) -> int:
    """The position of a message; raises KeyError or ValueError if invalid or not the id's."""
    position = int(words["ce_sequence"])
    if words["ce_id"] != f"{speaker}:{position}" or not 0 < position <= LAST_POSITION:
        raise ValueError(words["ce_id"])
    return position


def _digest(words: Mapping[str, str], key: str, value: bytes) -> str:
    """The SHA-256, in hexadecimal, of all that a listener relies on."""
    said = "\n".join((words.get("ce_type", ""), words["ce_sequence"], words["ce_time"], key, ""))
    return sha256(said.encode() + value).hexdigest()


STRANGER = "stranger-on-"
"""Before a speaker's name: somebody else, who told something on the speaker's topic."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LAST_POSITION = 2**63 - 1
"""The highest position that a log can reach."""


def opened(message: Message) -> Fact:
    """The fact in a message; raises UnknownFact or MalformedFact.

    Fields that a fact's type ignores must be readable JSON too, because facts are kept whole: NaN
    and 1e999 are not, yet they pass the parser that makes the fact. No text may hold a NUL, which
    PostgreSQL cannot store.
    """
    if message.is_spoilt:
        raise MalformedFact("The digest does not match: this is not what was sent.")
    fact = FACTS.get(message.type)
    if fact is None or fact.speaker != message.speaker:
        raise UnknownFact(f"{message.speaker} tells no fact {message.type!r}.")
    try:
        found = fact.model_validate_json(message.value)
        msgspec.json.decode(message.value)
    except ValidationError as reason:
        raise MalformedFact(f"Not a {message.type}: {_named(reason)}.") from reason
    except msgspec.DecodeError as reason:
        raise MalformedFact(f"Not JSON, in a field that nobody reads: {reason}.") from reason
    if rb"\u0000" in message.value and _NUL(message.value):
        raise MalformedFact("A text in it contains a NUL character.")
    if found.key != message.key:
        raise MalformedFact(f"It came under the key {message.key!r}, which is not its own.")
    return found


_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000").search
"""Finds an escaped NUL in JSON; `u0000` after an even number of backslashes is plain text."""


def _named(reason: ValidationError) -> str:
    """What is wrong and where; never the value itself, which may be a person's."""
    errors = reason.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'all of it'}: {e['msg']}" for e in errors)
