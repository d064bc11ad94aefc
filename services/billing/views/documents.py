"""Every document issued, one row each."""

from collections.abc import Iterator

from sqlalchemy import BigInteger, Column, Date, MetaData, String, Table

from services.billing.domain.document import Document
from shared.eventstore.folding import Row, View

DOCUMENTS = Table(
    "documents",
    MetaData(),
    Column("number", String, primary_key=True),
    Column("type", String, nullable=False),
    Column("party_id", String, nullable=False),
    Column("month", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("net_cents", BigInteger, nullable=False),
    Column("vat_cents", BigInteger, nullable=False),
    Column("gross_cents", BigInteger, nullable=False),
    Column("paid_cents", BigInteger, nullable=False),
)


def _rows(event: Document.Issued) -> Iterator[Row]:
    """One row for each document."""
    issue = event.issue
    yield (
        DOCUMENTS,
        {
            "number": issue.number,
            "type": issue.type,
            "party_id": issue.party_id,
            "month": issue.month,
            "channel": issue.channel,
            "issued_on": issue.issued_on,
            "due_on": issue.due_on,
            "net_cents": issue.totals.net_cents,
            "vat_cents": issue.totals.vat_cents,
            "gross_cents": issue.totals.gross_cents,
            "paid_cents": issue.paid_cents,
        },
    )


VIEW = View("documents", (DOCUMENTS,), {Document.Issued: _rows})
