"""Every producer told, one row each; nothing of the person."""

from collections.abc import Iterator

from sqlalchemy import BigInteger, Boolean, Column, Date, MetaData, String, Table

from services.gateway.domain.producer import Producer
from shared.eventstore.folding import Row, View
from shared.eventstore.views import CODE_POINTS

PRODUCERS = Table(
    "producers",
    MetaData(),
    Column("producer_id", CODE_POINTS, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("joined_on", Date, nullable=False),
    Column("party_id", String, nullable=False),
    Column("vat_regime", String),
    Column("pedagogic", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("info_missing", String, nullable=False),
)
"""`info_missing`: the names of the fields, separated by spaces."""


def _rows(event: Producer.Enrolled | Producer.Changed | Producer.Forgotten) -> Iterator[Row]:
    """A producer as last told."""
    notice = event.notice
    yield (
        PRODUCERS,
        {
            "producer_id": notice.producer_id,
            "seq": notice.seq,
            "joined_on": notice.joined_on,
            "party_id": notice.party_id,
            "vat_regime": notice.vat_regime,
            "pedagogic": notice.pedagogic,
            "disabled": notice.disabled,
            "info_missing": " ".join(notice.info_missing),
        },
    )


VIEW = View(
    "producers",
    (PRODUCERS,),
    dict.fromkeys((Producer.Enrolled, Producer.Changed, Producer.Forgotten), _rows),
)
