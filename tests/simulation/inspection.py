"""What must hold at rest: by our own audit, and by a model that shares no code with it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Table

from deploy.cli.forgetting import unsound_keys
from deploy.cli.home import Home
from deploy.cli.houses import HEARS, VIEWS
from services.billing.views.audit import audited
from services.billing.views.documents import DOCUMENTS
from services.billing.views.fees import FEES
from services.billing.views.transfers import TRANSFERS
from shared.eventstore.rebuilt import rebuilt
from shared.messaging.chronicle import HeardFact
from shared.messaging.house import House
from tests.reliability.chaos import differences, flaws_of_numbers
from tests.simulation.broker import ANYWHERE, SimulatedBroker
from tests.support.recount import Bills
from tests.support.world import billed


def inspected(home: Home, broker: SimulatedBroker | None) -> Iterator[str]:
    """A sentence for every promise that is not kept: chains, audit, views, keys, hearing."""
    for house in home.houses:
        yield from (f"{house.name}: {sentence}" for sentence in house.log.broken())
        yield from (f"{house.name}: {sentence}" for sentence in house.log.unreadable())
        yield from _stale_views(home, house)
    yield from audited(home.billing.log.history())
    yield from unsound_keys(home)
    yield from _misheard(home)
    if broker:
        yield from _missent(home, broker)


def _stale_views(home: Home, house: House[Any]) -> Iterator[str]:
    views = home.views[house.name]
    fresh = rebuilt(house.log, VIEWS[house.name])
    for table in views.tables:
        if views.rows(table) != fresh.rows(table):
            yield f"{house.name}: view table {table.name} differs from its rebuild"
    for view, position in views.positions().items():
        if position != house.log.head():
            yield f"{house.name}: view {view} stands at {position}, not at {house.log.head()}"


def _misheard(home: Home) -> Iterator[str]:
    """The gateway keeps every fact it hears: each that was told, and each once."""
    told = Counter(
        (house.name, message.position)
        for house in home.houses
        if house.name in HEARS["gateway"]
        for message in house.told(0, house.head())[0]
    )
    kept = Counter(
        (event.speaker, event.position)
        for event in home.gateway.log.history()
        if isinstance(event, HeardFact.Kept)
    )
    for fact in (told - kept) | (kept - told):
        yield f"fact {fact} was told {told[fact]} times and heard {kept[fact]} times"


def _missent(home: Home, broker: SimulatedBroker) -> Iterator[str]:
    """All that was told is in its topic, and each key's facts first came in order."""
    for house in home.houses:
        topic, seen, last = ANYWHERE.topic_of(house.name), set[int](), Counter[bytes]()
        for records in (r for tp, r in broker.records.items() if tp.topic == topic):
            for record in records:
                position = int(dict(record.headers)["ce_sequence"])
                if position not in seen and position < last[record.key]:
                    yield f"{house.name}: position {position} of {record.key!r} came too late"
                seen.add(position)
                last[record.key] = max(last[record.key], position)
        told = {message.position for message in house.told(0, house.head())[0]}
        if told != seen:
            yield f"{house.name}: positions {sorted(told ^ seen)} are not both told and published"


def miscounted(home: Home, expected: Bills, *, only_sums: bool) -> Iterator[str]:
    """Every amount that differs from the independent model, and every gap in the numbers.

    `only_sums` compares what is owed for each sale, not where it stands.
    """
    found = {table: _rows(home, table) for table in (FEES, DOCUMENTS, TRANSFERS)}
    bills = billed(found[FEES], found[DOCUMENTS], found[TRANSFERS])
    if only_sums:
        bills, expected = Bills(fees=bills.fees), Bills(fees=expected.fees)
    yield from differences(bills, expected)
    texts = [{name: str(value) for name, value in row.items()} for row in found[DOCUMENTS]]
    yield from flaws_of_numbers(texts)


def _rows(home: Home, table: Table) -> list[dict[str, Any]]:
    names = table.columns.keys()
    views = home.views["billing"]
    return [dict(zip(names, row, strict=True)) for row in views.rows(table)]
