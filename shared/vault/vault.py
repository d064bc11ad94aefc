"""The vault: seals a person's fields, opens them again, and forgets for good."""

import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime

from shared.kernel.errors import Refusal
from shared.kernel.persons import ERASED, FORGOTTEN, IN_CLEAR, Person, Sealed
from shared.vault.keys import Keys
from shared.vault.seal import KEY_BYTES, opened_with, read_in_clear, sealed_under, taken_apart

PRODUCERS = "producer/"
REMEMBERED_SECONDS = 60
"""How long a process may go on using a key that another one destroyed."""


class VaultMissing(Refusal):
    """A home whose keys are nowhere to be found."""

    name = "vault-missing"


def producer_key(producer_id: str) -> str:
    """The name of the key that seals what is known of a producer."""
    return f"{PRODUCERS}{producer_id}"


def producer_of(key_name: str) -> str | None:
    """The producer whose key that is, or None if it is not a producer's."""
    return key_name.removeprefix(PRODUCERS) if key_name.startswith(PRODUCERS) else None


def documents_key(year: int) -> str:
    """The name of the key that seals the buyers on all documents of a year.

    They outlive a producer's own key, because the law requires invoices to be kept for ten years,
    and end together.
    """
    return f"documents/{year}"


class Vault:
    """People's fields, each person's under a key; `clock`, in seconds, times keys in memory."""

    def __init__(self, keys: Keys, clock: Callable[[], float] = time.monotonic) -> None:
        self.keys = keys
        self._clock = clock
        self._in_memory: dict[str, tuple[float, bytes | None]] = {}
        self._one_at_a_time = threading.Lock()
        self._of_dry_runs: dict[str, bytes] = {}

    def seal(self, key_name: str, person: Person, *, dry_run: bool = False) -> Sealed:
        """The one value in which a person's fields travel; FORGOTTEN once the key is destroyed.

        A `dry_run` stores no key: what it seals for somebody new only this `Vault` can open.
        """
        if person.is_erased:
            return FORGOTTEN
        is_known, key = self._find(key_name)
        if not is_known:
            key = self._for_dry_runs(key_name) if dry_run else self._made(key_name)
        return FORGOTTEN if key is None else sealed_under(key, key_name, person)

    def unseal(self, sealed: Sealed) -> Person:
        """The person's fields again, or ERASED if there is no key for them.

        Raises SealBroken for a value that is not what was sealed.
        """
        if sealed == FORGOTTEN:
            return ERASED
        if sealed.startswith(IN_CLEAR):
            return read_in_clear(sealed)
        envelope = taken_apart(sealed)
        _, key = self._find(envelope.key_name)
        key = key or self._of_dry_runs.get(envelope.key_name)
        return ERASED if key is None else opened_with(key, envelope)

    def reseal(self, sealed: Sealed, key_name: str, *, dry_run: bool = False) -> Sealed:
        """The same person under another key."""
        return self.seal(key_name, self.unseal(sealed), dry_run=dry_run)

    def is_same(self, one: Sealed, other: Sealed) -> bool:
        """Whether two sealed values hold equal persons, whichever version sealed them."""
        return one == other or self.unseal(one) == self.unseal(other)

    def destroy(self, key_name: str, *, by: str, why: str, at: datetime) -> bool:
        """Destroy a key for good; return whether that changed anything."""
        changed = self.keys.destroy(key_name, by=by, why=why, at=at)
        self._remember(key_name, None)
        return changed

    def has_key(self, key_name: str) -> bool:
        """Whether a key exists, as read from the database itself."""
        return self.keys.find(key_name)[1] is not None

    def _find(self, key_name: str) -> tuple[bool, bytes | None]:
        until, key = self._in_memory.get(key_name, (0, None))
        if self._clock() < until:
            return True, key
        is_known, key = self.keys.find(key_name)
        if is_known:
            self._remember(key_name, key)
        return is_known, key

    def _made(self, key_name: str) -> bytes | None:
        return self._remember(key_name, self.keys.make(key_name))

    def _remember(self, key_name: str, key: bytes | None) -> bytes | None:
        now = self._clock()
        with self._one_at_a_time:
            self._in_memory.pop(key_name, None)
            self._in_memory[key_name] = (now + REMEMBERED_SECONDS, key)
            while (oldest := next(iter(self._in_memory))) and self._in_memory[oldest][0] <= now:
                del self._in_memory[oldest]
        return key

    def _for_dry_runs(self, key_name: str) -> bytes:
        return self._of_dry_runs.setdefault(key_name, secrets.token_bytes(KEY_BYTES))
