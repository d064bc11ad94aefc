"""Who calls, for what, and whose objects they may see."""

from dataclasses import dataclass
from enum import StrEnum

from shared.kernel.errors import unknown


class Scope(StrEnum):
    """What a key is good for."""

    TELL = "tell"
    """Notices and imports."""
    READ = "read"
    """Everything that is shown, and fee previews."""
    OPERATE = "operate"
    """What operations do."""


EVERYTHING = frozenset(Scope)

BY_HTTP = "api"
"""The asker of everything that comes in over HTTP: before the holder's name, or alone."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a key. With a `producer_id` it sees only that producer's objects.

    `asker` is remembered as who asked; `key_id` is None for the deployment's own key.
    """

    holder: str
    scopes: frozenset[Scope]
    producer_id: str | None = None
    key_id: str | None = None
    asker: str = BY_HTTP

    def may_see(self, producer_id: str | None) -> bool:
        """Whether a producer's object may be shown; None: an object of no single producer."""
        return self.producer_id is None or self.producer_id == producer_id

    def must_see(self, producer_id: str | None, what: str, natural_id: str) -> None:
        """Refuse another producer's object in the words for one that does not exist."""
        if not self.may_see(producer_id):
            raise unknown(what, natural_id)


DEPLOYMENT = Caller("deployment", EVERYTHING)
"""A process of the deployment itself, by `CAGETTE_KEY`."""
