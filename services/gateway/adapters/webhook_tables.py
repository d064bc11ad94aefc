"""Who receives webhooks, how far each was told, and what waits: tables no log can rebuild."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
)

METADATA = MetaData()


class State(StrEnum):
    """The state of an endpoint: told, unwilling (it answered 410), or removed by people."""

    ACTIVE = "ACTIVE"
    GONE = "GONE"
    REMOVED = "REMOVED"


class Instant(TypeDecorator[datetime]):
    """An instant as text in UTC that sorts as time does."""

    impl = String(32)
    cache_ok = True
    python_type = datetime

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        """To the database."""
        return value.astimezone(UTC).isoformat(timespec="microseconds") if value else None

    def process_result_value(self, value: Any, dialect: Any) -> datetime | None:
        """From the database."""
        return datetime.fromisoformat(value) if value else None


ENDPOINTS = Table(
    "webhook_endpoints",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("url", String, nullable=False),
    Column("types", JSON, nullable=False),
    Column("secret", String, nullable=False),
    Column("state", String, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("error", String),
    Column("error_at", Instant),
    Column("asked", String, nullable=False),
    Column("asked_by", String, nullable=False),
    Column("asked_at", Instant, nullable=False),
)
"""`place`: the feed up to it was taken or waits. `asked`: what people last asked of it."""


def _events(name: str, *others: Column[Any]) -> Table:
    """A table of feed events that an endpoint has not taken."""
    return Table(
        name,
        METADATA,
        Column("endpoint_id", ForeignKey(ENDPOINTS.c.id), primary_key=True),
        Column("place", BigInteger, primary_key=True, autoincrement=False),
        Column("key", String, nullable=False),
        Column("failures", Integer, nullable=False),
        *others,
    )


WAITING = _events(
    "webhook_waiting",
    Column("due_since", Instant, nullable=False),
    Column("next_at", Instant),
)
"""The first event of a key is tried again at `next_at`; null: as soon as it is the first."""
GIVEN_UP = _events("webhook_given_up", Column("given_up_at", Instant, nullable=False))
