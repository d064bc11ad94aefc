"""`cagette migrate` and `verify`: what operations begin with, and what they audit."""

from collections.abc import Iterator
from typing import Any

import typer

from deploy.cli import options
from deploy.cli.forgetting import unsound_keys
from deploy.cli.home import Home, opened
from deploy.cli.houses import VIEWS
from deploy.cli.output import out, progress, shown
from services.billing.views.audit import audited
from shared.eventstore.recorder import SCHEMA_VERSION
from shared.eventstore.views import rebuilt
from shared.messaging.house import House
from shared.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(migrate)
    app.command()(verify)


def migrate(
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Create or upgrade the tables of every house; services never do.

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
        verb = "would go" if dry_run else "went"
        out.print(f"{name}: schema {verb} from {version} to {SCHEMA_VERSION}")


def make_topics(settings: Settings) -> None:
    """Make the topics of a deployment that are missing; the embedded transport has none."""
    if settings.kafka_bootstrap:
        from deploy.cli.deployed import make_topics as make  # noqa: PLC0415 - embedded ones save it

        make(settings)


def verify(as_json: options.Json = False) -> None:
    """Audit the whole log: no row was changed, all decode, amounts add up, views are their rebuild.

    Rows that were changed, added, moved or removed by hand are named by the hash chain; the end of
    a log is compared with how far others have read it. And persons: whatever is sealed has had
    its key, and who was forgotten has none. With --json, `heads` are worth keeping elsewhere: who
    writes a whole log anew cannot give it the same heads.

    Example: cagette verify
    """
    with opened(Settings()) as home, progress("auditing"):
        events = sum(house.log.head() for house in home.houses)
        heads = {house.name: house.log.seal() for house in home.houses}
        violations = [*_broken(home), *_cut(home), *_undecodable(home)]
        if not violations:
            violations = [*_audit(home), *_views(home), *unsound_keys(home)]
    if as_json:
        shown({"events": events, "heads": heads, "violations": violations})
    else:
        for violation in violations:
            out.print(f"[red]violation[/]: {violation}", highlight=False)
        if not violations:
            out.print(
                f"{events} events: none was changed, all decode, all amounts add up, "
                "views equal their rebuild"
            )
    if violations:
        raise typer.Exit(1)


def _broken(home: Home) -> Iterator[str]:
    for house in home.houses:
        for sentence in house.log.broken():
            yield f"{house.name}: {sentence}"


def _cut(home: Home) -> Iterator[str]:
    """What is missing at the end of a log, where anybody has read on."""
    for house in home.houses:
        head = house.log.head()
        for reader, position in _readers(home, house):
            if position > head:
                yield f"{house.name}: it ends at {head}, but {reader} has read it up to {position}"


def _readers(home: Home, house: House[Any]) -> Iterator[tuple[str, int]]:
    """Who reads the log of a house, and how far he has come."""
    yield "its relay", house.relayed()
    for view, position in home.views[house.name].positions().items():
        yield f"its view {view}", position
    for listener in home.houses:
        for stream, position in listener.heard().items():
            if stream.startswith(f"{house.name}/"):
                yield listener.name, position


def _undecodable(home: Home) -> Iterator[str]:
    for house in home.houses:
        for sentence in house.log.unreadable():
            yield f"{house.name}: {sentence}"


def _audit(home: Home) -> Iterator[str]:
    yield from audited(home.billing.log.history())


def _views(home: Home) -> Iterator[str]:
    """Compared as they stand at one moment, while their workers go on."""
    for house in home.houses:
        stood = home.views[house.name].snapshot()
        fresh = rebuilt(house.log, VIEWS[house.name], stood.positions)
        for t, rows in stood.rows.items():
            if rows != fresh.rows(t):
                yield (
                    f"{house.name}: view table {t.name} differs from what the log says: "
                    f"see `cagette replay views {house.name} --diff`"
                )
        fresh.engine.dispose()
