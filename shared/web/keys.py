"""The keys that were given out, `ck_<id>_<secret>`; of the secret only its SHA-256 is kept.

They are not events: replaying a log must not reopen doors that were closed.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    insert,
    inspect,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from shared.asks.base import ID_PATTERN
from shared.eventstore.engines import migrating, reader
from shared.eventstore.failures import NotMigrated
from shared.kernel.errors import NotFound, NotValid, Refusal
from shared.web.callers import BY_HTTP, Caller, Scope

KEY_PATTERN = re.compile(rb"ck_([0-9a-f]{12})_([0-9a-f]{48})")
HOLDER_PATTERN = r"[a-z0-9][a-z0-9-]{0,39}"
SLOTS = (1, 2)
"""A holder has at most two keys: the one in use, and the one that takes its place."""

ATTEMPTS = 5
"""How many times to look for a free slot if others keep taking it first."""

KEYS = Table(
    "api_keys",
    MetaData(),
    Column("key_id", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("slot", Integer, CheckConstraint("slot IN (1, 2)")),
    Column("scopes", String, nullable=False),
    Column("producer_id", String),
    Column("sha256", LargeBinary, nullable=False),
    Column("made_at", String, nullable=False),
    Column("made_by", String, nullable=False),
    Column("revoked_at", String),
    Column("revoked_by", String),
    Column("revoked_why", String),
    Column("last_used_at", String),
    UniqueConstraint("holder", "slot"),
)
"""A revoked key has no slot. Scopes are separated by spaces, instants are RFC 3339 in UTC."""


class TwoKeysAlready(Refusal):
    """A holder has at most two keys."""

    name = "two-keys-already"


@dataclass(frozen=True)
class ApiKey:
    """A key as it may be shown to anyone who operates: never its secret."""

    key_id: str
    holder: str
    scopes: tuple[str, ...]
    producer_id: str | None
    made_at: str
    made_by: str
    last_used_at: str | None
    revoked_at: str | None
    revoked_by: str | None
    revoked_why: str | None

    @property
    def stands(self) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None


class KeyStore:
    """The keys of a deployment, in the gateway's database. `now` is the clock."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._now = now

    def migrate(self) -> None:
        """Create the table if it is missing."""
        with migrating(self._engine) as connection:
            KEYS.create(connection, checkfirst=True)

    def check(self) -> None:
        """Refuse a database that has no table of keys yet."""
        if not inspect(self._engine).has_table(KEYS.name):
            raise NotMigrated("There is no table of keys yet: run `cagette migrate` first.")

    def add(
        self,
        holder: str,
        scopes: Iterable[Scope],
        *,
        by: str,
        producer_id: str | None = None,
        dry_run: bool = False,
    ) -> tuple[ApiKey, str]:
        """Give a holder a key; return what is kept of it, and the key itself, never shown again.

        Raises NotValid, and TwoKeysAlready if the holder has two that stand.
        """
        named = _checked(holder, scopes, producer_id)
        key_id, secret = secrets.token_hex(6), secrets.token_hex(24)
        row: dict[str, Any] = {
            "key_id": key_id,
            "holder": holder,
            "scopes": " ".join(named),
            "producer_id": producer_id,
            "sha256": sha256(secret.encode()),
            "made_at": self._instant(),
            "made_by": by,
        }
        if not any(self._inserted(row, dry_run=dry_run) for _ in range(ATTEMPTS)):
            raise TwoKeysAlready(f"{holder} is being given keys elsewhere right now: try again.")
        return _shown({**dict.fromkeys(KEYS.columns.keys()), **row}), f"ck_{key_id}_{secret}"

    def _inserted(self, row: dict[str, Any], *, dry_run: bool) -> bool:
        """Insert the row into a free slot (not on a dry run); False if it was just taken."""
        with suppress(IntegrityError), self._engine.begin() as connection:
            row["slot"] = _free_slot(connection, row["holder"])
            if not dry_run:
                connection.execute(insert(KEYS), row)
            return True
        return False

    def revoke(self, key_id: str, *, by: str, why: str, dry_run: bool = False) -> bool:
        """Revoke a key; False if it was revoked before. Raises NotFound."""
        with self._engine.begin() as connection:
            found = connection.execute(select(KEYS).where(KEYS.c.key_id == key_id)).first()
            if found is None:
                raise NotFound(f"There is no key {key_id}: see `cagette keys list`.")
            if found.revoked_at is None and not dry_run:
                connection.execute(
                    update(KEYS)
                    .where(KEYS.c.key_id == key_id)
                    .values(slot=None, revoked_at=self._instant(), revoked_by=by, revoked_why=why)
                )
        return found.revoked_at is None

    def all(self) -> list[ApiKey]:
        """Every key ever given out, by holder, the oldest first."""
        order = (KEYS.c.holder, KEYS.c.made_at, KEYS.c.key_id)
        with self._reader.connect() as connection:
            found = connection.execute(select(KEYS).order_by(*order)).mappings()
            return [_shown(dict(row)) for row in found]

    def standing(self) -> dict[str, tuple[Caller, bytes]]:
        """For each key that stands, by its id: its caller, and the SHA-256 of its secret."""
        columns = (KEYS.c.key_id, KEYS.c.holder, KEYS.c.scopes, KEYS.c.producer_id, KEYS.c.sha256)
        stand = select(*columns).where(KEYS.c.revoked_at.is_(None))
        with self._reader.connect() as connection:
            return {
                row.key_id: (
                    Caller(
                        row.holder,
                        frozenset(map(Scope, row.scopes.split())),
                        row.producer_id,
                        row.key_id,
                        f"{BY_HTTP}:{row.holder}",
                    ),
                    row.sha256,
                )
                for row in connection.execute(stand)
            }

    def opens(self, key: str) -> bool:
        """Whether a key stands."""
        written = KEY_PATTERN.fullmatch(key.encode())
        if written is None:
            return False
        _, kept = self.standing().get(written[1].decode(), (None, b""))
        return hmac.compare_digest(sha256(written[2]), kept)

    def used(self, key_id: str) -> None:
        """Remember that a key was used just now."""
        at = self._instant()
        earlier = or_(KEYS.c.last_used_at.is_(None), KEYS.c.last_used_at < at)
        with self._engine.begin() as connection:
            connection.execute(
                update(KEYS).where(KEYS.c.key_id == key_id, earlier).values(last_used_at=at)
            )

    def _instant(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="seconds")


