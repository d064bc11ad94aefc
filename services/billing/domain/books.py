"""The books: which Mondays are settled, which months are closed, which numbers are drawn."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

from services.billing.domain.words import Channel, Place
from shared.kernel.aggregate import Aggregate, Created, event
from shared.kernel.calendar import (
    Month,
    first_open_monday,
    monday_after,
    month_of,
    next_month,
    paris_day,
)
from shared.kernel.ids import stable_id
from shared.kernel.value import Value

Homes = Mapping[Channel, Place]
"""By channel, the place where a sale's fees stand now if they are in that channel."""


class StatementKey(Value, order=True):
    """The key of a statement; keys sort by month, party, channel."""

    month: Month
    party_id: str
    channel: Channel

    def __str__(self) -> str:
        return f"of {self.party_id} for {self.month}, {self.channel}"


class Books(Aggregate):
    """Settling a Monday settles all earlier ones; closing a month closes all earlier ones.

    So one Monday and one month say it all: what is settled or closed takes no more (§5.5).
    """

    TOPIC = "billing.books"

    class Opened(Created):
        """The books were opened, with nothing settled and nothing closed."""

        TOPIC = "billing.books.opened"

    class MondaySettled(Aggregate.Event):
        """A Monday was settled, and with it all earlier ones."""

        TOPIC = "billing.books.monday-settled"
        monday: date

    class MonthClosed(Aggregate.Event):
        """A month was closed on a day, and with it all earlier ones."""

        TOPIC = "billing.books.month-closed"
        month: Month
        closed_on: date

    class NumbersDrawn(Aggregate.Event):
        """Numbers `first` to `last` of a year's series went to documents issued on a day."""

        TOPIC = "billing.books.numbers-drawn"
        year: int
        first: int
        last: int
        issued_on: date

    class DocumentsHeld(Aggregate.Event):
        """Exactly these closed statements wait for what their document lacks."""

        TOPIC = "billing.books.documents-held"
        held: tuple[StatementKey, ...]

    @event(Opened)
    def __init__(self) -> None:
        self.settled_until = date.min
        self.closed_until: Month = month_of(date.min)
        self.last_numbers: dict[int, int] = {}
        self.last_issued_on = date.min
        self.held: tuple[StatementKey, ...] = ()

    @staticmethod
    def create_id() -> UUID:
        """There is one set of books."""
        return stable_id("billing/books")

    def is_open(self, place: Place) -> bool:
        """Whether a place still takes charges and corrections."""
        if place.month <= self.closed_until:
            return False
        return place.monday is None or place.monday > self.settled_until

    def homes(self, first_validated_at: datetime) -> Homes:
        """By channel, the place for what was first validated then, or the first open one after."""
        validated_on = paris_day(first_validated_at)
        month = max(month_of(validated_on), next_month(self.closed_until))
        opens = first_open_monday(self.settled_until, self.closed_until)
        monday = max(monday_after(validated_on), opens)
        return {Channel.ONLINE: Place.at_source(monday), Channel.ON_SITE: Place.invoiced(month)}

    def settle(self, monday: date) -> None:
        """Settle a Monday; one already settled changes nothing."""
        if monday > self.settled_until:
            self._monday_settled(monday)

    def close(self, month: Month, closed_on: date) -> None:
        """Close a month; one already closed changes nothing."""
        if month > self.closed_until:
            self._month_closed(month, closed_on)

    def hold(self, keys: Iterable[StatementKey]) -> None:
        """Set which closed statements now wait for their document."""
        held = tuple(sorted(keys))
        if held != self.held:
            self._documents_held(held)

    def draw(self, count: int, issued_on: date) -> list[str]:
        """Draw the next numbers of the year's series, without gaps: `F2024-000001` and so on."""
        year = issued_on.year
        first = self.last_numbers.get(year, 0) + 1
        last = first + count - 1
        if count:
            self._numbers_drawn(year, first, last, issued_on)
        return [f"F{year}-{number:06d}" for number in range(first, last + 1)]

    @event(MondaySettled)
    def _monday_settled(self, monday: date) -> None:
        self.settled_until = monday

    @event(MonthClosed)
    def _month_closed(self, month: Month, closed_on: date) -> None:
        self.closed_until = month

    @event(DocumentsHeld)
    def _documents_held(self, held: tuple[StatementKey, ...]) -> None:
        self.held = held

    @event(NumbersDrawn)
    def _numbers_drawn(self, year: int, first: int, last: int, issued_on: date) -> None:
        self.last_numbers[year] = last
        self.last_issued_on = issued_on
