"""`cagette webhooks`: who is told of events over HTTP, and how that goes."""

import base64
import secrets
from typing import Annotated, Any

import typer

from deploy.cli import options
from deploy.cli.clock import now
from deploy.cli.home import Home, opened
from deploy.cli.output import out, shown, table
from services.gateway.adapters.webhook_tables import State
from shared.facts.catalogue import FACTS
from shared.kernel.errors import NotValid
from shared.settings import Settings

SECRET_BYTES = 32

webhooks = typer.Typer(help="Endpoints told of events over HTTP, signed as in Standard Webhooks.")
Id = Annotated[int, typer.Argument(metavar="ID", help="Its number, as `list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(webhooks, name="webhooks")


@webhooks.command()
def add(
    url: str,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="FACT", help="Only these, like InvoiceIssued; default: all."
        ),
    ] = None,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Tell a URL, signed, what happens from now on. Its secret is shown only this once.

    `cagette webhooks replay ID --after 0` also sends what happened before.

    Example: cagette webhooks add https://marketplace.example/hooks --type InvoiceIssued
    """
    from services.gateway.adapters.webhooks import checked_url  # noqa: PLC0415 - as `serve` does

    wanted = sorted({_public(name) for name in types or ()})
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    with opened(Settings()) as home:
        place = home.gateway.log.head()
        id_ = home.endpoints.add(
            checked_url(url), wanted, secret, place, by=by, now=now(), dry_run=dry_run
        )
    if dry_run:
        answer = {"url": url, "types": wanted, "place": place}
        sentence = f"{url} would be told what follows place {place} of the feed"
        _done(answer, sentence, dry_run=True, as_json=as_json)
        return
    if as_json:
        shown({"id": id_, "url": url, "types": wanted, "place": place, "secret": secret})
        return
    out.print(f"endpoint {id_} is told what follows place {place} of the feed")
    out.print("its secret, shown only once: ", end="")
    print(secret)


@webhooks.command("list")
def list_(as_json: options.Json = False) -> None:
    """List who is told and how far, what waits and since when, and what went wrong last.

    Example: cagette webhooks list
    """
    with opened(Settings()) as home:
        head = home.gateway.log.head()
        found = [{**row, "lag": head - row["place"]} for row in home.endpoints.listed()]
    if as_json:
        shown(found)
        return
    header = ("endpoint", "types", "state", "place", "lag (events)", "waiting", "given up", "error")
    table("webhooks", header, map(_row, found))


@webhooks.command()
def remove(
    id: Id,
    why: options.Why = None,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Tell an endpoint nothing more, and drop what waits for it.

    Example: cagette webhooks remove 1 --why "the marketplace polls now"
    """
    reason = options.said(why)
    with opened(Settings()) as home:
        home.endpoints.remove(id, by=by, why=reason, now=now(), dry_run=dry_run)
    removed = "would be removed" if dry_run else "removed"
    answer = {"id": id, "removed": not dry_run}
    _done(answer, f"endpoint {id} {removed}", dry_run=dry_run, as_json=as_json)


@webhooks.command()
def replay(
    id: Id,
    after: Annotated[int, typer.Option("--after", metavar="PLACE", help="0: from the beginning.")],
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Go back in the feed: what follows PLACE is sent again, in order, under the same ids.

    Receivers can tell by `webhook-id` what they have already. It also wakes an endpoint that
    answered 410.

    Example: cagette webhooks replay 1 --after 4711
    """
    with opened(Settings()) as home:
        home.endpoints.replay(id, after, by=by, now=now(), dry_run=dry_run)
    told = "would be told" if dry_run else "is told"
    sentence = f"endpoint {id} {told} again what follows place {after}"
    _done({"id": id, "place": after}, sentence, dry_run=dry_run, as_json=as_json)


def webhooks_status(home: Home) -> dict[str, int]:
    """How many endpoints there are and how many are gone; events that wait or were given up."""
    found = home.endpoints.listed()
    return {
        "endpoints": len(found),
        "gone": sum(row["state"] == State.GONE for row in found),
        "waiting": sum(row["waiting"] for row in found),
        "given_up": sum(row["given_up"] for row in found),
    }


def _public(name: str) -> str:
    """The public type of a fact, given that type or its short name; raises NotValid."""
    for type_, fact in FACTS.items():
        if name in (type_, fact.__name__):
            return type_
    known = ", ".join(fact.__name__ for fact in FACTS.values())
    raise NotValid(f"There is no fact {name!r}. There are {known}.")


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    since = f" since {row['waiting_since']:%Y-%m-%d %H:%M}" if row["waiting"] else ""
    first = f", first {row['given_up_first']}" if row["given_up"] else ""
    return (
        f"{row['id']}: {row['url']}",
        "\n".join(type_.split(".")[-2] for type_ in row["types"]) or "all",
        row["state"],
        row["place"],
        row["lag"],
        f"{row['waiting']}{since}",
        f"{row['given_up']}{first}",
        f"{row['error']} at {row['error_at']:%Y-%m-%d %H:%M}" if row["error"] else "",
    )


def _done(answer: dict[str, Any], sentence: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        shown({**answer, "dry_run": dry_run})
    else:
        out.print(sentence)
