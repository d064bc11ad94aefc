"""What billing tells: which event becomes which fact."""

from typing import Any

from services.billing.domain.contract import Contract
from services.billing.domain.document import Document, DocumentType
from services.billing.domain.sale import Sale
from services.billing.domain.spans import Span
from services.billing.domain.statement import Statement
from services.billing.domain.tariff import TariffBook
from services.billing.domain.transfer import Transfer
from shared.facts import billing as facts
from shared.facts.base import Fact
from shared.messaging.rules import Publishing

publishing = Publishing()


@publishing.tell(TariffBook.Published)
def tariff_changed(event: TariffBook.Published) -> Fact:
    """A version was published."""
    rates = event.tariff.rates
    return facts.TariffChanged(
        version=event.tariff.version,
        from_on=event.tariff.from_on,
        flexible_bp=rates.flexible_bp,
        engagee_bp=rates.engagee_bp,
        payment_bp=rates.payment_bp,
        vat_bp=rates.vat_bp,
    )


@publishing.tell(Contract.TrainingHeard)
def formula_changed(event: Contract.TrainingHeard) -> Fact | None:
    """Told only if the days of ENGAGEE changed."""
    if not event.changed:
        return None
    return facts.FormulaChanged(producer_id=event.producer_id, spans=_spans(event.spans))


@publishing.tell(Contract.Reconsidered)
def formula_reconsidered(event: Contract.Reconsidered) -> Fact:
    """A new tariff changed the days of ENGAGEE."""
    return facts.FormulaChanged(producer_id=event.producer_id, spans=_spans(event.spans))


@publishing.tell(Sale.Rated)
def sale_rated(event: Sale.Rated) -> Fact:
    """The terms at which a sale is billed, and what led to them."""
    sold = event.sold
    return facts.SaleRated(
        producer_id=event.producer_id,
        distribution_id=event.distribution_id,
        market_id=sold.market_id,
        market_name=sold.market_name,
        day=sold.day,
        first_validated_at=sold.first_validated_at,
        validated_at=sold.validated_at,
        validation_no=sold.validation_no,
        channel=sold.channel.value,
        sales_cents=sold.sales_cents,
        held=sold.held,
        formula=event.formula.value,
        span=_span(event.span) if event.span else None,
        tariff_version=event.tariff_version,
        cause=_cloud_event_id(event.cause),
    )


@publishing.tell(Statement.FeeCharged)
def fee_charged(event: Statement.FeeCharged) -> Fact:
    """Every line of a statement is a fee."""
    line = event.line
    return facts.FeeCharged(
        fee_id=line.fee_id,
        producer_id=line.producer_id,
        party_id=event.party_id,
        distribution_id=line.distribution_id,
        kind=line.kind.value,
        day=line.day,
        month=event.month,
        monday=line.monday,
        channel=event.channel.value,
        formula=line.formula.value,
        rate_bp=line.rate_bp,
        base_cents=line.base_cents,
        amount_cents=line.amount_cents,
        corrects=line.corrects,
    )


@publishing.tell(Statement.Closed)
def statement_closed(event: Statement.Closed) -> Fact:
    """A statement was closed, whether or not a document follows."""
    return facts.StatementClosed(
        party_id=event.party_id,
        month=event.month,
        channel=event.channel.value,
        net_cents=event.totals.net_cents,
        vat_cents=event.totals.vat_cents,
        gross_cents=event.totals.gross_cents,
    )


@publishing.tell(Document.Issued)
def document_issued(event: Document.Issued) -> Fact:
    """An invoice, or a credit note."""
    issue = event.issue
    is_invoice = issue.type is DocumentType.INVOICE
    fact = facts.InvoiceIssued if is_invoice else facts.CreditNoteIssued
    return fact(
        number=issue.number,
        party_id=issue.party_id,
        month=issue.month,
        channel=issue.channel.value,
        issued_on=issue.issued_on,
        due_on=issue.due_on,
        net_cents=issue.totals.net_cents,
        vat_cents=issue.totals.vat_cents,
        gross_cents=issue.totals.gross_cents,
        paid_cents=issue.paid_cents,
        corrects=tuple(issue.corrects),
    )


@publishing.tell(Transfer.Settled)
def transfer_settled(event: Transfer.Settled) -> Fact:
    """TransferAsked if there is money to send, otherwise TransferCarried."""
    figures: dict[str, Any] = {
        "producer_id": event.producer_id,
        "monday": event.monday,
        "sales_cents": event.sales_cents,
        "withheld_cents": event.withheld_cents,
        "carried_cents": event.carried_cents,
        "net_cents": event.net_cents,
        "distributions": _shares(event),
    }
    if event.transfer_id is None:
        return facts.TransferCarried(**figures)
    return facts.TransferAsked(transfer_id=event.transfer_id, **figures)


def _shares(event: Transfer.Settled) -> tuple[facts.DistributionShare, ...] | None:
    if event.distributions is None:
        return None
    return tuple(
        facts.DistributionShare(distribution_id=distribution_id, sales_cents=cents)
        for distribution_id, cents in sorted(event.distributions.items())
    )


def _spans(spans: tuple[Span, ...]) -> tuple[facts.FormulaSpan, ...]:
    return tuple(_span(span) for span in spans)


def _span(span: Span) -> facts.FormulaSpan:
    return facts.FormulaSpan(
        formula="ENGAGEE",
        from_on=span.first,
        until_on=span.last,
        reason=span.reason.value,
        session_id=span.session_id,
    )


def _cloud_event_id(cause: str) -> str:
    """The id under which the causing fact travels: `gateway/3:17` is `gateway:17`."""
    stream, _, position = cause.rpartition(":")
    return f"{stream.partition('/')[0]}:{position}"
