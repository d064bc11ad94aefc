"""The port of the transport: where a listener gets what its neighbours told."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from shared.facts.envelope import Message
from shared.kernel.errors import Refusal

BATCH = 2_000
"""How many facts a listener takes in with one transaction at most."""


class BrokerAway(Refusal):
    """The broker between the houses does not answer."""

    name = "broker-away"


class RecordCorrupt(BrokerAway):
    """The broker gives a record that is not what was written: its checksum says so."""

    name = "record-corrupt"


class Speaker(Protocol):
    """A house as its listeners, or its relay, see it."""

    name: str

    def head(self) -> int:
        """The position of the last event of its log."""

    def told(self, after: int, limit: int) -> tuple[list[Message], int]:
        """The facts among the next `limit` events after a position, and how far that reaches."""


class FactSource(Protocol):
    """Gives a listener what was told, from where it has heard.

    Within each stream, messages come in the order in which they were told; a message may come
    again, but never first after a later one. Only the listener knows what it has heard.
    """

    waits: bool
    """Whether a poll waits a moment for news."""

    def poll(self, heard: Mapping[str, int], limit: int, *, surely: bool = True) -> list[Message]:
        """Up to `limit` messages that follow the positions heard (`stream` → position).

        An empty list means that nothing new was told by now; if not `surely`, only that nothing
        has arrived here, which is cheaper for callers that poll again and again.
        """

    def tails(self) -> dict[str, int]:
        """The position of the last message of every partition, by the stream it belongs to.

        Whoever has heard it has heard the partition's other streams too: it is read in order.
        """

    def stream_of(self, message: Message) -> str:
        """The stream under which a message that a neighbour tells is heard here."""

    def close(self) -> None:
        """Release what it holds."""


class Published(NamedTuple):
    """How far a relay has come, all of it acknowledged, and how many facts that was."""

    reached: int
    facts: int


class Relay(Protocol):
    """Carries what a house tells to where its listeners are."""

    def publish(self, after: int) -> Published:
        """Publish the next page after a position."""

    def close(self) -> None:
        """Release what it holds."""
