"""Close a month: its statements take nothing more, and their documents are issued."""

from collections.abc import Callable
from datetime import date, timedelta
from operator import attrgetter

from services.billing.application import Billing
from services.billing.domain.books import Books
from services.billing.domain.document import Document, DocumentLine, DocumentType, Issue
from services.billing.domain.statement import Statement
from services.billing.domain.words import Channel
from shared.kernel.answers import Answer, Result
from shared.kernel.calendar import Month, first_day, last_day
from shared.kernel.errors import Refusal
from shared.kernel.persons import FORGOTTEN, Sealed

Reseal = Callable[[Sealed, date], Sealed]
"""Seals a buyer anew, readable for as long as a document of a day must be kept."""


IN_ORDER = attrgetter("day", "producer_id", "distribution_id", "kind", "fee_id")
"""The order of a document's lines."""


class MonthsStanding(Refusal):
    """Earlier months must be closed first, and the month's Mondays settled."""

    name = "months-standing"


class DatedTooEarly(Refusal):
    """Documents cannot be dated before the month's end, nor before the last document."""

    name = "dated-too-early"


def close(
    billing: Billing,
    month: Month,
    on: date,
    reseal: Reseal,
    *,
    despite: bool = False,
    skip: int = 0,
    at_most: int | None = None,
) -> Answer:
    """Close a month and issue its documents, and older ones that were held (contract §6).

    `on` dates the documents. `despite` closes in spite of parked facts. If the month is closed
    already, only held documents that are now complete are issued. With `at_most`, only that many
    statements are looked at, after the first `skip` that wait; the rest wait too, `left` of them.
    """
    books = billing.books()
    waiting = [*books.held]
    is_new = month > books.closed_until
    if is_new:
        _refuse_unready(billing, books, month, despite)
        refuse_before(on, month)
        books.close(month, on)
        waiting += billing.keys_of(month)
    portion = billing.statements(waiting[skip:][:at_most])
    _close(billing, portion, on)
    buyers = {s.key: _buyer(billing, s) for s in portion if s.needs_document}
    complete = [statement for statement in portion if buyers.get(statement.key)]
    if complete or is_new:
        _refuse_backdated(books, complete, on)
    held = [key for key, buyer in buyers.items() if not buyer]
    left = waiting[skip:][len(portion) :]
    books.hold([*waiting[:skip], *held, *left])
    _document(billing, books, complete, on)
    for statement in complete:
        _issue(billing, statement, on, reseal(buyers[statement.key] or FORGOTTEN, on))
    figures = {"documents": len(complete), "held_documents": skip + len(held)}
    if at_most is not None:
        figures["left"] = len(left)
    return Answer(Result.CREATED if complete or is_new else Result.UNCHANGED, figures=figures)


def _document(billing: Billing, books: Books, statements: list[Statement], on: date) -> None:
    """Draw all numbers before the first document: one document may name another's."""
    numbers = books.draw(len(statements), on)
    billing.keep(books)
    for statement, number in zip(statements, numbers, strict=True):
        statement.document(number)


def _refuse_backdated(books: Books, statements: list[Statement], on: date) -> None:
    """Refuse a day before the end of their months, or before the last document."""
    for statement in statements:
        refuse_before(on, statement.month)
    if on < books.last_issued_on:
        raise DatedTooEarly(
            f"The last document is dated {books.last_issued_on}: date these on that day or later."
        )


def refuse_before(on: date, month: Month) -> None:
    """Refuse a day before the month's end."""
    if on < last_day(month):
        raise DatedTooEarly(
            f"{month} ends on {last_day(month)}: date its documents on that day or later."
        )


def _close(billing: Billing, statements: list[Statement], on: date) -> None:
    """Close those that are not closed yet."""
    for statement in statements:
        if statement.totals is None:
            statement.close(_vat_bp(billing, statement), on)
            billing.keep(statement)


def _refuse_unready(billing: Billing, books: Books, month: Month, despite: bool) -> None:
    billing.refuse_parked(despite=despite)
    after, end = last_day(books.closed_until), last_day(month)
    months = [m for m in billing.months(books.closed_until, month) if _stands(billing, m)]
    mondays = billing.standing_mondays(max(after, books.settled_until), end + timedelta(days=1))
    todo = [f"close {m}" for m in months]
    todo += [f"settle {monday}" for monday in mondays]
    if todo:
        raise MonthsStanding(f"{month} cannot be closed yet: {', '.join(todo)} first.")


def _stands(billing: Billing, month: Month) -> bool:
    return any(statement.stands() for statement in billing.statements_of(month))


def _vat_bp(billing: Billing, statement: Statement) -> int:
    return billing.tariffs().on(first_day(statement.month)).rates.vat_bp


def _buyer(billing: Billing, statement: Statement) -> Sealed | None:
    """Whom a document names: its party, or None while an invoice lacks any of their details.

    Once the party is forgotten: the buyer of the invoice that it corrects, if it corrects any.
    """
    party = billing.contract(statement.party_id)
    if party.person == FORGOTTEN:
        corrected = (line.corrects_number for line in _lines(billing, statement))
        document = next((billing.document(number) for number in corrected if number), None)
        return document.issue.buyer if document else None
    return None if party.info_missing else party.person


def _issue(billing: Billing, statement: Statement, on: date, buyer: Sealed) -> None:
    tariff = billing.tariffs().on(first_day(statement.month))
    totals, number = statement.totals, statement.number
    if totals is None or number is None:
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
        lines=_lines(billing, statement),
    )
    billing.keep(Document(issue), statement)


def _lines(billing: Billing, statement: Statement) -> tuple[DocumentLine, ...]:
    lines = []
    for line in sorted(statement.lines, key=IN_ORDER):
        corrected = None
        if line.corrects_place:
            place = line.corrects_place
            corrected = billing.statement(statement.party_id, place.month, place.channel).number
        lines.append(DocumentLine(line, corrected if corrected != statement.number else None))
    return tuple(lines)
