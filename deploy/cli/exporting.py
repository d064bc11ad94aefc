"""`cagette export`: fees, invoices, transfers and producers as CSV."""

import csv
import io
import sys
from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any, Literal

import typer

from deploy.cli import options
from deploy.cli.clock import today
from deploy.cli.home import opened
from deploy.cli.output import err, shown
from services.billing.views.documents import DOCUMENTS
from services.billing.views.fees import FEES
from services.billing.views.producers import COLUMNS, producers_on
from services.billing.views.transfers import TRANSFERS
from shared.eventstore.views import Views
from shared.settings import Settings

Export = tuple[Sequence[str], list[tuple[Any, ...]]]
EXPORTS: dict[str, Callable[[Views, date], Export]] = {
    "fees": lambda views, _: (FEES.columns.keys(), sorted(views.rows(FEES), key=_natural)),
    "invoices": lambda views, _: (DOCUMENTS.columns.keys(), views.rows(DOCUMENTS)),
    "transfers": lambda views, _: (TRANSFERS.columns.keys(), views.rows(TRANSFERS)),
    "producers": lambda views, day: (COLUMNS, producers_on(views, day)),
}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(export)


def export(
    what: Annotated[
        Literal["fees", "invoices", "transfers", "producers"],
        typer.Argument(help="What to export."),
    ],
    out: options.Out = None,
    on: options.On = None,
    as_json: options.Json = False,
) -> None:
    """Write CSV (UTF-8, comma, header), rows sorted by natural key; amounts in cents.

    --on is the day whose formula `producers` shows (default: today in Paris).

    Example: cagette export fees --out fees.csv
    """
    with opened(Settings()) as home:
        home.caught_up()
        header, rows = EXPORTS[what](home.views["billing"], on or today())
    if as_json:
        shown([dict(zip(header, row, strict=True)) for row in rows])
        return
    text = as_csv(header, rows)
    if out:
        out.write_text(text, encoding="utf-8")
        err.print(f"{len(rows)} rows written to {out}")
    else:
        sys.stdout.write(text)


def as_csv(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows as CSV; None is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _natural(fee: tuple[Any, ...]) -> tuple[str, str, str, int]:
    producer_id, distribution_id, kind, count = fee[0].split(":")
    return producer_id, distribution_id, kind, int(count)
