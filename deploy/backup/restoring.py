"""A backup put back into a home that remembers nothing.

Everything is proved before anything is written, and either all houses are written or none. Views
are rebuilt from the logs. Relays start from the beginning, on topics that hold no facts.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError

from deploy.backup.archive import (
    VAULT,
    BackupDamaged,
    Manifest,
    NotEmpty,
    file_of,
    proved,
    rows_in,
)
from deploy.backup.taking import EVENTS, Advance, counted, name_of, tables_of
from deploy.cli.home import Home
from deploy.cli.houses import HOUSES
from deploy.cli.own_key import HOLDER
from shared.eventstore.all_houses import At, all_or_nothing
from shared.eventstore.copying import (
    EventRow,
    Head,
    head_of,
    linked_anew,
    shape_of,
    write_copied,
    write_events,
)
from shared.eventstore.failures import WrittenByNewer
from shared.eventstore.recorder import SCHEMA_VERSION
from shared.facts.envelope import STRANGER
from shared.kernel.errors import NotValid
from shared.vault.keys import KEYS as VAULT_KEYS
from shared.vault.vault import VaultMissing
from shared.web.keys import KEYS as API_KEYS


def proved_backup(folder: Path, vault: Path | None) -> tuple[Manifest, Path | None]:
    """The manifest of a backup that this version can restore, and its vault file, if there is one.

    `vault` is another vault file, if the newest is kept apart. Raises BackupDamaged, naming the
    file that is not as it was written, and WrittenByNewer.
    """
    own = file_of(folder, VAULT)
    is_own = vault is None and own.exists()
    manifest = proved(folder, without=() if is_own else (VAULT,))
    for name in HOUSES:
        if name not in manifest.houses or f"{name}.{EVENTS}" not in manifest.files:
            raise BackupDamaged(f"{folder} does not say what {name} remembers: use another backup.")
    if manifest.schema > SCHEMA_VERSION:
        raise WrittenByNewer(
            f"{folder} was written by version {manifest.version} (schema {manifest.schema}, this "
            f"version knows {SCHEMA_VERSION}): install that version or newer."
        )
    return manifest, own if is_own else vault


def refuse_other_ends(folder: Path, manifest: Manifest) -> None:
    """Refuse a backup with a log that does not end as the manifest says; raises BackupDamaged."""
    for name in manifest.houses:
        rows = rows_in(file_of(folder, f"{name}.{EVENTS}"), EventRow)
        last = deque(linked_anew(rows), maxlen=1)
        end = Head(last[0].position, (last[0].chain or b"").hex()) if last else Head()
        _refuse_other_end(end, name, folder, manifest)


def _refuse_other_end(end: Head, name: str, folder: Path, manifest: Manifest) -> None:
    proof = manifest.houses[name]
    if end != Head(proof.head, proof.seal):
        raise BackupDamaged(
            f"The events of {name} do not end as {folder} says: use another backup."
        )


def refuse_elsewhere(home: Home, manifest: Manifest) -> None:
    """Refuse a home of the other kind, where positions heard are counted differently."""
    if home.is_embedded != manifest.is_embedded:
        kinds = ("a deployment with Kafka", "an embedded home")
        raise NotValid(
            f"This is the backup of {kinds[manifest.is_embedded]}, and would be restored into "
            f"{kinds[home.is_embedded]}: check CAGETTE_DATABASE_URL and CAGETTE_KAFKA_BOOTSTRAP."
        )


def refuse_remembering(home: Home) -> None:
    """Refuse a home that remembers anything: a backup cannot be merged into a log."""
    for house in home.houses:
        if house.log.recorder.schema_version() and house.log.head():
            raise NotEmpty(
                f"{house.name} remembers {house.log.head()} events there: restore into a new "
                "CAGETTE_HOME, or a new database, and keep this one until all is verified."
            )


def refuse_told(home: Home) -> None:
    """Refuse topics on which anything was told: the backup may not know of it.

    Raises BrokerAway if Kafka does not answer.
    """
    if home.is_embedded:
        return
    sources = [worker.source for worker in home.workers.values()]
    told = {stream for source in sources if source for stream in source.tails()}
    if told:
        raise NotEmpty(
            f"The topics already hold facts, of {', '.join(sorted(told))}: set "
            "CAGETTE_KAFKA_PREFIX to a word that was never used, for all processes."
        )


def restored(
    home: Home, folder: Path, manifest: Manifest, vault: Path | None, advance: Advance
) -> None:
    """Restore a proved backup into a home that remembers nothing: all of its houses, or none.

    Raises BackupDamaged, and VaultMissing if neither backup nor home has the keys.
    """
    _restore_vault(home, vault)
    for house in home.houses:
        house.log.migrate()
        home.views[house.name].migrate()
    home.keys.migrate()
    home.endpoints.migrate()
    engines = {house.name: home.views[house.name].engine for house in home.houses}
    try:
        with all_or_nothing(engines) as at:
            for name in engines:
                _restore_house(at, name, folder, manifest, advance)
    except IntegrityError as reason:
        raise BackupDamaged(
            f"{folder} has a duplicate row ({reason.orig}): use another backup."
        ) from reason
    home.api_key()


def _restore_vault(home: Home, file: Path | None) -> None:
    """Merge the backup's keys into the vault; a key destroyed in either stays destroyed."""
    keys = home.vault.keys
    if file is None and not keys.are_there():
        raise VaultMissing(
            f"The backup has no {VAULT}: say with --vault where the newest copy of it is kept."
        )
    keys.migrate()
    if file is not None:
        keys.take_in(rows_in(file, shape_of(VAULT_KEYS)))


def _restore_house(at: At, name: str, folder: Path, manifest: Manifest, advance: Advance) -> None:
    connection = at(name)
    if head_of(connection).position:
        raise NotEmpty(
            f"Another process wrote to {name} meanwhile: stop it, and use an empty home."
        )
    rows = rows_in(file_of(folder, f"{name}.{EVENTS}"), EventRow)
    end = write_events(connection, counted(rows, advance))
    _refuse_other_end(end, name, folder, manifest)
    for table in tables_of(name, connection.dialect.name):
        kept = rows_in(file_of(folder, name_of(name, table)), shape_of(table))
        write_copied(connection, table, (row for row in kept if _is_taken(table.name, row)))


def _is_taken(table: str, row: tuple[Any, ...]) -> bool:
    """Whether a row is restored.

    Of the positions, only those heard from speakers: relays start from the beginning, and strangers
    are counted by offsets in topics that are gone. Of the API keys, all but the home's own: it
    makes a new one.
    """
    if table == "tracking":
        name: str = row[0]
        return "/" in name and not name.startswith(STRANGER)
    if table == API_KEYS.name:
        return bool(row[list(API_KEYS.columns.keys()).index("holder")] != HOLDER)
    return True


def views_made(home: Home) -> Iterator[int]:
    """Build every view from its log; yield how many events were read, page by page."""
    for views in home.views.values():
        yield from views.catch_up()
