"""`cagette backup` and `restore`: the three houses copied as of one moment, and put back."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.backup.archive import Manifest
from deploy.backup.restoring import (
    proved_backup,
    refuse_elsewhere,
    refuse_other_ends,
    refuse_remembering,
    refuse_told,
    restored,
    views_made,
)
from deploy.backup.taking import EVENTS, taken
from deploy.cli import options
from deploy.cli.home import Home, opened
from deploy.cli.operating import make_topics
from deploy.cli.output import out, progress, shown
from shared.settings import Settings

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the backup.")]
Check = Annotated[
    bool, typer.Option("--check", help="Copy nothing; prove the backup in DIR, including its logs.")
]
VaultFile = Annotated[
    Path | None,
    typer.Option("--vault", help="The newest vault.keys.ndjson.gz, where it is kept apart."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(backup)
    app.command()(restore)


def backup(folder: Folder, check: Check = False, as_json: options.Json = False) -> None:
    """Copy the three houses and the vault into DIR, as of one moment, while all of them go on.

    What is copied: every event, how far each house had heard, the keys of the HTTP API (as digests)
    and the webhooks (with their secrets). Keep vault.keys.ndjson.gz apart, and for a month at most:
    it opens the data of persons. Views are not copied: the logs rebuild them. --check proves an
    earlier backup.

    Example: cagette backup /srv/backups/2024-11-02
    """
    if check:
        with progress("proving the files"):
            manifest, _ = proved_backup(folder, None)
            refuse_other_ends(folder, manifest)
    else:
        manifest = _taken(folder)
    if as_json:
        shown({"folder": folder, **_said(manifest)})
        return
    out.print(f"{folder}: {_sized(manifest)}")
    for name, house in manifest.houses.items():
        out.print(f"  {name}: up to {house.head}, seal {house.seal or 'of nothing'}")


def _taken(folder: Path) -> Manifest:
    with opened(Settings()) as home:
        events = sum(house.log.head() for house in home.houses)
        with progress("copying", events, unit="events") as bar:
            return taken(home, folder, bar.advance)


def restore(
    folder: Folder,
    vault: VaultFile = None,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Put the backup in DIR into a home, or a database, that remembers nothing: all of it or none.

    Every file is proved first. With Kafka, CAGETTE_KAFKA_PREFIX has to be a new word: old topics
    hold what was told after the backup. Keys of persons destroyed here, or in DIR, stay destroyed.

    Example: CAGETTE_KAFKA_PREFIX=cagette2 cagette restore /srv/backups/2024-11-02
    """
    with progress("proving the files"):
        manifest, keys = proved_backup(folder, vault)
    with opened(Settings(), check=False) as home:
        refuse_elsewhere(home, manifest)
        refuse_remembering(home)
        if not dry_run:
            make_topics(Settings())
            refuse_told(home)
            _restore(home, folder, manifest, keys)
    if as_json:
        shown({"folder": folder, **_said(manifest), "dry_run": dry_run})
        return
    verb = "would be restored" if dry_run else "restored"
    out.print(f"{verb}: {_sized(manifest)}")
    if not dry_run:
        for line in NEXT:
            out.print(f"  {line}", highlight=False)


NEXT = (
    "next: `cagette verify`; then start doors and workers (with the same CAGETTE_KAFKA_PREFIX).",
    "The marketplace tells again what it told since then: what is already here stays as it is.",
    "Ask again for the payouts and closes made since then, in their order.",
    "Who was forgotten since then has a key again, unless the vault was newer: forget them again.",
    "API keys revoked since then are valid again: `cagette keys list`, and revoke them again.",
)
"""What to do next: what a restored home does not know, and who tells it."""


def _restore(home: Home, folder: Path, manifest: Manifest, keys: Path | None) -> None:
    events = _events(manifest)
    with progress("restoring", events, unit="events") as bar:
        restored(home, folder, manifest, keys, bar.advance)
    with progress("making views", events, unit="events") as bar:
        for count in views_made(home):
            bar.advance(count)


def _events(manifest: Manifest) -> int:
    return sum(manifest.files[f"{name}.{EVENTS}"].rows for name in manifest.houses)


def _sized(manifest: Manifest) -> str:
    return f"{_events(manifest)} events, as of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC"


def _said(manifest: Manifest) -> dict[str, object]:
    houses = {name: {"head": h.head, "seal": h.seal} for name, h in manifest.houses.items()}
    return {"taken_at": manifest.taken_at, "events": _events(manifest), "houses": houses}
