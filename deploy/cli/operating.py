"""`cagette migrate`: what operations start with."""

import typer

from deploy.cli import options
from deploy.cli.home import opened
from deploy.cli.output import out, shown
from shared.eventstore.recorder import SCHEMA_VERSION
from shared.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(migrate)


def migrate(
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Create or upgrade the tables of every house; services never do it themselves.

    Example: CAGETTE_HOME=/srv/cagette cagette migrate
    """
    with opened(Settings(), check=False) as home:
        before = {house.name: house.log.recorder.schema_version() for house in home.houses}
        if not dry_run:
            make_topics(Settings())
            home.migrate(by=by)
    if as_json:
        shown({"from": before, "to": SCHEMA_VERSION, "dry_run": dry_run})
        return
    for name, version in before.items():
        if version == SCHEMA_VERSION:
            verb = "would change" if dry_run else "changed"
            out.print(f"{name}: schema is already at {version}, nothing {verb}")
            continue
        verb = "would go" if dry_run else "went"
        out.print(f"{name}: schema {verb} from {version} to {SCHEMA_VERSION}")


def make_topics(settings: Settings, *, anew: bool = False) -> None:
    """Create a deployment's missing topics, or all of them `anew`; an embedded home has none."""
    if settings.kafka_bootstrap:
        from deploy.cli.broker import make_topics as make  # noqa: PLC0415 - embedded homes save it

        make(settings, anew=anew)
