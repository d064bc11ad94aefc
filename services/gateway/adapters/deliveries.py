"""What the deliverer remembers: how far each endpoint was told, and what waits for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from services.gateway.adapters.webhook_tables import ENDPOINTS, GIVEN_UP, WAITING, State
from services.gateway.adapters.webhooks import Outgoing
from services.gateway.domain.delivery import Outcome, is_given_up, next_try
from shared.eventstore.engines import reader


@dataclass(frozen=True)
class Endpoint:
    """A receiver: its URL, the types it wants (none: all), and how far along the feed it is."""

    id: int
    url: str
    types: tuple[str, ...]
    secret: str
    place: int


@dataclass(frozen=True)
class Waiting:
    """The first waiting event of its key, and how often it has failed since it was due."""

    place: int
    key: str
    failures: int
    due_since: datetime


class Deliveries:
    """The same tables as those of `Endpoints`, for the one deliverer there is at a time.

    Each method is one transaction. People may ask for a replay while an event is under way, so
    a place moves by compare-and-swap: only from where the deliverer believed it to be.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)

    def active(self) -> list[Endpoint]:
        """The endpoints that are told."""
        columns = [ENDPOINTS.c[name] for name in ("id", "url", "types", "secret", "place")]
        query = select(*columns).where(ENDPOINTS.c.state == State.ACTIVE)
        with self._reader.connect() as connection:
            found = connection.execute(query.order_by(ENDPOINTS.c.id)).mappings()
            return [Endpoint(**{**row, "types": tuple(row["types"])}) for row in found]

    def find(self, id_: int) -> Endpoint | None:
        """An endpoint as it stands now; None if it is no longer told."""
        return next((endpoint for endpoint in self.active() if endpoint.id == id_), None)

    def keys(self, id_: int) -> list[str]:
        """The key of each event that waits."""
        query = select(WAITING.c.key).where(WAITING.c.endpoint_id == id_)
        with self._reader.connect() as connection:
            return list(connection.scalars(query))

    def due(self, id_: int, now: datetime) -> Waiting | None:
        """The oldest waiting event that is the first of its key and is to be tried now."""
        first = select(func.min(WAITING.c.place)).where(WAITING.c.endpoint_id == id_)
        columns = [WAITING.c[name] for name in ("place", "key", "failures", "due_since")]
        query = select(*columns).where(
            WAITING.c.endpoint_id == id_,
            WAITING.c.place.in_(first.group_by(WAITING.c.key)),
            WAITING.c.next_at.is_(None) | (WAITING.c.next_at <= now),
        )
        with self._reader.connect() as connection:
            row = connection.execute(query.order_by(WAITING.c.place).limit(1)).mappings().first()
            return Waiting(**row) if row else None

    def move(self, endpoint: Endpoint, place: int) -> bool:
        """Move to a place up to which all is taken or waits; False if people moved it meanwhile."""
        with self._engine.begin() as connection:
            return _moved(connection, endpoint, place)

    def let_wait(
        self, endpoint: Endpoint, event: Outgoing, outcome: Outcome | None, now: datetime
    ) -> bool:
        """Keep an event that failed or (no outcome) waits behind its key; False as for `move`."""
        row = {
            "endpoint_id": endpoint.id,
            "place": event.place,
            "key": event.key,
            "failures": 1 if outcome else 0,
            "due_since": now,
            "next_at": next_try(now, 1, now, outcome.retry_after) if outcome else None,
        }
        with self._engine.begin() as connection:
            if not _moved(connection, endpoint, event.place):
                return False
            connection.execute(insert(WAITING), row)
            if outcome:
                _failed(connection, endpoint.id, outcome, now)
            return True

    def take(self, id_: int, waiting: Waiting) -> None:
        """Remove a waiting event that was taken."""
        with self._engine.begin() as connection:
            connection.execute(delete(WAITING).where(*_one(id_, waiting)))

    def fail(self, id_: int, waiting: Waiting, outcome: Outcome, now: datetime) -> None:
        """Put off a waiting event that failed again, or give it up."""
        failures, since = waiting.failures + 1, waiting.due_since
        with self._engine.begin() as connection:
            if is_given_up(since, now):
                _give_up(connection, id_, waiting, failures, now)
            else:
                next_at = next_try(since, failures, now, outcome.retry_after)
                later = update(WAITING).where(*_one(id_, waiting))
                connection.execute(later.values(failures=failures, next_at=next_at))
            _failed(connection, id_, outcome, now)

    def disable(self, id_: int, outcome: Outcome, now: datetime) -> None:
        """Stop telling a receiver that wants no more; what waits stays, for a replay or removal."""
        with self._engine.begin() as connection:
            standing = (ENDPOINTS.c.id == id_, ENDPOINTS.c.state == State.ACTIVE)
            connection.execute(update(ENDPOINTS).where(*standing).values(state=State.GONE))
            _failed(connection, id_, outcome, now)


def _moved(connection: Connection, endpoint: Endpoint, place: int) -> bool:
    standing = (
        ENDPOINTS.c.id == endpoint.id,
        ENDPOINTS.c.state == State.ACTIVE,
        ENDPOINTS.c.place == endpoint.place,
    )
    return connection.execute(update(ENDPOINTS).where(*standing).values(place=place)).rowcount == 1


def _failed(connection: Connection, id_: int, outcome: Outcome, now: datetime) -> None:
    said = {"error": outcome.error, "error_at": now}
    connection.execute(update(ENDPOINTS).where(ENDPOINTS.c.id == id_).values(said))


def _give_up(
    connection: Connection, id_: int, waiting: Waiting, failures: int, now: datetime
) -> None:
    """Move it out of the queue, unless people have removed it meanwhile."""
    if connection.execute(delete(WAITING).where(*_one(id_, waiting))).rowcount:
        row = {"endpoint_id": id_, "place": waiting.place, "key": waiting.key}
        row |= {"failures": failures, "given_up_at": now}
        connection.execute(insert(GIVEN_UP), row)


def _one(id_: int, waiting: Waiting) -> tuple[Any, Any]:
    return WAITING.c.endpoint_id == id_, WAITING.c.place == waiting.place
