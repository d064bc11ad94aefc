"""`cagette demo`: a real season told, settled and closed in a fresh home."""

import gzip
import shutil
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Table

from deploy.cli import options
from deploy.cli.home import Home, opened
from deploy.cli.operating import make_topics
from deploy.cli.output import figures, out, progress, shown, table
from deploy.cli.telling import imported
from services.billing.adapters.html import page
from services.billing.domain.words import Channel
from services.billing.views.documents import DOCUMENTS
from services.billing.views.fees import FEES
from services.billing.views.producers import PARTIES, SALES
from services.billing.views.transfers import TRANSFERS, gives
from shared.kernel.calendar import Month, first_day, next_month
from shared.kernel.french import euros
from shared.settings import Settings

DEPLOYED_PATIENCE = 120
"""Seconds to wait for the workers to take in the whole season."""

SEASON = Path(__file__).parent.parent / "sandbox" / "season.ndjson.gz"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(demo)


def demo(
    serve: Annotated[bool, typer.Option(help="Serve the API at the end, until Ctrl-C.")] = True,
    deployment: Annotated[
        bool, typer.Option("--deployment", help="On PostgreSQL and Kafka, as separate processes.")
    ] = False,
    by: options.By = "demo",
    as_json: options.Json = False,
) -> None:
    """Tell a real season in a fresh home, pay out every Monday, close every month, show it all.

    Example: cagette demo --no-serve
    """
    settings = Settings()
    settings = settings.model_copy(update={"home": settings.home / "demo"})
    shutil.rmtree(settings.home, ignore_errors=True)
    with ExitStack() as stack:
        if deployment:
            from deploy.cli.services import local_services, processes  # noqa: PLC0415 - rare

            settings = stack.enter_context(local_services(settings))
            settings = settings.model_copy(update={"patience_seconds": DEPLOYED_PATIENCE})
            make_topics(settings)
            with opened(settings, check=False) as home:
                home.migrate()
                key = home.api_key()
            settings = stack.enter_context(processes(settings, key))
        home = stack.enter_context(opened(settings, check=False))
        if not deployment:
            home.migrate()
        _run(home, settings, by, serve=serve, as_json=as_json)


def _run(home: Home, settings: Settings, by: str, *, serve: bool, as_json: bool) -> None:
    began = time.monotonic()
    told = _tell(home, by)
    home.caught_up()
    _settle(home, by)
    _close(home, by)
    pages = _pages(home)
    found = _figures(home, told)
    if as_json:
        shown({**found, "home": str(settings.home), "an_invoice": str(pages)})
    else:
        _summary(home, found)
        out.print(f"It took {time.monotonic() - began:.1f} s.")
        out.print(f"An invoice to read: [bold]{pages}[/]")
        commands = "cagette status, verify, export fees"
        out.print(f"Look around: CAGETTE_HOME={settings.home} {commands}")
        out.print(f"The key of this home: [bold]{home.api_key()}[/]")
    if serve:
        from deploy.cli.door import run  # noqa: PLC0415 - half a second that --no-serve saves

        run(home, settings, as_json=as_json)


def _tell(home: Home, by: str) -> Counter[str]:
    with gzip.open(SEASON) as season, progress("telling the season"):
        results, refusals = imported(home, iter(season), by=by)
    if refusals:
        raise RuntimeError(f"the season has {len(refusals)} bad lines")
    return results


def _settle(home: Home, by: str) -> None:
    fees = home.views["billing"].rows(FEES)
    monday = FEES.columns.keys().index("monday")
    mondays = sorted({fee[monday] for fee in fees if fee[monday]})
    with progress("paying out every Monday", len(mondays)) as bar:
        for day in mondays:
            home.billing_desk.settle(day, by=by)
            bar.advance()


def _close(home: Home, by: str) -> None:
    month = FEES.columns.keys().index("month")
    months: list[Month] = sorted({fee[month] for fee in home.views["billing"].rows(FEES)})
    with progress("closing every month", len(months)) as bar:
        for each in months:
            home.billing_desk.close(each, first_day(next_month(each)), by=by)
            bar.advance()
    home.caught_up()


def _pages(home: Home) -> Path:
    """Write every document as a page in the home; return the path of the largest one by amount."""
    folder = home.folder / "documents"
    folder.mkdir(exist_ok=True)
    documents = home.views["billing"].rows(DOCUMENTS)
    with progress("writing documents", len(documents)) as bar:
        for number, *_ in documents:
            issue = home.billing_desk.document(number)
            (folder / f"{number}.html").write_text(page(issue, home.vault), encoding="utf-8")
            bar.advance()
    gross = DOCUMENTS.columns.keys().index("gross_cents")
    return folder / f"{max(documents, key=lambda row: row[gross])[0]}.html"


def _figures(home: Home, told: Counter[str]) -> dict[str, int]:
    """The result, as numbers named with their unit."""
    fees, papers, transfers = (_rows(home, table) for table in (FEES, DOCUMENTS, TRANSFERS))
    return {
        "notices_told": sum(told.values()),
        "producers": len(home.views["billing"].rows(PARTIES)),
        "markets": len({sale["market_id"] for sale in _rows(home, SALES)}),
        "fees_excl_vat_cents": _total(fees, "amount_cents"),
        "service_fees_cents": _total(fees, "amount_cents", kind="SERVICE"),
        "payment_fees_cents": _total(fees, "amount_cents", kind="PAYMENT"),
        "vat_cents": _total(papers, "vat_cents"),
        "invoices": sum(paper["type"] == "INVOICE" for paper in papers),
        "credit_notes": sum(paper["type"] == "CREDIT_NOTE" for paper in papers),
        "documents_incl_vat_cents": _total(papers, "gross_cents"),
        "settlements": len(transfers),
        "withheld_at_source_cents": _total(transfers, "withheld_cents"),
        "net_to_producers_cents": sum(map(gives, transfers)),
        "to_be_collected_cents": _total(papers, "gross_cents", channel=Channel.ON_SITE),
    }


def _summary(home: Home, found: dict[str, int]) -> None:
    sold: Counter[tuple[str, str]] = Counter()
    for sale in _rows(home, SALES):
        sold[sale["formula"], sale["channel"]] += sale["sales_cents"]
    rows = [(*names, euros(cents)) for names, cents in sorted(sold.items())]
    rows.append(("in all", "", euros(sum(sold.values()))))
    table("Sales incl. VAT", ("formula", "payment mode", "sales"), rows)
    table("The result", ("what", "how much"), figures(found))


def _rows(home: Home, view: Table) -> list[dict[str, Any]]:
    names = view.columns.keys()
    return [dict(zip(names, row, strict=True)) for row in home.views["billing"].rows(view)]


def _total(rows: list[dict[str, Any]], column: str, **where: str) -> int:
    chosen = [row for row in rows if all(row[name] == value for name, value in where.items())]
    return sum(row[column] for row in chosen)
