"""What the neighbours told, each fact a row keyed by what it is about."""

from collections.abc import Callable, Iterator

from sqlalchemy import JSON, BigInteger, Column, MetaData, String, Table

from shared.eventstore.folding import Row, View
from shared.eventstore.mapper import AsStored, Excerpt, fields
from shared.facts.base import Fact
from shared.facts.billing import (
    CreditNoteIssued,
    FeeCharged,
    FormulaChanged,
    InvoiceIssued,
    SaleRated,
    StatementClosed,
    TariffChanged,
    TransferAsked,
    TransferCarried,
)
from shared.facts.training import (
    TrainingCancelled,
    TrainingCompleted,
    TrainingEnrolled,
    TrainingLapsed,
    TrainingUpdateDue,
)
from shared.messaging.chronicle import HeardFact

METADATA = MetaData()
KNOWN = {"type": String, "position": BigInteger, "told_at": String, "fact": JSON}
"""The columns that every fact has."""


def _facts(name: str, keys: tuple[str, ...], *others: str) -> Table:
    """A table of facts: the latest for each key, with its position in its speaker's log."""
    columns = [Column(key, String, primary_key=True) for key in keys if key not in KNOWN]
    columns += [Column(other, String, index=True) for other in others]
    columns += [Column(n, kind, primary_key=n in keys, nullable=False) for n, kind in KNOWN.items()]
    return Table(name, METADATA, *columns)


FEES = _facts("heard_fees", ("fee_id",), "producer_id", "distribution_id", "monday")
RATINGS = _facts("heard_ratings", ("producer_id", "distribution_id", "position"))
DOCUMENTS = _facts("heard_documents", ("number",), "party_id")
TRANSFERS = _facts("heard_transfers", ("producer_id", "monday"))
MONDAYS = _facts("heard_mondays", ("monday",))
MONTHS = _facts("heard_months", ("month",))
FORMULAS = _facts("heard_formulas", ("producer_id",))
TARIFFS = _facts("heard_tariffs", ("version",))
TRAININGS = _facts("heard_trainings", ("producer_id", "session_id", "type"))
REMINDERS = _facts("heard_reminders", ("producer_id", "type"))
SPEAKERS = Table(
    "heard_until",
    METADATA,
    Column("speaker", String, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("told_at", String, nullable=False),
)

BY_TYPE: dict[type[Fact], tuple[Table, ...]] = {
    FeeCharged: (FEES,),
    SaleRated: (RATINGS,),
    StatementClosed: (MONTHS,),
    InvoiceIssued: (DOCUMENTS,),
    CreditNoteIssued: (DOCUMENTS,),
    TransferAsked: (TRANSFERS, MONDAYS),
    TransferCarried: (TRANSFERS, MONDAYS),
    FormulaChanged: (FORMULAS,),
    TariffChanged: (TARIFFS,),
    TrainingEnrolled: (TRAININGS,),
    TrainingCompleted: (TRAININGS,),
    TrainingCancelled: (TRAININGS,),
    TrainingUpdateDue: (REMINDERS,),
    TrainingLapsed: (REMINDERS,),
}
Names = Callable[[AsStored], dict[str, str | int | None]]


def _names(table: Table) -> Names:
    """Reads a table's own columns from a fact."""
    return fields(*(c.name for c in table.columns if c.name not in KNOWN))


_TABLES: dict[str, tuple[tuple[Table, Names], ...]] = {
    fact.type(): tuple((table, _names(table)) for table in tables)
    for fact, tables in BY_TYPE.items()
}


class _Kept(Excerpt):
    speaker: str
    position: int
    type: str
    told_at: str
    content: AsStored


def _rows(event: _Kept) -> Iterator[Row]:
    """A fact under its key, and how far its speaker has been heard."""
    told_at = event.told_at.replace("Z", "+00:00")  # the format these rows always had
    speaker = {"speaker": event.speaker, "position": event.position, "told_at": told_at}
    yield SPEAKERS, speaker
    known = {
        "type": event.type,
        "position": event.position,
        "told_at": told_at,
        "fact": event.content,
    }
    for table, names in _TABLES.get(event.type, ()):
        row = known | names(event.content)
        if table is TARIFFS:  # whose key is a number in the fact
            row["version"] = str(row["version"])
        yield table, row


VIEW = View(
    "heard",
    (*dict.fromkeys(table for tables in BY_TYPE.values() for table in tables), SPEAKERS),
    {HeardFact.Kept: _rows},
    version=2,
)
