"""`cagette status`: how the houses stand, once or repeatedly."""

import time
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from importlib.metadata import version
from itertools import islice
from typing import Annotated, Any

import typer

from deploy.cli import options
from deploy.cli.clock import now
from deploy.cli.home import Home, opened
from deploy.cli.lagging import lag_of
from deploy.cli.output import out, shown, table
from deploy.cli.webhooks import webhooks_status
from services.billing.application import Billing
from shared.eventstore.mapper import Unreadable
from shared.eventstore.recorder import SCHEMA_VERSION
from shared.facts.envelope import Message
from shared.kernel.calendar import month_of
from shared.messaging.house import House
from shared.messaging.parking import parked_keys
from shared.messaging.source import BrokerAway
from shared.settings import Settings

WATCH_SECONDS = 2
LATE_SECONDS = 300
"""Whatever has waited longer needs somebody to look into it."""
COUNTED = 20_000
"""How many unpublished facts are counted at most: making them takes some seconds."""
LAGS = ("lag", "lag_seconds", "unreadable", "unpublished", "unpublished_seconds")
HEADER = ("house", "events", "unpublished", "heard up to", "lag", "parked", "schema")


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(status)


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Repeat until Ctrl-C.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show heads, positions heard, lag, what is parked, what is settled and closed, and webhooks.

    A house's lag is how many facts it has not heard yet, and how old the oldest of them is;
    unpublished is how many it has not published yet. Exit code 1 if anything is parked or
    unreadable, Kafka is away, a fact has been unheard or unpublished for five minutes, a view was
    made by other code, a webhook's endpoint is gone or an event was given up; --watch never ends by
    itself.

    --json also has the versions of the program, of each schema and of each view, as they were made
    and as the code has them.

    Example: cagette status --watch
    """
    while True:
        with opened(Settings()) as home:
            found = status_of(home)
        if as_json:
            shown(found)
        else:
            if watch:
                out.clear()
            _show(found)
        if not watch:
            break
        time.sleep(WATCH_SECONDS)
    if wrong(found):
        raise typer.Exit(1)


def status_of(home: Home) -> dict[str, dict[str, Any]]:
    """How every house stands, by its name."""
    found = {
        house.name: _status(home, house) | {"views": _views(home, house.name)}
        for house in home.houses
    }
    found["gateway"]["webhooks"] = webhooks_status(home)
    books = Billing(home.billing.log.begin(), "").books()
    settled, closed = books.settled_until, books.closed_until
    found["billing"]["settled_until"] = None if settled == date.min else settled.isoformat()
    found["billing"]["closed_until"] = None if closed == month_of(date.min) else closed
    return found


def wrong(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What somebody has to look into, in words."""
    words = []
    for name, house in found.items():
        if house["unreadable"]:
            words.append(
                f"{name} waits for what it cannot read: {house['unreadable']} See `verify`"
            )
        elif house["lag"] is None:
            words.append(f"{name} cannot reach Kafka")
        elif house["lag_seconds"] > LATE_SECONDS:
            words.append(
                f"{name} has not heard for {house['lag_seconds']} s what its neighbours told: is "
                f"`cagette work {name}` running?"
            )
        if (house["unpublished_seconds"] or 0) > LATE_SECONDS:
            words.append(
                f"{name} has not published for {house['unpublished_seconds']} s what it has to "
                f"tell: is `cagette work {name}` running?"
            )
        if house["parked"]:
            words.append(f"{name} has parked facts: see `cagette parked list`")
        words += [
            f"view {name}.{view} was made by version {of['version']} of its code, this is "
            f"{of['version_of_code']}: run `cagette replay views {name}.{view}`"
            for view, of in house.get("views", {}).items()
            if of["version"] != of["version_of_code"]
        ]
    webhooks = found["gateway"]["webhooks"]
    if webhooks["gone"] or webhooks["given_up"]:
        words.append("webhooks are gone or given up: see `cagette webhooks list`")
    return words


def _status(home: Home, house: House[Any]) -> dict[str, Any]:
    heard = house.heard()
    return {
        "head": house.head(),
        "heard": heard,
        **_lag(home, house, heard),
        "parked": parked_keys(house.log.begin()),
        "schema": house.log.recorder.schema_version(),
        "schema_of_code": SCHEMA_VERSION,
        "version": version("cagette-billing"),
    }


def _lag(home: Home, house: House[Any], heard: Mapping[str, int]) -> dict[str, Any]:
    """How far a house is behind its neighbours, and they behind it; None where that is unknown."""
    found: dict[str, Any] = dict.fromkeys(LAGS)
    try:
        untold = [message.time for message in islice(_unpublished(home, house), COUNTED)]
        found["unpublished"] = len(untold)
        found["unpublished_seconds"] = _age(min(untold, default=None))
        lag = lag_of(home, house.name, heard)
        found |= {"lag": lag.facts, "lag_seconds": _age(lag.since)}
    except BrokerAway:
        pass
    except Unreadable as reason:
        found["unreadable"] = str(reason)
    return found


def _unpublished(home: Home, house: House[Any]) -> Iterable[Message]:
    worker = home.workers.get(house.name)
    return house.all_told(house.relayed()) if worker and worker.relay else ()


def _views(home: Home, house: str) -> dict[str, dict[str, int]]:
    """For each view, how far it has read, and which version of its code made it."""
    views = home.views[house]
    made, positions = views.versions(), views.positions()
    return {
        name: {
            "position": positions[name],
            "version": made[name],
            "version_of_code": view.version,
        }
        for name, view in views.by_name.items()
    }


def _age(since: datetime | None) -> int:
    return int((now() - since).total_seconds()) if since else 0


def _behind(found: Mapping[str, Any]) -> str:
    if found["lag"] is None:
        return "unknown"
    return f"{sum(found['lag'].values())} facts\n{found['lag_seconds']} s"


def _show(found: Mapping[str, Mapping[str, Any]]) -> None:
    rows = [
        (
            name,
            s["head"],
            "unknown" if s["unpublished"] is None else s["unpublished"],
            "\n".join(f"{stream}: {position}" for stream, position in s["heard"].items()),
            _behind(s),
            sum(s["parked"].values()),
            s["schema"],
        )
        for name, s in found.items()
    ]
    billing, webhooks = found["billing"], found["gateway"]["webhooks"]
    table(f"home {Settings().home}, version {billing['version']}", HEADER, rows, whole=HEADER)
    settled, closed = billing["settled_until"], billing["closed_until"]
    out.print(f"settled until Monday {settled or 'none'}, closed until month {closed or 'none'}")
    said = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in webhooks.items())
    out.print(f"webhooks: {said}")
    for sentence in wrong(found):
        out.print(f"[red]wrong[/]: {sentence}", highlight=False)
