"""Tells who calls by the key that was sent, without querying the database for each request."""

import hmac
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from anyio import CapacityLimiter, to_thread

from shared.eventstore.failures import STORAGE_EXCEPTIONS, storage_refusal
from shared.kernel.errors import Refusal
from shared.web.callers import DEPLOYMENT, Caller
from shared.web.keys import KEY_PATTERN, KeyStore, sha256
from shared.web.refusals import Unauthorized

FRESH_SECONDS = 3
"""How long keys read from the database are trusted: a revocation takes effect by then."""

AGAIN_SECONDS = 1
"""How long the database is not read again for an unknown key, nor for any key after a failed
read: guessing keys cannot load it."""

NOTED_SECONDS = 60
"""The shortest time between two writes of a key's last use."""


class Keyring:
    """The keys that open a door: the deployment's own, and those of a store.

    Raises StorageAway if the database is away and what was read from it is too old.
    """

    def __init__(
        self,
        own: str | None,
        store: KeyStore | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._own = own.encode() if own else None
        self._store = store
        self._known: dict[str, tuple[Caller, bytes]] = {}
        self._read_at = -math.inf
        self._away: tuple[float, str, type[Refusal]] | None = None
        self._noted: dict[str, float] = {}
        self._reading = threading.Lock()
        self._one_reader = CapacityLimiter(1)
        self._clerk = ThreadPoolExecutor(1, "last-used")

    async def caller(self, key: bytes) -> Caller:
        """The caller that holds a key. Raises Unauthorized, or StorageAway if nobody can tell."""
        if self._own is not None and hmac.compare_digest(key, self._own):
            return DEPLOYMENT
        written = KEY_PATTERN.fullmatch(key)
        if written is None or self._store is None:
            raise nothing_opened()
        key_id = written[1].decode()
        if self._is_old(key_id):
            await to_thread.run_sync(self._read, key_id, limiter=self._one_reader)
        caller, kept = self._known.get(key_id, (None, b""))
        if caller is None or not hmac.compare_digest(sha256(written[2]), kept):
            raise nothing_opened()
        self._note(key_id)
        return caller

    def close(self) -> None:
        """Write the last uses that are still pending."""
        self._clerk.shutdown()

    def _is_old(self, key_id: str) -> bool:
        age = self._clock() - self._read_at
        return age > (FRESH_SECONDS if key_id in self._known else AGAIN_SECONDS)

    def _read(self, key_id: str) -> None:
        """Read the keys, unless another request has just done so."""
        assert self._store is not None
        with self._reading:
            if not self._is_old(key_id):
                return
            now = self._clock()
            if self._away and now < self._away[0]:
                raise self._away[2](self._away[1])
            try:
                self._known = self._store.standing()
            except STORAGE_EXCEPTIONS as error:
                refusal = storage_refusal(error)
                if refusal is None:
                    raise
                self._away = (self._clock() + AGAIN_SECONDS, refusal.sentence, type(refusal))
                raise refusal from error
            self._read_at = now

    def _note(self, key_id: str) -> None:
        now = self._clock()
        if now - self._noted.get(key_id, -math.inf) > NOTED_SECONDS:
            self._noted[key_id] = now
            self._clerk.submit(self._write, key_id)

    def _write(self, key_id: str) -> None:
        """Write that a key was used; if that cannot be done now, its next use tries again."""
        assert self._store is not None
        try:
            self._store.used(key_id)
        except STORAGE_EXCEPTIONS:
            self._noted.pop(key_id, None)


def nothing_opened() -> Unauthorized:
    """The one answer to a key that opens nothing, whatever the reason."""
    return Unauthorized("This key is not valid here.")
