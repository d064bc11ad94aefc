"""An aggregate and its events: called, remembered, and read again by later code."""

import json
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from eventsourcing.persistence import JSONTranscoder, MapperDeserialisationError, StoredEvent

from deploy.bench.account import AMOUNT, CURRENCY, DUE, INVOICE, MEMO, account
from services.gateway.domain.distribution import Distribution
from shared.eventstore.log import EventLog
from shared.eventstore.mapper import Excerpt, TypedMapper
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.kernel.aggregate import Aggregate, Created, event

MAPPER = TypedMapper(JSONTranscoder())

FIELDS: dict[str, Any] = {
    "invoice_id": INVOICE,
    "amount": AMOUNT,
    "currency": CURRENCY,
    "memo": MEMO,
    "due": DUE,
}


@pytest.mark.parametrize("by_position", range(len(FIELDS) + 1))
def test_fields_are_given_by_position_or_by_name(by_position: int) -> None:
    charged = account()
    fields = list(FIELDS.items())
    charged.charge(*(value for _, value in fields[:by_position]), **dict(fields[by_position:]))
    assert (charged.balance, charged.version) == (AMOUNT, 2)
    assert FIELDS.items() <= vars(charged.pending_events[-1]).items()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((), {}),
        (tuple(FIELDS.values())[1:], {}),
        ((*FIELDS.values(), "more"), {}),
        ((), {**FIELDS, "more": 1}),
        ((INVOICE,), {"amount": AMOUNT, "more": 1}),
    ],
)
def test_too_little_and_too_much_is_refused(given: tuple[Any, ...], named: Any) -> None:
    charged = account()
    with pytest.raises((TypeError, ValueError)):
        charged.charge(*given, **named)
    assert (charged.version, len(charged.pending_events)) == (1, 1)


def test_an_aggregate_as_it_was_does_not_see_what_happens_next() -> None:
    distribution = Distribution("D1")
    distribution.unvalidate(1, DUE)
    then = distribution.as_now()
    distribution.unvalidate(2, DUE)
    assert (then.unvalidated, distribution.unvalidated) == ({1}, {1, 2})
    assert (then.version, len(then.pending_events)) == (2, 2)
    assert (distribution.version, len(distribution.pending_events)) == (3, 3)


class Clutch(Aggregate):
    """A test aggregate with an event in its second version."""

    TOPIC = "test.clutch"

    class Begun(Created):
        """A nest was found."""

        TOPIC = "test.clutch.begun"

    class Laid(Aggregate.Event):
        """Eggs were laid; the first version counted them as text and knew no nest."""

        TOPIC = "test.clutch.laid"
        class_version: ClassVar[int] = 2
        eggs: int
        nest: str
        colour: str = "white"
        """All were white before it was added: the default needs no new version."""

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Count in numbers; until then all were laid in straw."""
            state["eggs"] = int(state.pop("egg_count"))
            state["nest"] = "straw"

    @event(Begun)
    def __init__(self) -> None:
        self.eggs: dict[str, int] = {}

    @staticmethod
    def create_id() -> UUID:
        return UUID(int=1)

    @event(Laid)
    def lay(self, eggs: int, nest: str, colour: str) -> None:
        self.eggs[f"{colour}, {nest}"] = eggs


class Nest(Excerpt):
    """The nest of a `Clutch.Laid`."""

    nest: str


def test_an_event_of_an_older_version_is_raised_to_today_s_and_replayed(tmp_path: Path) -> None:
    log = EventLog(SQLiteLogRecorder(tmp_path / "log.sqlite"))
    log.migrate()
    clutch = Clutch()
    clutch.lay(2, "hay", "brown")
    work = log.begin()
    work.keep((clutch,), "ask:test")
    work.commit()
    first = {"timestamp": "2024-03-01T10:00:00Z", "cause": "ask:old", "egg_count": "3"}
    row = StoredEvent(clutch.id, 3, Clutch.Laid.TOPIC, json.dumps(first).encode())
    log.recorder.insert_events([row])
    rebuilt = log.begin().find(Clutch, clutch.id)
    assert rebuilt is not None
    assert rebuilt.eggs == {"brown, hay": 2, "white, straw": 3}
    written = json.loads(log.recorder.select_events(clutch.id)[1].state)
    assert (written["class_version"], written["eggs"], written["nest"]) == (2, 2, "hay")
    again = json.loads(MAPPER.to_stored_event(MAPPER.to_domain_event(row)).state)
    assert (again["class_version"], again["eggs"], again["nest"]) == (2, 3, "straw")
    read = MAPPER.excerpts(Clutch.Laid.TOPIC, Nest)
    nests = [read(clutch.id, v, state).nest for _, _, v, _, state in log.rows(after=1)]
    assert nests == ["hay", "straw"]
    log.close()


@pytest.mark.parametrize(
    ("topic", "fields"),
    [
        (Clutch.Laid.TOPIC, {"class_version": 3, "eggs": 3, "nest": "hay"}),
        ("billing.statement.documented", {"class_version": 2, "number": "F2024-000001"}),
    ],
)
def test_an_event_of_a_newer_version_is_not_read_as_if_it_were_today_s(
    topic: str, fields: dict[str, Any]
) -> None:
    state = {"timestamp": "2024-03-01T10:00:00Z", "cause": "ask:new", **fields}
    row = StoredEvent(UUID(int=1), 2, topic, json.dumps(state).encode())
    with pytest.raises(MapperDeserialisationError, match=topic):
        MAPPER.to_domain_event(row)
    refused = f"{topic} of stream {UUID(int=1)}, version 2, cannot be read: it was written as"
    with pytest.raises(MapperDeserialisationError, match=refused):
        MAPPER.excerpts(topic, Excerpt)(UUID(int=1).hex, 2, row.state)
