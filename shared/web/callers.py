"""Who calls, for what, and whose objects they may see."""

from dataclasses import dataclass
from enum import StrEnum

from shared.kernel.errors import NotFound


class Scope(StrEnum):
    """What a key is good for."""

    TELL = "tell"
    """Notices and imports."""
    READ = "read"
    """Everything that shows, and fee previews."""
    OPERATE = "operate"
    """What operations do."""


EVERYTHING = frozenset(Scope)

BY_HTTP = "api"
"""Who asks, for all that comes in over HTTP: in front of the holder's name, or alone."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a key. With a `producer_id` it sees the objects of that producer alone.

    `asker` is what is remembered as who asked; `key_id` is None for the deployment's own key.
    """

    holder: str
    scopes: frozenset[Scope]
    producer_id: str | None = None
    key_id: str | None = None
    asker: str = BY_HTTP

    def may_see(self, producer_id: str | None) -> bool:
        """Whether an object may be shown: that of a producer, or (None) of no one in particular.

        Where it may not, raise `unknown`: an object of another producer is not there.
        """
        return self.producer_id is None or self.producer_id == producer_id


DEPLOYMENT = Caller("deployment", EVERYTHING)
"""A process of the deployment itself, by `CAGETTE_KEY`."""


def unknown(what: str, natural_id: str) -> NotFound:
    """The one refusal of an object that is not there, or that this caller may not see.

    In the same words, so that nobody learns which of the two it is.
    """
    return NotFound(f"There is no {what} {natural_id}.")
