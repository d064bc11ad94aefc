"""`cagette bench`: how fast, beside plain eventsourcing on the same machine."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.bench import NAMES
from deploy.cli import options
from deploy.cli.output import progress, shown, table
from shared.kernel.errors import NotFound
from shared.settings import Settings

if TYPE_CHECKING:
    from deploy.bench.measure import Figure

QUICK_SCALE, QUICK_ROUNDS = 0.05, 1
FULL_SCALE = 10


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(help=f"{bench.__doc__}\n\nNames: {', '.join(NAMES)}.")(bench)


def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="A name from the list above; default: all."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Run a small part only; the figures mean little.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Ten times as much; takes minutes.")] = False,
    as_json: options.Json = False,
) -> None:
    """Measure how fast it is, as ratios to plain eventsourcing and raw SQL run in turns with it.

    It runs on SQLite, and on the PostgreSQL of CAGETTE_DATABASE_URL (in schemas and databases of
    its own, dropped afterwards) and the Kafka of CAGETTE_KAFKA_BOOTSTRAP, or on servers started
    for it. Exit code 0 means that all of it ran: `met` says whether a goal was reached. Figures are
    true only on a machine that does nothing else.

    Example: cagette bench read-log --json
    """
    unknown = [name for name in names or () if name not in NAMES]
    if unknown:
        raise NotFound(f"There is no bench {unknown[0]!r}: use one of {', '.join(NAMES)}.")
    from deploy.bench.catalogue import BENCHES  # noqa: PLC0415 - a second that other commands save
    from deploy.bench.grounds import Grounds  # noqa: PLC0415 - as above
    from deploy.bench.measure import ROUNDS  # noqa: PLC0415 - as above

    scale = QUICK_SCALE if quick else FULL_SCALE if full else 1
    chosen = [trial for each in names or NAMES for trial in BENCHES[each](scale)]
    rounds = QUICK_ROUNDS if quick else ROUNDS
    settings = Settings()
    figures: list[Figure] = []
    with ExitStack() as stack, progress("measuring") as bar:
        grounds = Grounds(stack, settings.database_url, settings.kafka_bootstrap)
        for trial in chosen:
            for figure in trial.measured(grounds, rounds):
                bar.advance()
                figures += [figure] if figure else []
    _show(figures, as_json=as_json)


MET = {None: "-", True: "yes", False: "no"}


def _show(figures: "list[Figure]", *, as_json: bool) -> None:
    if as_json:
        shown([figure.as_json() for figure in figures])
        return
    header = ("what", "ours", "baseline", "limit", "ratio", "of limit", "met")
    rows = []
    for figure in figures:
        name, unit, *cells, goal, met = figure.as_json().values()
        what = "\n".join([name, unit, *([f"goal: {goal}"] if goal else [])])
        words = ("-" if cell is None else cell for cell in cells)
        rows.append([what, *words, MET[met]])
    table("Medians", header, rows, whole=header)
