"""The endpoints that receive webhooks, as people manage them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, func, insert, select, update

from services.gateway.adapters.webhook_tables import (
    ENDPOINTS,
    GIVEN_UP,
    METADATA,
    WAITING,
    Instant,
    State,
)
from shared.eventstore.engines import migrating, reader
from shared.kernel.errors import NotFound, NotValid, Refusal

Row = dict[str, Any]


class EndpointKnown(Refusal):
    """The URL already receives webhooks."""

    name = "endpoint-known"


class Endpoints:
    """The endpoints in the gateway's database, as people see and change them.

    Each method is one transaction, rolled back with `dry_run`. The deliverer may be at work
    meanwhile: it notices.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)

    def migrate(self) -> None:
        """Create the tables that are missing."""
        with migrating(self._engine) as connection:
            METADATA.create_all(connection)

    @contextmanager
    def _writing(self, *, dry_run: bool) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            yield connection
            if not dry_run:
                connection.commit()

    def add(
        self,
        url: str,
        types: Sequence[str],
        secret: str,
        place: int,
        *,
        by: str,
        now: datetime,
        dry_run: bool = False,
    ) -> int:
        """Add a URL that is told what follows a place in the feed; returns its id.

        `url` is one that `checked_url` accepts; `types` are the public types it wants, none for
        all of them. Raises EndpointKnown.
        """
        row = {
            "url": url,
            "types": list(types),
            "secret": secret,
            "state": State.ACTIVE,
            "place": place,
            **_asked("add", by, now),
        }
        with self._writing(dry_run=dry_run) as connection:
            same = (ENDPOINTS.c.url == url, ENDPOINTS.c.state != State.REMOVED)
            known = connection.scalar(select(ENDPOINTS.c.id).where(*same))
            if known is not None:
                raise EndpointKnown(f"{url} is already endpoint {known}: remove that one first.")
            made = connection.execute(insert(ENDPOINTS).returning(ENDPOINTS.c.id), row)
            return int(made.scalar_one())

    def remove(self, id_: int, *, by: str, why: str, now: datetime, dry_run: bool = False) -> None:
        """Stop telling an endpoint; forget its secret and what waits for it. Raises NotFound."""
        with self._writing(dry_run=dry_run) as connection:
            change = {"state": State.REMOVED, "secret": "", **_asked(why, by, now)}
            _change(connection, id_, change)
            for table in (WAITING, GIVEN_UP):
                connection.execute(delete(table).where(table.c.endpoint_id == id_))

    def replay(
        self, id_: int, place: int, *, by: str, now: datetime, dry_run: bool = False
    ) -> None:
        """Go back in the feed: what follows a place is sent (again), in order.

        This also reactivates an endpoint that was gone. Raises NotFound, NotValid.
        """
        with self._writing(dry_run=dry_run) as connection:
            stood = connection.scalar(select(ENDPOINTS.c.place).where(ENDPOINTS.c.id == id_))
            if stood is not None and not 0 <= place <= stood:
                raise NotValid(f"Endpoint {id_} is at {stood}: name an earlier place.")
            asked = _asked(f"replay --after {place}", by, now)
            _change(connection, id_, {"state": State.ACTIVE, "place": place, **asked})
            for table in (WAITING, GIVEN_UP):
                later = (table.c.endpoint_id == id_, table.c.place > place)
                connection.execute(delete(table).where(*later))

    def listed(self) -> list[Row]:
        """All but the removed ones, without their secrets: where they stand and what waits."""
        query = select(
            *(column for column in ENDPOINTS.columns if column.name != "secret"),
            _of(WAITING, func.count()).label("waiting"),
            _of(WAITING, func.min(WAITING.c.due_since, type_=Instant())).label("waiting_since"),
            _of(GIVEN_UP, func.count()).label("given_up"),
            _of(GIVEN_UP, func.min(GIVEN_UP.c.place)).label("given_up_first"),
        )
        there = query.where(ENDPOINTS.c.state != State.REMOVED).order_by(ENDPOINTS.c.id)
        with self._reader.connect() as connection:
            return [dict(row) for row in connection.execute(there).mappings()]


def _of(table: Table, figure: Any) -> Any:
    """A figure over an endpoint's events in one table."""
    of_endpoint = table.c.endpoint_id == ENDPOINTS.c.id
    return select(figure).select_from(table).where(of_endpoint).scalar_subquery()


def _asked(what: str, by: str, now: datetime) -> Row:
    return {"asked": what, "asked_by": by, "asked_at": now}


def _change(connection: Connection, id_: int, change: Row) -> None:
    there = (ENDPOINTS.c.id == id_, ENDPOINTS.c.state != State.REMOVED)
    if not connection.execute(update(ENDPOINTS).where(*there).values(change)).rowcount:
        raise NotFound(f"There is no endpoint {id_}: see `cagette webhooks list`.")
