"""`cagette replay`: a history replayed beside the live one."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli import options
from deploy.cli.branching import Branched, branched
from deploy.cli.exporting import as_csv
from deploy.cli.home import opened
from deploy.cli.output import err, out, shown, table
from deploy.cli.rebuilding import views
from deploy.cli.reliving import Relived, relived
from deploy.cli.serving import HouseName
from services.billing.main import tariff_from
from services.billing.views.compared import COLUMNS
from shared.kernel.french import euros
from shared.settings import Settings

FIRST_PRODUCERS = 20
"""How many are shown to a person; `--json` and `--out` have them all."""

FIRST_EVENTS = 20
"""How many differing events are shown to a person."""

replay = typer.Typer(help="Replay the history: under another tariff, or to prove what is stored.")
TariffFile = Annotated[
    Path, typer.Option("--tariff", help="Like services/billing/reference_tariff.toml.")
]
OneProducer = Annotated[
    str | None, typer.Option("--producer", metavar="ID", help="Only what moves for this producer.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    replay.command()(views)
    app.add_typer(replay, name="replay")


@replay.command()
def branch(
    tariff: TariffFile,
    producer: OneProducer = None,
    out: options.Out = None,
    as_json: options.Json = False,
) -> None:
    """Bill the whole history under another tariff, and say what moves; the home is not changed.

    The tariff is in force from its `from_on`: versions that began earlier stay, later ones are
    left out. Facts, payouts and closes are the same, in the same order. --out writes every fee,
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


@replay.command()
def house(
    name: Annotated[HouseName, typer.Argument(metavar="HOUSE", help="gateway, training, billing.")],
    as_json: options.Json = False,
) -> None:
    """Rebuild a house from its causes, in memory, and compare it with the live one.

    Its causes are read from the topics (or its neighbours' logs, if there is no broker) and from
    its own stored asks, in their stored order. Every event is compared, and so all that the house
    decides, shows and tells: at billing every bill to the cent, at the gateway and training what
    became of each notice. Only the time of writing, how far an ask says that facts were heard, and
    a buyer's seal may differ. Exit code 1 if anything else does.

    Example: cagette replay house billing
    """
    with opened(Settings()) as home:
        found = relived(home, name.value)
    if as_json:
        shown(
            {
                "house": found.house,
                "events": found.events,
                "same": found.is_same,
                "bills": found.bills,
                "refused": found.refusals,
                "differences": [vars(difference) for difference in found.differences],
            }
        )
    else:
        _show_relived(found)
    if not found.is_same:
        raise typer.Exit(1)


def _show_relived(found: Relived) -> None:
    if found.is_same:
        out.print(f"{found.house}: {found.events} events rebuilt from their causes: identical.")
        return
    names = ("live_cents", "branch_cents", "difference_cents")
    rows = [
        (
            row["what"].lower(),
            row["producer_id"] or row["party_id"],
            row["distribution_id"] or row["month"] or row["monday"],
            *_euros(row, names),
        )
        for row in found.bills
    ]
    if rows:
        header = ("what", "of producer", "where", "log says", "rebuilt", "difference")
        table("Bills that differ", header, rows)
    for sentence in [*found.refusals, *map(str, found.differences[:FIRST_EVENTS])]:
        out.print(f"[red]differs[/]: {sentence}", highlight=False)
    if len(found.differences) > FIRST_EVENTS:
        out.print(f"… and {len(found.differences) - FIRST_EVENTS} events more: see --json.")


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
    out.print(f"{found.events} events replayed. The branch's tariff: {rates}.")
    header = ("", "live", "branch", "difference")
    names = ("live_cents", "branch_cents", "difference_cents")
    if found.totals:
        rows = [(t["name"].replace("_", " "), *_euros(t, names)) for t in found.totals]
        table("Total", header, rows)
    moved = [row for row in found.producers if row["difference_cents"]]
    names = ("live_fees_cents", "branch_fees_cents", "difference_cents")
    rows = [(row["producer_id"], *_euros(row, names)) for row in moved[:FIRST_PRODUCERS]]
    if rows:
        table("Fees excl. VAT, largest change first", ("producer", *header[1:]), rows)
    if len(moved) > FIRST_PRODUCERS:
        out.print(f"… and {len(moved) - FIRST_PRODUCERS} producers more: --json or --out has all.")
    counts = Counter(move["what"] for move in found.moves)
    said = ", ".join(f"{n} {what.lower()}s" for what, n in counts.items())
    out.print(f"What moves: {said or 'nothing'}.")
    if found.besides:
        out.print(f"Only the branch had to {', '.join(found.besides)} first.")


def _euros(row: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    return [euros(row[name]) for name in names]
