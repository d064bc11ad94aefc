"""Distributions as told, and what each producer sold at them as it stands."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Date, Index, Integer, MetaData, String, Table, Uuid

from services.gateway.domain.basket import Part
from services.gateway.domain.distribution import Distribution
from shared.eventstore.folding import Row, View
from shared.eventstore.mapper import Excerpt
from shared.eventstore.views import CODE_POINTS

METADATA = MetaData()
DISTRIBUTIONS = Table(
    "distributions",
    METADATA,
    Column("stream", Uuid, primary_key=True),
    Column("distribution_id", CODE_POINTS, nullable=False),
    Index("distributions_by_id", "distribution_id"),
)


def _by_validation(name: str, *columns: Column[Any] | Index) -> Table:
    """A table keyed by distribution and validation number."""
    return Table(
        name,
        METADATA,
        Column("stream", Uuid, primary_key=True),
        Column("validation_no", BigInteger, primary_key=True),
        *columns,
    )


VALIDATIONS = _by_validation(
    "validations",
    Column("market_id", String, nullable=False),
    Column("day", Date, nullable=False),
    Column("validated_at", String, nullable=False),
    Column("payment_mode", String),
    Column("sales_cents", BigInteger, nullable=False),
    Index("validations_without_mode", "payment_mode"),
)
"""`payment_mode` is null if the market's was not known when the validation was told."""
FOUND_MODES = _by_validation("found_modes", Column("payment_mode", String, nullable=False))
CASH_MISMATCHES = _by_validation("cash_mismatches")
"""Validations in which what was paid is not what is owed: they stand only if paid on site."""
UNVALIDATIONS = _by_validation("unvalidations", Column("at", String, nullable=False))
PARTS = _by_validation(
    "parts",
    Column("producer_id", String, primary_key=True),
    Index("parts_by_producer", "producer_id"),
)
SALES = Table(
    "sales",
    METADATA,
    Column("producer_id", String, primary_key=True),
    Column("distribution_id", String, primary_key=True),
    Column("market_id", String, nullable=False),
    Column("market_name", String, nullable=False),
    Column("day", Date, nullable=False),
    Column("validation_no", BigInteger, nullable=False),
    Column("payment_mode", String, nullable=False),
    Column("sales_cents", BigInteger, nullable=False),
    Column("sales_by_vat", JSON, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("held", String),
    Index("sales_by_distribution", "distribution_id"),
    Index("sales_by_day", "day", "producer_id"),
    Index("sales_held", "held"),
)


def _distribution(event: Distribution.Opened) -> Iterator[Row]:
    row = {"stream": event.originator_id, "distribution_id": event.distribution_id}
    yield DISTRIBUTIONS, row


def _found_mode(event: Distribution.ModeFound) -> Iterator[Row]:
    key = {"stream": event.originator_id, "validation_no": event.validation_no}
    yield FOUND_MODES, {**key, "payment_mode": event.payment_mode}


def _unvalidation(event: Distribution.UnvalidationTold) -> Iterator[Row]:
    key = {"stream": event.originator_id, "validation_no": event.validation_no}
    yield UNVALIDATIONS, {**key, "at": event.at.isoformat()}


def _validation(event: Distribution.ValidationTold) -> Iterator[Row]:
    told = event.validation
    key = {"stream": event.originator_id, "validation_no": told.validation_no}
    yield (
        VALIDATIONS,
        {
            **key,
            "market_id": told.market_id,
            "day": told.day,
            "validated_at": told.validated_at.isoformat(),
            "payment_mode": event.payment_mode,
            "sales_cents": sum(part.sales_cents for part in told.parts.values()),
        },
    )
    if not told.cash_matches:
        yield CASH_MISMATCHES, key
    for producer_id in told.parts:
        yield PARTS, {**key, "producer_id": producer_id}


class _Sales(Excerpt):
    market_id: str
    day: date
    validation_no: int
    payment_mode: str
    part: Part | None
    held: str | None


class _SalesValidated(Excerpt):
    producer_id: str
    distribution_id: str
    market_name: str
    sales: _Sales


def _sales(event: _SalesValidated) -> Iterator[Row]:
    """What a producer sold, as it stands."""
    sales, part = event.sales, event.sales.part
    yield (
        SALES,
        {
            "producer_id": event.producer_id,
            "distribution_id": event.distribution_id,
            "market_id": sales.market_id,
            "market_name": event.market_name,
            "day": sales.day,
            "validation_no": sales.validation_no,
            "payment_mode": sales.payment_mode,
            "sales_cents": part.sales_cents if part else 0,
            "sales_by_vat": part.sales_by_vat if part else (),
            "lines": part.lines if part else 0,
            "held": sales.held,
        },
    )


VIEW = View(
    "distributions",
    (DISTRIBUTIONS, VALIDATIONS, FOUND_MODES, CASH_MISMATCHES, UNVALIDATIONS, PARTS, SALES),
    {
        Distribution.Opened: _distribution,
        Distribution.ValidationTold: _validation,
        Distribution.ModeFound: _found_mode,
        Distribution.UnvalidationTold: _unvalidation,
        Distribution.SalesValidated: _sales,
    },
    version=2,
)
