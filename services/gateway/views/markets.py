"""Every market told, one row each, and how it is paid from each day on."""

from collections.abc import Iterator

from sqlalchemy import BigInteger, Boolean, Column, Date, MetaData, String, Table

from services.gateway.domain.market import Market
from shared.eventstore.folding import Row, View
from shared.eventstore.views import CODE_POINTS

METADATA = MetaData()
MARKETS = Table(
    "markets",
    METADATA,
    Column("market_id", CODE_POINTS, primary_key=True),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("administrator", String),
)
MODES = Table(
    "market_modes",
    METADATA,
    Column("market_id", String, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("payment_mode", String, nullable=False),
    Column("from_on", Date, nullable=False),
)


def _market(event: Market.Opened | Market.Changed) -> Iterator[Row]:
    """A market as last told."""
    details = event.details
    yield (
        MARKETS,
        {
            "market_id": event.market_id,
            "name": details.name,
            "kind": details.kind,
            "test": details.test,
            "administrator": details.administrator,
        },
    )


def _mode(event: Market.ModeTold) -> Iterator[Row]:
    """Every mode told."""
    mode = event.mode
    key = {"market_id": event.market_id, "seq": event.seq}
    yield MODES, {**key, "payment_mode": mode.payment_mode, "from_on": mode.from_on}


VIEW = View(
    "markets",
    (MARKETS, MODES),
    {Market.Opened: _market, Market.Changed: _market, Market.ModeTold: _mode},
)
