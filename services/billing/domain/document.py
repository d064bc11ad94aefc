"""A document: an invoice or a credit note. Once issued, it never changes."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.billing.domain.statement import Line, Totals
from services.billing.domain.tariff import Paper
from services.billing.domain.words import Channel
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.calendar import Month
from shared.kernel.ids import stable_id
from shared.kernel.persons import Sealed
from shared.kernel.value import Value


class DocumentType(StrEnum):
    """Positive is an invoice, negative a credit note."""

    INVOICE = "INVOICE"
    CREDIT_NOTE = "CREDIT_NOTE"


class DocumentLine(Value):
    """A line of a statement and, for a correction, the number of the invoice it corrects."""

    line: Line
    corrects_number: str | None


class Issue(Value):
    """All that a document says, frozen when it is issued. Amounts in cents, signed."""

    number: str
    type: DocumentType
    party_id: str
    month: Month
    channel: Channel
    issued_on: date
    due_on: date
    buyer: Sealed
    paper: Paper
    vat_bp: int
    totals: Totals
    paid_cents: int
    lines: tuple[DocumentLine, ...]

    @property
    def corrects(self) -> Sequence[str]:
        """The numbers of the invoices that its lines correct, each once, in order."""
        return sorted({n.corrects_number for n in self.lines if n.corrects_number})


class Document(Aggregate):
    """One legal document, under its number."""

    TOPIC = "billing.document"

    class Issued(Created):
        """It was issued. Two documents cannot share a number: they would be one stream."""

        TOPIC = "billing.document.issued"
        issue: Issue

    @event(Issued)
    def __init__(self, issue: Issue) -> None:
        self.issue = issue

    @staticmethod
    def create_id(issue: Issue) -> UUID:
        """One stream per number."""
        return document_stream(issue.number)


def document_stream(number: str) -> UUID:
    """The stream of a document."""
    return stable_id("billing/document", number)