def sha256(secret: bytes) -> bytes:
    """What is kept of a secret, which is 192 random bits: there is nothing to guess or to salt."""
    return hashlib.sha256(secret).digest()


def _checked(holder: str, scopes: Iterable[Scope], producer_id: str | None) -> list[Scope]:
    """The scopes in their order; refuses an invalid holder, producer or set of scopes."""
    named = [scope for scope in Scope if scope in set(scopes)]
    if not re.fullmatch(HOLDER_PATTERN, holder):
        raise NotValid(f"{holder!r} is not a valid holder: use a short name like `marketplace`.")
    if not named:
        raise NotValid(f"A key needs at least one scope of {', '.join(Scope)}.")
    if producer_id is not None and not re.fullmatch(ID_PATTERN, producer_id):
        raise NotValid(f"{producer_id!r} is not a producer id.")
    if producer_id is not None and named != [Scope.READ]:
        raise NotValid("A producer's key may only read.")
    return named


def _free_slot(connection: Connection, holder: str) -> int:
    stand = select(KEYS.c.slot, KEYS.c.key_id).where(
        KEYS.c.holder == holder, KEYS.c.slot.is_not(None)
    )
    taken = {row.slot: row.key_id for row in connection.execute(stand)}
    free = [slot for slot in SLOTS if slot not in taken]
    if not free:
        raise TwoKeysAlready(
            f"{holder} already has two keys ({', '.join(sorted(taken.values()))}): revoke the one "
            "that is no longer used, see `cagette keys list`."
        )
    return free[0]


def _shown(row: Mapping[str, Any]) -> ApiKey:
    hidden = ("slot", "sha256", "scopes")
    rest = {name: value for name, value in row.items() if name not in hidden}
    return ApiKey(scopes=tuple(row["scopes"].split()), **rest)
