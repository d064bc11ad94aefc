"""`cagette replay views`: views rebuilt from the log, beside the live ones."""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from deploy.cli import options
from deploy.cli.home import Home, opened
from deploy.cli.houses import HOUSES, VIEWS
from deploy.cli.output import out, progress, shown
from shared.eventstore.folding import View
from shared.eventstore.rebuilding import Change, Rebuild
from shared.kernel.errors import NotFound
from shared.settings import Settings

FIRST_ROWS = 20
"""How many rows per view are shown to a person; `--json` has them all."""

Which = Annotated[
    str | None,
    typer.Argument(metavar="HOUSE.VIEW", help="Or HOUSE for all of its views; default: all."),
]


def views(
    which: Which = None,
    diff: Annotated[
        bool, typer.Option("--diff", "--dry-run", help="Show what would change; change nothing.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Rebuild views from the log while writers go on, and put them in place of the live ones.

    Rows that differ change in one transaction per view; its worker goes on as if nothing had
    happened. --diff says row by row what would change.

    Example: cagette replay views billing.fees --diff
    """
    with opened(Settings()) as home:
        found = [_made_again(home, house, view, diff=diff) for house, view in chosen(which)]
    if as_json:
        shown(found)
        return
    for made in found:
        changes = made["changes"]
        verb = "would change" if diff else "changed"
        out.print(
            f"{made['view']}: {made['events']} events in {made['seconds']} s "
            f"({made['events_per_second']} events/s), {len(changes)} rows {verb}"
        )
        for change in changes[:FIRST_ROWS]:
            out.print(f"  {_sentence(change)}", highlight=False, markup=False)
        if len(changes) > FIRST_ROWS:
            out.print(f"  … and {len(changes) - FIRST_ROWS} rows more: see --json")


def chosen(which: str | None) -> Iterator[tuple[str, View]]:
    """The views that a name means, each with its house; raises NotFound if there is none."""
    house, _, name = (which or "").partition(".")
    found = [
        (each, view)
        for each in HOUSES
        for view in VIEWS[each]
        if which is None or (house == each and name in ("", view.name))
    ]
    if not found:
        names = ", ".join(f"{each}.{view.name}" for each in HOUSES for view in VIEWS[each])
        raise NotFound(f"There is no view {which}. There are {names}.")
    yield from found


def _made_again(home: Home, house: str, view: View, *, diff: bool) -> dict[str, Any]:
    began = time.monotonic()
    rebuild = Rebuild(home.views[house], view)
    goal = rebuild.goal()
    with progress(f"rebuilding {house}.{view.name}", goal, unit="events") as bar:
        for reached in rebuild.catch_up(goal):
            bar.reach(reached)
    changes = rebuild.changes() if diff else rebuild.switch()
    seconds = time.monotonic() - began
    return {
        "view": f"{house}.{view.name}",
        "events": rebuild.reached,
        "seconds": round(seconds, 2),
        "events_per_second": int(rebuild.reached / max(seconds, 0.001)),
        "switched": not diff,
        "changes": [_told(change) for change in changes],
    }


def _told(change: Change) -> dict[str, Any]:
    return {
        "table": change.table.name,
        "key": change.key,
        "stands": change.stands is not None,
        "should": change.should is not None,
        "fields": change.fields,
    }


def _sentence(change: dict[str, Any]) -> str:
    key = ", ".join(f"{name} {value}" for name, value in change["key"].items())
    if not change["should"]:
        return f"- {change['table']} {key}: is there, but not in the log"
    if not change["stands"]:
        return f"+ {change['table']} {key}: is missing"
    fields = "; ".join(f"{name} {a!r} → {b!r}" for name, (a, b) in change["fields"].items())
    return f"~ {change['table']} {key}: {fields}"
