"""Billing at work: finds its aggregates by natural key and keeps them."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import cast

from services.billing.domain.books import Books, StatementKey
from services.billing.domain.contract import CONTRACTS, Contract
from services.billing.domain.document import Document, document_stream
from services.billing.domain.sale import SALES, Rating, Sale, Sold, Terms
from services.billing.domain.statement import MONDAYS, MONTHS, Statement
from services.billing.domain.tariff import TariffBook
from services.billing.domain.transfer import PAYEES, Transfer
from services.billing.domain.words import Channel
from shared.eventstore.work import END_OF_TAGS, AtWork
from shared.kernel.aggregate import Aggregate
from shared.kernel.calendar import Month
from shared.kernel.errors import Refusal
from shared.kernel.spans import span_on
from shared.messaging.parking import parked_keys


class FactsParked(Refusal):
    """Parked facts may concern what is asked."""

    name = "facts-parked"


class Billing(AtWork):
    """Billing within one transaction."""

    def books(self) -> Books:
        """The one set of books."""
        return self._work.get(Books, Books.create_id(), Books)

    def tariffs(self) -> TariffBook:
        """The one tariff book."""
        return self._work.get(TariffBook, TariffBook.create_id(), TariffBook)

    def contract(self, producer_id: str) -> Contract:
        """A producer's contract."""
        stream = Contract.create_id(producer_id)
        return self._work.get(Contract, stream, lambda: Contract(producer_id))

    def contracts(self) -> Iterator[Contract]:
        """Every contract, in order of producer id."""
        for _, stream in self._work.tagged(CONTRACTS):
            contract = self._work.find(Contract, stream)
            if contract:
                yield contract

    def sale(self, producer_id: str, distribution_id: str) -> Sale:
        """A producer's sale at a distribution."""
        stream = Sale.create_id(producer_id, distribution_id)
        return self._work.get(Sale, stream, lambda: Sale(producer_id, distribution_id))

    def sales_of(self, producer_id: str) -> Iterator[Sale]:
        """Every sale of a producer."""
        for _, stream in self._work.tagged(f"{SALES}{producer_id}/"):
            sale = self._work.find(Sale, stream)
            if sale:
                yield sale

    def statement(self, party_id: str, month: Month, channel: Channel) -> Statement:
        """A party's statement for a month and channel."""
        stream = Statement.create_id(party_id, month, channel)
        return self._work.get(Statement, stream, lambda: Statement(party_id, month, channel))

    def transfer(self, producer_id: str, monday: date) -> Transfer:
        """A producer's transfer for a Monday."""
        stream = Transfer.create_id(producer_id, monday)
        return self._work.get(Transfer, stream, lambda: Transfer(producer_id, monday))

    def rate(self, sale: Sale, sold: Sold) -> Iterator[Aggregate]:
        """Bill what stands at the formula and tariff of its day; yields what that changed."""
        contract = self.contract(sale.producer_id)
        terms = Terms(self.tariffs().on(sold.day), span_on(contract.spans, sold.day))
        party_id = contract.party_id or sale.producer_id
        rating = sale.rate(sold, terms, self.books(), party_id)
        if rating:
            yield sale
            yield from self._booked(sale, rating)

    def _booked(self, sale: Sale, rating: Rating) -> Iterator[Aggregate]:
        for charge in rating.charges:
            place = charge.place
            statement = self.statement(sale.party_id or "", place.month, place.channel)
            statement.charge(charge, sale)
            yield statement
        for taking in rating.takings:
            transfer = self.transfer(sale.producer_id, taking.monday)
            transfer.take(sale.distribution_id, taking.amount_cents)
            yield transfer

    def statements_of(self, month: Month) -> list[Statement]:
        """The statements of a month, by party and channel."""
        return self.statements(self.keys_of(month))

    def keys_of(self, month: Month) -> list[StatementKey]:
        """The keys of a month's statements, in order, without loading any."""
        streams = [stream for _, stream in self._work.tagged(f"{MONTHS}{month}/")]
        begun = (cast("Statement.Opened", event) for event in self._work.first_events(streams))
        return sorted(StatementKey(e.month, e.party_id, e.channel) for e in begun)

    def statements(self, keys: Sequence[StatementKey]) -> list[Statement]:
        """Statements by key, loaded at once together with the contracts of their parties."""
        named = [(key.party_id, key.month, key.channel) for key in keys]
        self._work.fetch(Statement.create_id(*name) for name in named)
        self._work.fetch(Contract.create_id(key.party_id) for key in keys)
        return [self.statement(*name) for name in named]

    def held(self, books: Books) -> list[Statement]:
        """Closed statements whose document waits for what an invoice needs, oldest first."""
        return self.statements(books.held)

    def document(self, number: str) -> Document | None:
        """A document by its number, or None if that was never drawn."""
        return self._work.find(Document, document_stream(number))

    def standing_on(self, monday: date) -> tuple[list[Statement], list[Transfer]]:
        """The statements and transfers in which anything was ever placed on a Monday."""
        statements, transfers = [], []
        for _, stream in self._work.tagged(f"{MONDAYS}{monday}/"):
            found = self._work.find(Aggregate, stream)
            if isinstance(found, Statement):
                statements.append(found)
            elif isinstance(found, Transfer):
                transfers.append(found)
        statements.sort(key=lambda s: s.party_id)
        return statements, sorted(transfers, key=lambda t: t.producer_id)

    def mondays(self, after: date, below: date) -> list[date]:
        """The Mondays after one day and before another on which anything was ever placed."""
        tags = self._work.tagged(f"{MONDAYS}{after}{END_OF_TAGS}", f"{MONDAYS}{below}")
        return sorted({date.fromisoformat(tag.split("/")[1]) for tag, _ in tags})

    def months(self, after: Month, below: Month) -> list[Month]:
        """The months after one and before another that have a statement."""
        tags = self._work.tagged(f"{MONTHS}{after}{END_OF_TAGS}", f"{MONTHS}{below}")
        return sorted({tag.split("/")[1] for tag, _ in tags})

    def carried_into(self, producer_id: str, monday: date) -> int:
        """What a producer's last settlement before a Monday carried over, ≤ 0, in cents."""
        prefix = f"{PAYEES}{producer_id}/"
        settled = self._work.tagged(prefix, f"{prefix}{monday}")
        last = self._work.find(Transfer, settled[-1][1]) if settled else None
        return min(last.net_cents or 0, 0) if last else 0

    def standing_mondays(self, after: date, below: date) -> list[date]:
        """The Mondays between two days on which an amount stands."""
        return [monday for monday in self.mondays(after, below) if self._stands(monday)]

    def _stands(self, monday: date) -> bool:
        statements, transfers = self.standing_on(monday)
        return any(s.stands_on(monday) for s in statements) or any(t.stands() for t in transfers)

    def parked(self) -> dict[str, int]:
        """How many facts are parked, by `speaker/key`."""
        return parked_keys(self._work)

    def refuse_parked(self, *, despite: bool) -> None:
        """Refuse to go on while facts are parked, unless `despite` says to."""
        parked = self.parked()
        if parked and not despite:
            raise FactsParked(
                f"Facts of {', '.join(parked)} are parked and may concern this: see "
                "`cagette parked list`, or go on with --despite --why."
            )
