"""The gateway at work: finds its aggregates by natural key and keeps them."""

from collections.abc import Iterable, Iterator
from datetime import date

from services.gateway.domain.distribution import (
    OF_MARKET,
    OF_PRODUCER,
    WITHOUT_MODE,
    Distribution,
)
from services.gateway.domain.market import Market, MarketNotice
from services.gateway.domain.producer import NAMED, Producer, ProducerNotice, producer_stream
from shared.eventstore.work import AtWork


class Gateway(AtWork):
    """The gateway within one transaction."""

    def fetch(self, distribution_id: str, market_id: str, producer_ids: Iterable[str]) -> None:
        """Load at once a distribution, its market and its producers."""
        streams = [Distribution.create_id(distribution_id), Market.create_id(market_id)]
        self._work.fetch([*streams, *map(producer_stream, producer_ids)])

    def producer(self, producer_id: str) -> Producer | None:
        """A producer, or None while unknown."""
        return self._work.find(Producer, producer_stream(producer_id))

    def enrolled(self, notice: ProducerNotice) -> Producer:
        """A producer, enrolled by a first notice."""
        stream = producer_stream(notice.producer_id)
        return self._work.get(Producer, stream, lambda: Producer(notice))

    def naming(self, party_id: str) -> Iterator[Producer]:
        """Producers who ever named a billing party."""
        for _, stream in self._work.tagged(f"{NAMED}{party_id}/"):
            producer = self._work.find(Producer, stream)
            if producer:
                yield producer

    def is_billed(self, producer_id: str) -> bool | None:
        """Whether a producer's sales are billed; None while the producer is unknown."""
        producer = self.producer(producer_id)
        return None if producer is None else not producer.notice.pedagogic

    def market(self, market_id: str) -> Market | None:
        """A market, or None while unknown."""
        return self._work.find(Market, Market.create_id(market_id))

    def opened(self, notice: MarketNotice) -> Market:
        """A market, opened by its first notice."""
        stream = Market.create_id(notice.market_id)
        return self._work.get(Market, stream, lambda: Market(notice.market_id, notice.details))

    def distribution(self, distribution_id: str) -> Distribution:
        """A distribution, opened by whatever is told of it first."""
        stream = Distribution.create_id(distribution_id)
        return self._work.get(Distribution, stream, lambda: Distribution(distribution_id))

    def distributions_of_producer(self, producer_id: str) -> list[Distribution]:
        """Every distribution at which a producer ever sold."""
        return self._distributions(f"{OF_PRODUCER}{producer_id}/")

    def distributions_of_market(
        self, market_id: str, days: tuple[date, date] = (date.min, date.max)
    ) -> list[Distribution]:
        """The distributions of a market on days in [first, end)."""
        prefix = f"{OF_MARKET}{market_id}/"
        return self._distributions(f"{prefix}{days[0]}", f"{prefix}{days[1]}")

    def distributions_without_mode(self, market_id: str) -> list[Distribution]:
        """The distributions of a market that ever waited for its mode."""
        return self._distributions(f"{WITHOUT_MODE}{market_id}/")

    def _distributions(self, prefix: str, below: str | None = None) -> list[Distribution]:
        streams = dict.fromkeys(stream for _, stream in self._work.tagged(prefix, below))
        found = (self._work.find(Distribution, stream) for stream in streams)
        return [distribution for distribution in found if distribution]
