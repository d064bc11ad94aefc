"""A backup taken of a home while its doors and workers go on.

The houses are read as they stood at one moment, so whatever one had heard, another had told. The
vault is read after them, so it has every key under which anything in them was sealed. Views are
left out: the logs rebuild them. The keys of the HTTP API and the webhooks are in no log, so they
are copied too.
"""

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Table

from deploy.backup.archive import (
    FORMAT,
    VAULT,
    File,
    House,
    Manifest,
    finished,
    new_folder,
    written,
)
from deploy.cli.clock import now
from deploy.cli.home import Home
from services.gateway.adapters.webhook_tables import METADATA as WEBHOOKS
from shared.eventstore.all_houses import one_moment
from shared.eventstore.copying import (
    copied_events,
    copied_rows,
    head_of,
    log_tables,
)
from shared.eventstore.recorder import SCHEMA_VERSION
from shared.web.keys import KEYS

T = TypeVar("T")
Advance = Callable[[int], None]

EVENTS = "stored_events"
STEP = 1_000
"""Rows between two reports of progress."""


def tables_of(house: str, dialect: str) -> tuple[Table, ...]:
    """The tables of a house copied besides its events, in an order in which they can be written."""
    _, tracking, tags = log_tables(dialect)
    besides = (KEYS, *WEBHOOKS.sorted_tables) if house == "gateway" else ()
    return (tracking, tags, *besides)


def name_of(house: str, table: Table) -> str:
    """The name under which a table of a house is kept."""
    return f"{house}.{table.name}"


def taken(home: Home, folder: Path, advance: Advance) -> Manifest:
    """Take a backup into a folder that does not exist yet; return its manifest."""
    engines = {house.name: home.views[house.name].engine for house in home.houses}
    at_rest = [house.still() for house in home.houses]
    with new_folder(folder) as partial, one_moment(engines, at_rest) as at:
        taken_at, houses, files = now(), dict[str, House](), dict[str, File]()
        for house in home.houses:
            connection = at(house.name)
            name = f"{house.name}.{EVENTS}"
            files[name] = written(partial, name, counted(copied_events(connection), advance))
            for table in tables_of(house.name, connection.dialect.name):
                name = name_of(house.name, table)
                files[name] = written(partial, name, copied_rows(connection, table))
            houses[house.name] = _house(connection)
        files[VAULT] = written(partial, VAULT, home.vault.keys.copied())
        manifest = Manifest(
            format=FORMAT,
            version=version("cagette-billing"),
            schema=SCHEMA_VERSION,
            is_embedded=home.is_embedded,
            taken_at=taken_at,
            houses=houses,
            files=files,
        )
        finished(partial, manifest)
    return manifest


def _house(connection: Connection) -> House:
    _, tracking, _ = log_tables(connection.dialect.name)
    position, seal = head_of(connection)
    heard: dict[str, Any] = {
        name: heard for name, heard in copied_rows(connection, tracking) if "/" in name
    }
    return House(position, seal, heard)


def counted(rows: Iterator[T], advance: Advance) -> Iterator[T]:
    """The same rows, while reporting how many have passed."""
    for count, row in enumerate(rows, start=1):
        yield row
        if count % STEP == 0:
            advance(STEP)
