"""Every fee charged, one row each."""

from collections.abc import Iterator
from datetime import date

from sqlalchemy import BigInteger, Column, Date, Integer, MetaData, String, Table

from services.billing.domain.statement import Statement
from shared.eventstore.folding import Row, View
from shared.eventstore.mapper import Excerpt

FEES = Table(
    "fees",
    MetaData(),
    Column("fee_id", String, primary_key=True),
    Column("producer_id", String, nullable=False),
    Column("party_id", String, nullable=False),
    Column("distribution_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("day", Date, nullable=False),
    Column("month", String, nullable=False),
    Column("monday", Date),
    Column("channel", String, nullable=False),
    Column("formula", String, nullable=False),
    Column("rate_bp", Integer, nullable=False),
    Column("base_cents", BigInteger, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("corrects", String),
)


class _Line(Excerpt):
    fee_id: str
    producer_id: str
    distribution_id: str
    kind: str
    day: date
    monday: date | None
    formula: str
    rate_bp: int
    base_cents: int
    amount_cents: int
    corrects: str | None = None


class _FeeCharged(Excerpt):
    party_id: str
    month: str
    channel: str
    line: _Line


def _rows(event: _FeeCharged) -> Iterator[Row]:
    """One row for each FeeCharged."""
    line = event.line
    yield (
        FEES,
        {
            "fee_id": line.fee_id,
            "producer_id": line.producer_id,
            "party_id": event.party_id,
            "distribution_id": line.distribution_id,
            "kind": line.kind,
            "day": line.day,
            "month": event.month,
            "monday": line.monday,
            "channel": event.channel,
            "formula": line.formula,
            "rate_bp": line.rate_bp,
            "base_cents": line.base_cents,
            "amount_cents": line.amount_cents,
            "corrects": line.corrects,
        },
    )


VIEW = View("fees", (FEES,), {Statement.FeeCharged: _rows})
