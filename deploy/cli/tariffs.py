"""`cagette tariff`: the versions of the offer, published once the committee has decided."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli import options
from deploy.cli.home import opened
from deploy.cli.output import answered, progress, shown, table
from services.billing.domain.tariff import Tariff
from services.billing.main import tariff_from
from shared.kernel.french import percent
from shared.settings import Settings

tariff = typer.Typer(help="The tariff and its conditions, by version.")
RATES = ("flexible_bp", "engagee_bp", "payment_bp", "vat_bp")
File = Annotated[Path, typer.Argument(help="Like services/billing/reference_tariff.toml.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(tariff, name="tariff")


@tariff.command("list")
def list_(as_json: options.Json = False) -> None:
    """List every version: the day it is in force from, and its rates. For one day the last counts.

    Example: cagette tariff list
    """
    with opened(Settings()) as home:
        found = home.billing_desk.tariffs()
    if as_json:
        shown([_fields(version) for version in found])
        return
    rows = [
        (v.version, v.from_on, *(percent(getattr(v.rates, name)) for name in RATES)) for v in found
    ]
    table("tariff", ("version", "from", "FLEXIBLE", "ENGAGÉE", "payment", "VAT"), rows)


@tariff.command()
def publish(
    file: File,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Publish a version, in force from its `from_on`; what was sold since then is billed again.

    That is done by corrections in places that are open: what is settled or closed does not move.
    Ask `cagette replay branch --tariff FILE` first what it will cost whom. Repeating it changes
    nothing.

    Example: cagette tariff publish from_january.toml --by "committee of 3 December"
    """
    version = tariff_from(file)
    with opened(Settings()) as home:
        with progress("hearing the news"):
            home.caught_up()
        answer = home.billing_desk.publish(version, by=by, dry_run=dry_run)
        home.caught_up()
    answered(answer, f"tariff from {version.from_on}", as_json=as_json, dry_run=dry_run)


def _fields(version: Tariff) -> dict[str, object]:
    return {"version": version.version, "from_on": version.from_on, **vars(version.rates)}
