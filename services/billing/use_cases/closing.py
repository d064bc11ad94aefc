"""Close a month: its statements take nothing more, and their documents are issued."""

from datetime import date, timedelta

from services.billing.application import Billing
from services.billing.domain.books import Books
from services.billing.domain.document import Document, DocumentLine, DocumentType, Issue
from services.billing.domain.statement import Statement
from services.billing.domain.words import Channel
from services.billing.use_cases.settlement import standing_mondays
from shared.kernel.answers import Answer, Result
from shared.kernel.calendar import Month, first_day, last_day, next_month
from shared.kernel.errors import Refusal


class MonthsStanding(Refusal):
    """Earlier months must be closed first, and the month's Mondays settled."""

    name = "months-standing"


class DatedTooEarly(Refusal):
    """Documents cannot be dated before the month's end, nor before the last document."""

    name = "dated-too-early"


class FactsParked(Refusal):
    """Facts are set aside that may belong to the month."""

    name = "facts-parked"


def close(billing: Billing, month: Month, on: date, *, despite: bool = False) -> Answer:
    """Close a month and issue its documents, and older ones that were held (contract §6).

    `on` dates the documents. `despite` closes in spite of parked facts. Closed already: only
    documents that were held and are complete by now are issued.
    """
    books = billing.books()
    if month > books.closed_until:
        _refuse_unready(billing, books, month, despite)
        if on < last_day(month):
            raise DatedTooEarly(f"{month} ends on {last_day(month)}: date its close then or later.")
        books.close(month, on)
        for statement in billing.statements_of(month):
            statement.close(_vat_bp(billing, statement), on)
            billing.keep(statement)
        result = Result.CREATED
    else:
        result = Result.UNCHANGED
    waiting = billing.awaiting_document()
    complete = [s for s in waiting if _is_complete(billing, s)]
    if complete and on < books.last_issued_on:
        raise DatedTooEarly(
            f"A document is dated {books.last_issued_on}: date these then or later."
        )
    numbers = books.draw(len(complete), on)
    billing.keep(books)
    for statement, number in zip(complete, numbers, strict=True):
        _issue(billing, statement, number, on)
    figures = {"documents": len(complete), "held_documents": len(waiting) - len(complete)}
    return Answer(Result.CREATED if complete else result, figures=figures)


def _refuse_unready(billing: Billing, books: Books, month: Month, despite: bool) -> None:
    parked = billing.parked()
    if parked and not despite:
        raise FactsParked(
            f"Facts of {', '.join(parked)} are parked: replay or drop them, "
            "or close with --despite --why."
        )
    after, end = last_day(books.closed_until), last_day(month)
    months = [m for m in billing.months(books.closed_until, month) if _stands(billing, m)]
    mondays = standing_mondays(billing, max(after, books.settled_until), end + timedelta(days=1))
    todo = [f"close {m}" for m in months]
    todo += [f"settle {monday}" for monday in mondays]
    if todo:
        raise MonthsStanding(f"{month} cannot be closed yet: {', '.join(todo)} first.")


def _stands(billing: Billing, month: Month) -> bool:
    return any(statement.stands() for statement in billing.statements_of(month))


def _vat_bp(billing: Billing, statement: Statement) -> int:
    return billing.tariffs().on(first_day(statement.month)).rates.vat_bp


def _is_complete(billing: Billing, statement: Statement) -> bool:
    party = billing.contract(statement.party_id)
    return party.person is not None and not party.info_missing


def _issue(billing: Billing, statement: Statement, number: str, on: date) -> None:
    tariff = billing.tariffs().on(first_day(statement.month))
    totals = statement.totals
    buyer = billing.contract(statement.party_id).person
    if totals is None or buyer is None:
        raise AssertionError(f"no document can be issued for {statement.id}")
    at_source = statement.channel is Channel.ONLINE
    issue = Issue(
        number=number,
        type=DocumentType.INVOICE if totals.net_cents > 0 else DocumentType.CREDIT_NOTE,
        party_id=statement.party_id,
        month=statement.month,
        channel=statement.channel,
        issued_on=on,
        due_on=on + timedelta(days=tariff.paper.due_days),
        buyer=buyer,
        paper=tariff.paper,
        vat_bp=tariff.rates.vat_bp,
        totals=totals,
        paid_cents=totals.gross_cents if at_source else 0,
        lines=_lines(billing, statement, number),
    )
    statement.document(number)
    billing.keep(Document(issue), statement)


def _lines(billing: Billing, statement: Statement, number: str) -> tuple[DocumentLine, ...]:
    lines = []
    for line in sorted(statement.lines, key=lambda n: (n.day, n.subject, n.fee_id)):
        corrected = None
        if line.corrects_place:
            place = line.corrects_place
            corrected = billing.statement(statement.party_id, place.month, place.channel).number
        lines.append(DocumentLine(line, corrected if corrected != number else None))
    return tuple(lines)


def following(month: Month) -> date:
    """The first day of the next month: when a month is usually closed."""
    return first_day(next_month(month))
