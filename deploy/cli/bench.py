"""`cagette bench`: how fast, beside plain eventsourcing on the same machine."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated

import typer

from deploy.bench.catalogue import BENCHES
from deploy.bench.grounds import Grounds
from deploy.bench.measure import ROUNDS, Figure, measured
from deploy.cli import options
from deploy.cli.output import Bar, progress, shown, table
from shared.kernel.errors import NotFound
from shared.settings import Settings

QUICK_SCALE, QUICK_ROUNDS = 0.05, 1
NAMES = ", ".join(BENCHES)


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(help=f"{bench.__doc__}\n\nNames: {NAMES}.")(bench)


def bench(
    name: Annotated[str | None, typer.Argument(help="One of the names above; all without.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A little of it: no true figures.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """How fast, as ratios to plain eventsourcing and to raw SQL that run in turns with it.

    On SQLite, and on the PostgreSQL of CAGETTE_DATABASE_URL (in schemas of its own, which are
    dropped) or one that is started for it. Exit code 0 when all of it ran: `met` says whether a
    goal was reached. Figures are true on a machine that does nothing else.

    Example: cagette bench read-log --json
    """
    if name is not None and name not in BENCHES:
        raise NotFound(f"There is no bench {name!r}: take one of {NAMES}.")
    chosen = [name] if name else list(BENCHES)
    with ExitStack() as stack, progress("measuring") as bar:
        grounds = Grounds(stack, Settings().database_url)
        figures = [f for each in chosen for f in _figures(each, grounds, bar, quick=quick)]
    if as_json:
        shown([figure.as_json() for figure in figures])
        return
    header = ("what", "ours", "baseline", "limit", "ratio", "of limit", "goal", "met")
    rows = []
    for figure in figures:
        name, unit, *cells = figure.as_json().values()
        rows.append([f"{name}, {unit}", *("-" if cell is None else cell for cell in cells)])
    table("Medians", header, rows)


def _figures(name: str, grounds: Grounds, bar: Bar, *, quick: bool) -> Iterator[Figure]:
    for trial in BENCHES[name](QUICK_SCALE if quick else 1):
        for figure in measured(trial, grounds, QUICK_ROUNDS if quick else ROUNDS):
            bar.advance()
            if figure:
                yield figure
