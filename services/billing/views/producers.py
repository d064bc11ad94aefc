"""Every producer: billing party, days of ENGAGEE, sales."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Column, MetaData, String, Table

from services.billing.domain.contract import Contract
from services.billing.domain.sale import Sale
from services.billing.domain.spans import Reason, Span
from services.billing.domain.words import Formula
from shared.eventstore.folding import Row, View
from shared.eventstore.mapper import Excerpt
from shared.eventstore.views import Views
from shared.kernel.spans import around, span_on

METADATA = MetaData()
PARTIES = Table(
    "parties",
    METADATA,
    Column("producer_id", String, primary_key=True),
    Column("party_id", String, nullable=False),
)
FORMULAS = Table(
    "formulas",
    METADATA,
    Column("producer_id", String, primary_key=True),
    Column("spans", String, nullable=False),
)
SALES = Table(
    "sales",
    METADATA,
    Column("producer_id", String, primary_key=True),
    Column("distribution_id", String, primary_key=True),
    Column("market_id", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("formula", String, nullable=False),
    Column("sales_cents", BigInteger, nullable=False),
)
COLUMNS = ("producer_id", "party_id", "formula", "formula_since", "formula_until", "sales_cents")


def _party(event: Contract.Identified) -> Iterator[Row]:
    yield PARTIES, {"producer_id": event.producer_id, "party_id": event.party_id}


def _formulas(event: Contract.TrainingHeard | Contract.Reconsidered) -> Iterator[Row]:
    yield FORMULAS, {"producer_id": event.producer_id, "spans": _written(event.spans)}


class _Sold(Excerpt):
    market_id: str
    channel: str
    sales_cents: int


class _Rated(Excerpt):
    producer_id: str
    distribution_id: str
    formula: str
    sold: _Sold


def _sale(event: _Rated) -> Iterator[Row]:
    sold = event.sold
    yield (
        SALES,
        {
            "producer_id": event.producer_id,
            "distribution_id": event.distribution_id,
            "market_id": sold.market_id,
            "channel": sold.channel,
            "formula": event.formula,
            "sales_cents": sold.sales_cents,
        },
    )


def producers_on(views: Views, day: date) -> list[tuple[Any, ...]]:
    """A row of COLUMNS per producer, by id: formula as of a day, sales of all time in cents."""
    spans = dict(views.rows(FORMULAS))
    sold: dict[str, int] = {}
    for producer_id, *_, sales_cents in views.rows(SALES):
        sold[producer_id] = sold.get(producer_id, 0) + sales_cents
    return [
        (
            producer_id,
            party_id,
            *_formula(_read(spans.get(producer_id, "")), day),
            sold.get(producer_id, 0),
        )
        for producer_id, party_id in views.rows(PARTIES)
    ]


def _formula(spans: Sequence[Span], day: date) -> tuple[Formula, date | None, date | None]:
    formula = Formula.ENGAGEE if span_on(spans, day) else Formula.FLEXIBLE
    return (formula, *around(spans, day))


def _written(spans: Iterable[Span]) -> str:
    return " ".join(f"{s.first}/{s.last}/{s.reason}/{s.session_id}" for s in spans)


def _read(written: str) -> list[Span]:
    spans = (span.split("/") for span in written.split())
    return [
        Span(date.fromisoformat(first), date.fromisoformat(last), Reason(reason), session_id)
        for first, last, reason, session_id in spans
    ]


VIEW = View(
    "producers",
    (PARTIES, FORMULAS, SALES),
    {
        Contract.Identified: _party,
        Contract.TrainingHeard: _formulas,
        Contract.Reconsidered: _formulas,
        Sale.Rated: _sale,
    },
)
