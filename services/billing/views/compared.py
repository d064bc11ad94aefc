"""Compares two billings of the same history: what moves, by how much, for whom."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table

from services.billing.domain.words import FeeKind
from services.billing.views import documents, fees, transfers
from services.billing.views.documents import DOCUMENTS
from services.billing.views.fees import FEES
from services.billing.views.transfers import TRANSFERS, gives
from shared.eventstore.folding import folded
from shared.eventstore.log import EventLog
from shared.eventstore.recorder import MAXIMUM
from shared.eventstore.views import Snapshot

Row = dict[str, Any]

COLUMNS = (
    "what", "producer_id", "party_id", "distribution_id", "kind", "day", "month", "monday",
    "channel", "formula", "branch_formula", "live_cents", "branch_cents", "difference_cents",
)  # fmt: skip
"""Columns of what moves; `live_cents` is what is, `branch_cents` what would have been."""

KEYS = {
    "FEE": ("producer_id", "distribution_id", "kind"),
    "STATEMENT": ("party_id", "month", "channel"),
    "DOCUMENT": ("party_id", "month", "channel"),
    "TRANSFER": ("producer_id", "monday"),
}
"""Keys of each. Fees and statements excl. VAT, documents incl. VAT, transfers net of fees."""

BESIDE = {"FEE": ("party_id", "day", "channel", "formula")}
"""Further columns of each."""


VIEWS = (fees.VIEW, documents.VIEW, transfers.VIEW)

Shown = Mapping[Table, Sequence[Row]]
"""The rows of some views, by table."""


def shown(stood: Snapshot) -> Shown:
    """What the live views show, as named rows."""
    return {
        table: [dict(zip(table.columns.keys(), row, strict=True)) for row in stood.rows[table]]
        for table in (FEES, DOCUMENTS, TRANSFERS)
    }


def would_show(log: EventLog, until: int = MAXIMUM) -> Shown:
    """What the same views would show of another log, up to a position."""
    found: dict[Table, dict[tuple[Any, ...], Row]] = {FEES: {}, DOCUMENTS: {}, TRANSFERS: {}}
    ends = {view.name: until for view in VIEWS}
    for page in folded(log, VIEWS, until=ends):
        for table, row in page.rows:
            found[table][tuple(row[column.name] for column in table.primary_key)] = dict(row)
    return {table: list(rows.values()) for table, rows in found.items()}


class Bills:
    """All that was billed, by kind and key."""

    def __init__(self, rows: Shown) -> None:
        charged, issued, settled = rows[FEES], rows[DOCUMENTS], rows[TRANSFERS]
        self.by_what: dict[str, dict[tuple[str, ...], Row]] = {
            "FEE": _added_up(charged, "FEE", "amount_cents"),
            "STATEMENT": _added_up(charged, "STATEMENT", "amount_cents"),
            "DOCUMENT": _added_up(issued, "DOCUMENT", "gross_cents"),
            "TRANSFER": _added_up(settled, "TRANSFER", "net_cents"),
        }
        self.totals = {
            "service_fees_cents": _total(charged, "amount_cents", kind=FeeKind.SERVICE),
            "payment_fees_cents": _total(charged, "amount_cents", kind=FeeKind.PAYMENT),
            "fees_excl_vat_cents": _total(charged, "amount_cents"),
            "documents_incl_vat_cents": _total(issued, "gross_cents"),
            "withheld_at_source_cents": _total(settled, "withheld_cents"),
            "net_to_producers_cents": sum(map(gives, settled)),
        }
        self.by_producer = _by_producer(charged, settled)


def moves(live: Bills, branch: Bills) -> Iterator[Row]:
    """A row of COLUMNS for all that differs, by kind and key."""
    for what in KEYS:
        was, would_be = live.by_what[what], branch.by_what[what]
        for key in sorted(was.keys() | would_be.keys()):
            here, there = was.get(key, {}), would_be.get(key, {})
            cents, branch_cents = here.get("cents", 0), there.get("cents", 0)
            if cents == branch_cents:
                continue
            row = {**there, **here, "what": what, "branch_formula": there.get("formula")}
            row |= {"live_cents": cents, "branch_cents": branch_cents}
            row["difference_cents"] = branch_cents - cents
            yield {column: row.get(column) for column in COLUMNS}


def producers(live: Bills, branch: Bills) -> list[Row]:
    """What each producer was and would have been charged, largest move first; cents excl. VAT.

    `…_net_cents` is what their Mondays sent them, less what the last one left to be carried.
    """
    names = ("service", "payment", "net")
    found = []
    for producer_id in sorted(live.by_producer.keys() | branch.by_producer.keys()):
        here, there = live.by_producer[producer_id], branch.by_producer[producer_id]
        row: Row = {"producer_id": producer_id}
        for name in names:
            row[f"live_{name}_cents"] = here[name]
            row[f"branch_{name}_cents"] = there[name]
        was, would_be = (each["service"] + each["payment"] for each in (here, there))
        row |= {"live_fees_cents": was, "branch_fees_cents": would_be}
        row["difference_cents"] = would_be - was
        found.append(row)
    return sorted(found, key=lambda row: (-abs(row["difference_cents"]), row["producer_id"]))


def _by_producer(
    charged: Iterable[Row], settled: Iterable[Row]
) -> defaultdict[str, defaultdict[str, int]]:
    found: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for fee in charged:
        found[fee["producer_id"]][fee["kind"].lower()] += fee["amount_cents"]
    for transfer in settled:
        found[transfer["producer_id"]]["net"] += gives(transfer)
    return found


def _added_up(rows: Iterable[Row], what: str, amount: str) -> dict[tuple[str, ...], Row]:
    """Amounts by key; the columns beside them are those of the last row with that key."""
    key, words = KEYS[what], (*KEYS[what], *BESIDE.get(what, ()))
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        name = tuple(str(row[column]) for column in key)
        before = found[name]["cents"] if name in found else 0
        found[name] = {word: row[word] for word in words}
        found[name]["cents"] = before + row[amount]
    return found


def _total(rows: Iterable[Row], column: str, **where: str) -> int:
    return sum(row[column] for row in rows if where.items() <= row.items())


def totals(live: Bills, branch: Bills) -> list[Row]:
    """Totals side by side, in cents."""
    return [
        {
            "name": name.removesuffix("_cents"),
            "live_cents": cents,
            "branch_cents": branch.totals[name],
            "difference_cents": branch.totals[name] - cents,
        }
        for name, cents in live.totals.items()
    ]
