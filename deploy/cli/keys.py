"""`cagette keys`: who may call the HTTP API, and for what."""

from typing import Annotated

import typer

from deploy.cli import options
from deploy.cli.home import opened
from deploy.cli.output import out, shown, table
from shared.settings import Settings
from shared.web.callers import Scope
from shared.web.keys import ApiKey

keys = typer.Typer(help="Keys of the HTTP API: who may call it, and for what.")

Holder = Annotated[str, typer.Argument(help="Whose key it is: a short name, like marketplace.")]
Scopes = Annotated[
    list[Scope],
    typer.Option("--scope", help="What it allows; repeat the option for several scopes."),
]
Producer = Annotated[
    str | None,
    typer.Option("--producer", help="It reads only this producer's data."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(keys, name="keys")


@keys.command()
def add(
    holder: Holder,
    scopes: Scopes,
    producer: Producer = None,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Give HOLDER a key, shown only this once.

    A holder may have two keys at a time, so that one can replace the other.

    Example: cagette keys add marketplace --scope tell --scope read
    """
    with opened(Settings()) as home:
        made, key = home.keys.add(holder, scopes, by=by, producer_id=producer, dry_run=dry_run)
    if as_json:
        shown({**_fields(made), "key": None if dry_run else key, "dry_run": dry_run})
    elif dry_run:
        out.print(f"dry run, no key was made: {holder} would get one for {_good_for(made)}")
    else:
        out.print(f"{holder} may {_good_for(made)} with this key, shown only once:")
        print(key)


@keys.command("list")
def list_(as_json: options.Json = False) -> None:
    """List every key ever given out, by holder; the keys themselves are not shown.

    Example: cagette keys list
    """
    with opened(Settings()) as home:
        found = home.keys.all()
    if as_json:
        shown([_fields(key) for key in found])
        return
    header = ("holder", "key id", "scopes", "made", "last used", "revoked")
    rows = [
        (
            key.holder,
            key.key_id,
            _good_for(key),
            _minute(key.made_at),
            _minute(key.last_used_at),
            f"{_minute(key.revoked_at)} {key.revoked_why or ''}",
        )
        for key in found
    ]
    table("keys (UTC)", header, rows, whole=("holder", "key id"))


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `cagette keys list` shows it.")],
    why: options.Why = None,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Revoke a key for good; doors notice within seconds.

    Example: cagette keys revoke 4f9c2a71d0be --why "the marketplace has its new one"
    """
    reason = options.said(why)
    with opened(Settings()) as home:
        stood = home.keys.revoke(key_id, by=by, why=reason, dry_run=dry_run)
    result = "revoked" if stood else "unchanged"
    if as_json:
        shown({"result": result, "key_id": key_id, "dry_run": dry_run})
    else:
        would = "dry run, nothing was changed: " if dry_run else ""
        out.print(f"{would}{key_id}: [bold]{result}[/]")


def _fields(key: ApiKey) -> dict[str, object]:
    return {**vars(key), "stands": key.stands}


def _minute(instant: str | None) -> str:
    return (instant or "")[:16].replace("T", " ")


def _good_for(key: ApiKey) -> str:
    whose = f" of producer {key.producer_id}" if key.producer_id else ""
    return ", ".join(key.scopes) + whose
