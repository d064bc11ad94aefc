"""`cagette relay rewind` and `topics rebuild`: what was told is published again from the log."""

from contextlib import ExitStack
from typing import Annotated, Any

import typer

from deploy.cli import options
from deploy.cli.home import Home, opened
from deploy.cli.operating import make_topics
from deploy.cli.output import out, progress, shown
from deploy.cli.serving import HouseName
from shared.kernel.errors import NotValid
from shared.messaging.house import House
from shared.messaging.worker import Worker
from shared.settings import Settings

relay = typer.Typer(help="What publishes the facts of a house.")
topics = typer.Typer(help="Kafka's topics, which can be rebuilt from the logs.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(relay, name="relay")
    app.add_typer(topics, name="topics")


@relay.command()
def rewind(
    house: Annotated[
        HouseName, typer.Argument(metavar="HOUSE", help="The house that publishes again.")
    ],
    to: Annotated[int, typer.Option("--to", min=0, metavar="POSITION", help="0: from the first.")],
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Have a house publish again what follows POSITION in its log, at its worker's next turn.

    This is safe: listeners take each position once. Stop the house's worker meanwhile.

    Example: cagette relay rewind billing --to 4711
    """
    with opened(Settings()) as home:
        worker = home.workers[house.value]
        before = rewound(worker, to, dry_run=dry_run)
    if as_json:
        shown({"house": house.value, "from": before, "to": to, "dry_run": dry_run})
    else:
        verb = "would be" if dry_run else "is"
        out.print(
            f"{house.value} {verb} rewound from {before} to {to}: `cagette work` publishes again."
        )


@topics.command()
def rebuild(
    anew: Annotated[
        bool, typer.Option("--anew", help="Delete what is left of them first.")
    ] = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Create the missing topics and publish every fact again, from the logs.

    For when a broker was lost with its disks; --anew if a record is spoilt on a disk. Listeners
    skip what they have already heard. Stop the workers meanwhile.

    Example: cagette topics rebuild
    """
    settings = Settings()
    with opened(settings) as home:
        found = remade(home, settings, anew=anew, dry_run=dry_run)
    if as_json:
        shown({"events": found, "dry_run": dry_run})
    else:
        verb = "would be published" if dry_run else "are published"
        for name, events in found.items():
            out.print(f"{name}: the facts of {events} events {verb} again")


def remade(home: Home, settings: Settings, *, anew: bool, dry_run: bool) -> dict[str, int]:
    """Make the topics and publish again all that the houses tell; return the events by house.

    Raises HomeBusy, before anything is deleted, if a worker is at work; none can start meanwhile.
    Relays go back first: if this is interrupted, workers publish what is missing, from the first.
    """
    for worker in home.workers.values():
        _refuse_embedded(worker)
    with ExitStack() as stack:
        for worker in home.workers.values():
            stack.enter_context(worker.lease.held())
        if not dry_run:
            for worker in home.workers.values():
                _taken_back(worker, 0)
            make_topics(settings, anew=anew)
            for worker in home.workers.values():
                _publish(worker)
        return {name: worker.house.log.head() for name, worker in home.workers.items()}


def rewound(worker: Worker, to: int, *, dry_run: bool) -> int:
    """Take a relay back to a position; return where it was. Its worker must not be at work."""
    _refuse_embedded(worker)
    with worker.lease.held():
        return _taken_back(worker, to, dry_run=dry_run)


def _refuse_embedded(worker: Worker) -> None:
    if worker.relay is None:
        raise NotValid("There is no broker: with the embedded transport logs are read as they are.")


def _taken_back(worker: Worker, to: int, *, dry_run: bool = False) -> int:
    house: House[Any] = worker.house
    before = house.relayed()
    if to > before:
        raise NotValid(f"{house.name} has published up to {before}: nothing follows {to} yet.")
    if not dry_run:
        house.mark_relayed(before, to)
    return before


def _publish(worker: Worker) -> None:
    house: House[Any] = worker.house
    with progress(f"publishing {house.name}", house.log.head(), unit="events") as bar:
        for published in worker.publish():
            bar.advance(published)
