"""A producer's accounts: transfers Monday by Monday, documents month by month."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import and_, or_, select

from services.gateway.views.distributions import SALES
from services.gateway.views.heard import DOCUMENTS, FEES, TRANSFERS
from shared.eventstore.reading import Readable

Row = dict[str, Any]


@dataclass(frozen=True)
class Accounts:
    """The facts of transfers and documents and, grouped by these, of the fees in them."""

    transfers: list[Row]
    documents: list[Row]
    fees_by_monday: dict[str, list[Row]]
    fees_by_document: dict[tuple[str, str, str], list[Row]]
    """By party, month and channel."""
    sales: dict[str, Row]
    """What stands, by distribution."""


def accounts(views: Readable, producer_id: str, first: date, last: date) -> Accounts:
    """The Monday transfers, and the documents issued, from one day to another."""
    fees = _facts(views, select(FEES.c.fact).where(FEES.c.producer_id == producer_id))
    by_monday: dict[str, list[Row]] = defaultdict(list)
    by_document: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for fee in fees:
        by_document[fee["party_id"], fee["month"], fee["channel"]].append(fee)
        if fee["monday"]:
            by_monday[fee["monday"]].append(fee)
    return Accounts(
        transfers=_transfers(views, producer_id, first, last),
        documents=_documents(views, producer_id, by_document, first, last),
        fees_by_monday=by_monday,
        fees_by_document=by_document,
        sales=_sales(views, producer_id),
    )


def _transfers(views: Readable, producer_id: str, first: date, last: date) -> list[Row]:
    query = (
        select(TRANSFERS.c.fact, TRANSFERS.c.type)
        .where(TRANSFERS.c.producer_id == producer_id)
        .where(TRANSFERS.c.monday >= first.isoformat(), TRANSFERS.c.monday <= last.isoformat())
        .order_by(TRANSFERS.c.monday)
    )
    return [{**row["fact"], "type": row["type"]} for row in views.found(query)]


def _documents(
    views: Readable,
    producer_id: str,
    keys: Iterable[tuple[str, str, str]],
    first: date,
    last: date,
) -> list[Row]:
    """The producer's own documents, and those of other parties that hold the producer's fees."""
    parties = {producer_id, *(party_id for party_id, _, _ in keys)}
    own = set(keys)
    query = select(DOCUMENTS.c.fact, DOCUMENTS.c.type).where(DOCUMENTS.c.party_id.in_(parties))
    found = [{**row["fact"], "type": row["type"]} for row in views.found(query)]
    return sorted(
        (
            document
            for document in found
            if first.isoformat() <= document["issued_on"] <= last.isoformat()
            and (document["party_id"] == producer_id or _key(document) in own)
        ),
        key=lambda document: document["number"],
    )


def _key(document: Row) -> tuple[str, str, str]:
    return document["party_id"], document["month"], document["channel"]


def _sales(views: Readable, producer_id: str) -> dict[str, Row]:
    query = select(SALES).where(SALES.c.producer_id == producer_id)
    return {row["distribution_id"]: row for row in views.found(query)}


def fees_of_distribution(views: Readable, distribution_id: str) -> list[Row]:
    """The fees charged for a distribution, in the order in which they were charged."""
    query = select(FEES.c.fact).where(FEES.c.distribution_id == distribution_id)
    return _facts(views, query.order_by(FEES.c.position))


def sales_of_distribution(views: Readable, distribution_id: str) -> list[Row]:
    """What each producer sold at a distribution, as it stands, by producer."""
    query = select(SALES).where(SALES.c.distribution_id == distribution_id)
    return views.found(query.order_by(SALES.c.producer_id))


def sales_of_day(views: Readable, day: date) -> list[Row]:
    """What each producer sold on a day, as it stands, by producer and distribution."""
    stands = or_(SALES.c.sales_cents != 0, SALES.c.held.is_not(None))
    query = select(SALES).where(and_(SALES.c.day == day, stands))
    return views.found(query.order_by(SALES.c.producer_id, SALES.c.distribution_id))


def total(fees: Iterable[Row], kind: str) -> int:
    """The sum of the fees of a kind, SERVICE or PAYMENT, in cents excl. VAT."""
    return sum(fee["amount_cents"] for fee in fees if fee["kind"] == kind)


def _facts(views: Readable, query: Any) -> list[Row]:
    return [row["fact"] for row in views.found(query)]
