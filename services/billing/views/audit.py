"""The audit: reads the whole log once and checks every promise about money.

It recomputes nothing the way billing does: it adds up what was remembered and compares.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from services.billing.domain.books import Books, StatementKey
from services.billing.domain.contract import Contract
from services.billing.domain.document import Document, Issue
from services.billing.domain.sale import Sale
from services.billing.domain.spans import Span
from services.billing.domain.statement import Statement, Totals
from services.billing.domain.tariff import TariffBook
from services.billing.domain.transfer import Transfer
from services.billing.domain.words import Channel, FeeKind, Formula
from shared.kernel.aggregate import Remembered
from shared.kernel.calendar import Month
from shared.kernel.money import share
from shared.kernel.spans import span_on


@dataclass
class Seen:
    """What the log says, added up."""

    tariffs: TariffBook = field(default_factory=TariffBook)
    spans: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    rated: dict[tuple[str, str], Sale.Rated] = field(default_factory=dict)
    fees: dict[tuple[str, str, FeeKind], int] = field(default_factory=lambda: defaultdict(int))
    lines: dict[StatementKey, int] = field(default_factory=lambda: defaultdict(int))
    withheld: dict[date, dict[str, int]] = field(default_factory=dict)
    withheld_of: dict[StatementKey, int] = field(default_factory=lambda: defaultdict(int))
    closed: dict[StatementKey, Totals] = field(default_factory=dict)
    documented: dict[StatementKey, str] = field(default_factory=dict)
    documents: list[Issue] = field(default_factory=list)
    settled: list[Transfer.Settled] = field(default_factory=list)
    taken: dict[tuple[str, date], int] = field(default_factory=lambda: defaultdict(int))
    settled_until: date = date.min
    closed_until: Month = ""
    late: list[str] = field(default_factory=list)
    statements: dict[str, StatementKey] = field(default_factory=dict)
    takings: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    held: set[StatementKey] = field(default_factory=set)


def audited(events: Iterable[Remembered]) -> Iterator[str]:
    """A sentence for each promise that the log does not keep; none when all is well."""
    seen = Seen()
    for event in events:
        _see(seen, event)
    for check in (_fees, _sales, _statements, _withholdings, _transfers, _series):
        yield from check(seen)
    yield from seen.late


def _see(seen: Seen, event: Remembered) -> None:
    if isinstance(event, TariffBook.Published):
        seen.tariffs.versions.append(event.tariff)
    elif isinstance(event, (Contract.TrainingHeard, Contract.Reconsidered)):
        seen.spans[event.producer_id] = event.spans
    elif isinstance(event, Sale.Rated):
        _see_rated(seen, event)
    elif isinstance(event, Statement.Opened):
        key = StatementKey(event.month, event.party_id, event.channel)
        seen.statements[event.originator_id.hex] = key
    elif isinstance(event, Statement.Event):
        _see_statement(seen, event)
    elif isinstance(event, Document.Issued):
        seen.documents.append(event.issue)
    elif isinstance(event, Transfer.Settled):
        seen.settled.append(event)
    elif isinstance(event, Books.MondaySettled):
        seen.settled_until = event.monday
    elif isinstance(event, Books.DocumentsHeld):
        seen.held = set(event.held)
    elif isinstance(event, Books.MonthClosed):
        seen.closed_until = event.month


def _see_rated(seen: Seen, event: Sale.Rated) -> None:
    seen.rated[event.producer_id, event.distribution_id] = event
    for taking in event.takings:
        seen.taken[event.producer_id, taking.monday] += taking.amount_cents
        seen.takings[event.producer_id, event.distribution_id] += taking.amount_cents
        if taking.monday <= seen.settled_until:
            seen.late.append(f"sales of {event.distribution_id} went to settled {taking.monday}")


def _see_statement(seen: Seen, event: Statement.Event) -> None:
    key = seen.statements[event.originator_id.hex]
    if key in seen.closed and not isinstance(event, Statement.Documented):
        seen.late.append(f"statement {key} changed after it was closed")
    if isinstance(event, Statement.FeeCharged):
        line = event.line
        seen.fees[line.subject] += line.amount_cents
        seen.lines[key] += line.amount_cents
        settled = line.monday is not None and line.monday <= seen.settled_until
        if settled or event.month <= seen.closed_until:
            seen.late.append(f"fee {line.fee_id} went to {line.monday or event.month}, closed")
    elif isinstance(event, Statement.Withheld):
        seen.withheld_of[key] += event.withheld_cents
        by_producer = seen.withheld.setdefault(event.monday, defaultdict(int))
        for producer_id, cents in event.shares.items():
            by_producer[producer_id] += cents
    elif isinstance(event, Statement.Closed):
        seen.closed[key] = event.totals
    elif isinstance(event, Statement.Documented):
        seen.documented[key] = event.number


def _fees(seen: Seen) -> Iterator[str]:
    """Σ fees of a sale = what stands × the rate of its day, half-up once (§5.2)."""
    for (producer_id, distribution_id), rated in sorted(seen.rated.items()):
        sold = rated.sold
        engagee = span_on(seen.spans.get(producer_id, ()), sold.day)
        formula = Formula.ENGAGEE if engagee else Formula.FLEXIBLE
        tariff = seen.tariffs.on(sold.day)
        for kind in FeeKind:
            due = share(sold.sales_cents, tariff.rate(kind, formula))
            if kind is FeeKind.PAYMENT and sold.channel is Channel.ON_SITE:
                due = 0
            charged = seen.fees.get((producer_id, distribution_id, kind), 0)
            if charged != due:
                yield (
                    f"{kind} of {producer_id} in {distribution_id}: "
                    f"{charged} cents charged, {due} due"
                )


def _sales(seen: Seen) -> Iterator[str]:
    """Σ takings of a sale = its online sales."""
    for (producer_id, distribution_id), rated in sorted(seen.rated.items()):
        online = rated.sold.channel is Channel.ONLINE
        stands = rated.sold.sales_cents if online else 0
        placed = seen.takings[producer_id, distribution_id]
        if placed != stands:
            yield (
                f"online sales of {producer_id} in {distribution_id}: "
                f"{stands} cents stand, {placed} placed"
            )


def _statements(seen: Seen) -> Iterator[str]:
    """Σ lines = totals of the closed statement = its document."""
    issued = {StatementKey(i.month, i.party_id, i.channel): i for i in seen.documents}
    if len(issued) != len(seen.documents):
        yield "a statement has two documents"
    for key, totals in sorted(seen.closed.items()):
        if seen.lines[key] != totals.net_cents:
            yield f"statement {key}: lines make {seen.lines[key]}, closed at {totals.net_cents}"
        if totals.net_cents + totals.vat_cents != totals.gross_cents:
            yield f"statement {key}: net and VAT do not make gross"
        if totals.net_cents and (key in issued) is (key in seen.held):
            yield f"statement {key} is closed and has no document, or one that is also held"
    for key, issue in issued.items():
        lines = sum(n.line.amount_cents for n in issue.lines)
        vat_cents = share(lines, issue.vat_bp)
        if issue.totals != Totals(lines, vat_cents, lines + vat_cents):
            yield f"document {issue.number}: lines do not make its totals"
        if seen.closed.get(key) != issue.totals:
            yield f"document {issue.number} is not what statement {key} closed at"
        if seen.documented.get(key) != issue.number:
            yield f"statement {key} does not know its document {issue.number}"


def _withholdings(seen: Seen) -> Iterator[str]:
    """What was withheld for a closed online statement = its gross (§5.7)."""
    for key, totals in sorted(seen.closed.items()):
        at_source = key.channel is Channel.ONLINE
        if at_source and seen.withheld_of[key] != totals.gross_cents:
            yield (
                f"statement {key}: {seen.withheld_of[key]} cents withheld, "
                f"{totals.gross_cents} documented"
            )


def _transfers(seen: Seen) -> Iterator[str]:
    """net = sales + carried − withheld, each as it stands; a negative net is carried once."""
    carried: dict[str, int] = defaultdict(int)
    for row in seen.settled:
        where = f"transfer {row.monday} of {row.producer_id}"
        if row.net_cents != row.sales_cents + row.carried_cents - row.withheld_cents:
            yield f"{where}: its net is not sales + carried - withheld"
        if row.sales_cents != seen.taken[row.producer_id, row.monday]:
            yield f"{where}: sales differ from what was placed there"
        withheld = seen.withheld.get(row.monday, {}).get(row.producer_id, 0)
        if row.withheld_cents != withheld:
            yield f"{where}: {row.withheld_cents} cents deducted, {withheld} withheld"
        if row.carried_cents != carried[row.producer_id]:
            yield f"{where}: {row.carried_cents} carried in, {carried[row.producer_id]} left over"
        carried[row.producer_id] = min(row.net_cents, 0)


def _series(seen: Seen) -> Iterator[str]:
    """Numbers without a gap, dates in the order of numbers (§6)."""
    last: dict[int, int] = {}
    issued_on = date.min
    for issue in seen.documents:
        year = issue.issued_on.year
        expected = f"F{year}-{last.get(year, 0) + 1:06d}"
        if issue.number != expected:
            yield f"document {issue.number} was issued where {expected} was due"
        if issue.issued_on < issued_on:
            yield f"document {issue.number} is dated before the previous one"
        last[year], issued_on = int(issue.number[-6:]), issue.issued_on
