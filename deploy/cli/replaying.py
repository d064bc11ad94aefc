"""`cagette replay`: a history lived through again, beside the live one."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli import options
from deploy.cli.branching import Branched, branched
from deploy.cli.exporting import as_csv
from deploy.cli.home import opened
from deploy.cli.output import err, out, shown, table
from services.billing.main import tariff_from
from services.billing.views.compared import COLUMNS
from shared.kernel.french import euros
from shared.settings import Settings

FIRST_PRODUCERS = 20
"""As many are shown to a person; `--json` and `--out` have them all."""

replay = typer.Typer(help="The history again: under another tariff, or to prove what stands.")
TariffFile = Annotated[
    Path, typer.Option("--tariff", help="Like services/billing/reference_tariff.toml.")
]
OneProducer = Annotated[
    str | None, typer.Option("--producer", metavar="ID", help="Only what moves of him.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(replay, name="replay")


@replay.command()
def branch(
    tariff: TariffFile,
    producer: OneProducer = None,
    out: options.Out = None,
    as_json: options.Json = False,
) -> None:
    """Bill the whole history under another tariff, and say what moves; nothing is written to.

    The tariff is in force from its `from_on`: versions that began earlier stay, later ones are
    left out. Same facts, same payouts, same closes, in the same order. --out writes every fee,
    statement, document and transfer that moves, as CSV, amounts in cents.

    Example: cagette replay branch --tariff engagee_3_percent.toml --out moves.csv
    """
    other = tariff_from(tariff)
    with opened(Settings()) as home:
        found = branched(home, other)
    if producer:
        found = found.narrowed(producer)
    if out:
        rows = [tuple(move.values()) for move in found.moves]
        out.write_text(as_csv(COLUMNS, rows), encoding="utf-8")
        err.print(f"{len(rows)} rows written to {out}")
    if as_json:
        shown(_all_of(found))
    else:
        _show(found)


def _all_of(found: Branched) -> dict[str, Any]:
    return {
        "events": found.events,
        "tariffs": [vars(tariff.rates) | {"from_on": tariff.from_on} for tariff in found.tariffs],
        "only_in_the_branch": found.besides,
        "totals": found.totals,
        "producers": found.producers,
        "moves": found.moves,
    }


def _show(found: Branched) -> None:
    rates = "; ".join(
        f"from {t.from_on} FLEXIBLE {t.rates.flexible_bp} bp, ENGAGÉE {t.rates.engagee_bp} bp, "
        f"payment {t.rates.payment_bp} bp"
        for t in found.tariffs
    )
    out.print(f"{found.events} events lived through again. The branch's tariff: {rates}.")
    header = ("", "live", "branch", "difference")
    names = ("live_cents", "branch_cents", "difference_cents")
    if found.totals:
        rows = [(t["name"].replace("_", " "), *_euros(t, names)) for t in found.totals]
        table("All of it", header, rows)
    moved = [row for row in found.producers if row["difference_cents"]]
    names = ("live_fees_cents", "branch_fees_cents", "difference_cents")
    rows = [(row["producer_id"], *_euros(row, names)) for row in moved[:FIRST_PRODUCERS]]
    if rows:
        table("Fees excl. VAT, who moves most first", ("producer", *header[1:]), rows)
    if len(moved) > FIRST_PRODUCERS:
        out.print(f"… and {len(moved) - FIRST_PRODUCERS} producers more: --json or --out has all.")
    counts = Counter(move["what"] for move in found.moves)
    said = ", ".join(f"{n} {what.lower()}s" for what, n in counts.items())
    out.print(f"What moves: {said or 'nothing'}.")
    if found.besides:
        out.print(f"Only the branch had to {', '.join(found.besides)} first.")


def _euros(row: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    return [euros(row[name]) for name in names]
