"""Every settlement of a producer's Monday, one row each."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, Date, MetaData, String, Table

from services.billing.domain.transfer import Transfer
from shared.eventstore.folding import Row, View

TRANSFERS = Table(
    "transfers",
    MetaData(),
    Column("monday", Date, primary_key=True),
    Column("producer_id", String, primary_key=True),
    Column("sales_cents", BigInteger, nullable=False),
    Column("withheld_cents", BigInteger, nullable=False),
    Column("carried_cents", BigInteger, nullable=False),
    Column("net_cents", BigInteger, nullable=False),
    Column("status", String, nullable=False),
    Column("transfer_id", String),
)


def _rows(event: Transfer.Settled) -> Iterator[Row]:
    """One row for each producer settled on a Monday."""
    yield (
        TRANSFERS,
        {
            "monday": event.monday,
            "producer_id": event.producer_id,
            "sales_cents": event.sales_cents,
            "withheld_cents": event.withheld_cents,
            "carried_cents": event.carried_cents,
            "net_cents": event.net_cents,
            "status": event.status,
            "transfer_id": event.transfer_id,
        },
    )


VIEW = View("transfers", (TRANSFERS,), {Transfer.Settled: _rows})


def gives(transfer: Mapping[str, Any]) -> int:
    """What a Monday itself gives: its net less what was carried in, counted in the last net."""
    return int(transfer["net_cents"] - transfer["carried_cents"])
