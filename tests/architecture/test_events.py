"""What houses remember: every event has its topic, its shape and its golden file, for ever.

`python -m tests.architecture.test_events` writes the golden files that are missing, and no others.
"""

import ast
import dataclasses
import json
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
import pytest
from eventsourcing.persistence import JSONTranscoder, MapperDeserialisationError, StoredEvent
from eventsourcing.utils import resolve_topic

import shared.eventstore.log
from deploy.cli.houses import main_of
from services.billing.main import tariff_from
from shared.eventstore.asks import Asked
from shared.eventstore.mapper import TypedMapper, class_version, stored_shape
from shared.eventstore.work import Work
from shared.kernel.aggregate import Aggregate, Remembered
from shared.kernel.value import Value
from shared.messaging.chronicle import HeardFact
from tests.support import notices as n
from tests.support.hard_season import hard_season
from tests.support.poison import parked_dropped_and_fixed
from tests.support.recount import steps_of
from tests.support.world import World, world

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "events"
SEASONS = ROOT / "tests" / "data"
HOUSES = ("billing", "gateway", "training")
MAPPER = TypedMapper(JSONTranscoder())
PRODUCT = ("services.", "shared.")
COLUMNS = ("topic", "originator_id", "originator_version", "state")

Json = dict[str, Any]


def below(cls: type) -> Iterator[type]:
    """Every class that derives from a class."""
    children: list[type] = cls.__subclasses__()
    for child in children:
        yield child
        yield from below(child)


MAINS = [main_of(house) for house in HOUSES]
"""With these, every event that a house remembers is loaded."""
AGGREGATES = sorted(
    {cls for cls in below(Aggregate) if cls.__module__.startswith(PRODUCT)},
    key=lambda cls: cls.__qualname__,
)
NESTED = [
    cls
    for aggregate in AGGREGATES
    for name, cls in vars(aggregate).items()
    if isinstance(cls, type) and issubclass(cls, Remembered) and name != "Event"
]
EVENTS: dict[str, type[Remembered]] = {str(getattr(cls, "TOPIC", cls)): cls for cls in NESTED}
TOPICS = sorted(EVENTS)


def golden_file(topic: str, version: int) -> Path:
    """Where the golden example of a version of an event stands."""
    return GOLDEN / f"{topic}.v{version}.json"


def hard_seasons() -> Iterator[World]:
    """Worlds that together remember every event that can be remembered."""
    seasons = [steps_of(SEASONS / f"hard-season-{number}") for number in (1, 2)]
    for steps in (*seasons, hard_season(0), None):
        with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as told:
            told.do(steps) if steps else rare_things(told)
            yield told


def rare_things(told: World) -> None:
    """What no season brings about: reminders, another tariff, poison."""
    told.told(n.producer(), n.session(), n.enrolment("2024-11-01"), n.completion("2024-12-13"))
    told.told(n.market(), n.distribution(validated_at="2026-10-03T21:00:00+02:00"))
    told.home.training_desk.remind(date(2026, 11, 1), by="test")
    told.home.training_desk.remind(date(2027, 1, 10), by="test")
    tariff = tariff_from()
    conditions = dataclasses.replace(tariff.conditions, completed_months=12)
    later = dataclasses.replace(tariff, from_on=date(2026, 1, 1), conditions=conditions)
    told.home.billing_desk.publish(later, by="test")
    parked_dropped_and_fixed(told)
    told.home.gateway_desk.forget("2045", by="test", why="a test")
    told.home.caught_up()


def first_rows(topics: Iterable[str]) -> dict[str, Json]:
    """The first stored row of each topic, as golden files hold it."""
    missing, found = set(topics), {}
    for told in hard_seasons():
        for house in told.home.houses:
            file = told.home.folder / f"{house.name}.sqlite"
            for row in sqlite3.connect(file).execute(
                f"SELECT {', '.join(COLUMNS)} FROM stored_events ORDER BY position"
            ):
                if row[0] in missing:
                    missing.remove(row[0])
                    found[row[0]] = dict(zip(COLUMNS, (*row[:3], json.loads(row[3])), strict=True))
    return found


def write_missing() -> None:
    """Write the golden files of today's events that have none."""
    missing = [t for t in TOPICS if not golden_file(t, class_version(EVENTS[t])).exists()]
    for topic, row in first_rows(missing).items():
        text = json.dumps(row, indent=2, ensure_ascii=False) + "\n"
        golden_file(topic, class_version(EVENTS[topic])).write_text(text, "utf-8")


def stored(golden: Json) -> StoredEvent:
    """A golden file as the row of the log that it was."""
    return StoredEvent(
        UUID(golden["originator_id"]),
        golden["originator_version"],
        golden["topic"],
        json.dumps(golden["state"], ensure_ascii=False).encode(),
    )


SCALARS = (str, int, bool, bytes, date, datetime, Decimal, UUID, type(None))


def unfit(shape: Any, where: str) -> Iterator[str]:
    """What must not be in the log: floats, lists and sets, and types that nothing can decode."""
    if shape in SCALARS or (isinstance(shape, type) and issubclass(shape, Enum)):
        return
    if isinstance(shape, type) and (dataclasses.is_dataclass(shape) or issubclass(shape, Value)):
        for name, hint in get_type_hints(shape).items():
            yield from unfit(hint, f"{where}.{name}")
    elif args := get_args(shape):
        if get_origin(shape) in (list, set):
            yield f"{where}: {shape} can be changed"
        for arg in args:
            if arg is not Ellipsis:
                yield from unfit(arg, where)
    else:
        yield f"{where}: {shape}"


def deep(value: Any) -> Any:
    """A value with the type of everything in it, so that a str is not mistaken for its enum."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), {name: deep(field) for name, field in vars(value).items()}
    if isinstance(value, Value):
        return type(value), [deep(getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, Mapping):
        return type(value), [(deep(k), deep(v)) for k, v in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [deep(item) for item in value]
    return (datetime if isinstance(value, datetime) else type(value)), value


def rules_in_events(source: str) -> list[str]:
    """What a body under `@event` does besides assigning: it would do it again at each replay."""
    found = []
    for house in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)):
        methods = [node for node in house.body if isinstance(node, ast.FunctionDef)]
        bodies = [m for m in methods if any("event" in ast.unparse(d) for d in m.decorator_list)]
        triggers = {f"self.{body.name}" for body in bodies}
        for body in bodies:
            for node in ast.walk(ast.Module(body.body, [])):
                if isinstance(node, ast.Raise | ast.Assert | ast.Return | ast.Try):
                    found.append(f"{house.name}.{body.name}: {type(node).__name__.lower()}")
                elif isinstance(node, ast.Call):
                    name = ast.unparse(node.func)
                    if name in triggers or re.search(r"\b(now|today|utcnow|uuid\d)$", name):
                        found.append(f"{house.name}.{body.name}: {name}()")
    return found


def test_there_are_events_in_every_house() -> None:
    assert {topic.partition(".")[0] for topic in TOPICS} == {*HOUSES, "ask", "parked", "heard-fact"}
    assert len(TOPICS) >= 45


def test_every_event_and_every_aggregate_has_its_own_explicit_topic() -> None:
    topics = [str(getattr(cls, "TOPIC", cls)) for cls in (*NESTED, *AGGREGATES)]
    assert [topic for topic in topics if "<" in topic] == []
    assert sorted(set(topics)) == sorted(topics)
    written = [vars(cls) for cls in below(Remembered) if cls.__module__.startswith(PRODUCT)]
    assert {names["TOPIC"] for names in written if "TOPIC" in names} == set(EVENTS)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_says_house_noun_and_what_happened(topic: str) -> None:
    cls = EVENTS[topic]
    assert resolve_topic(topic) is cls
    word = r"[a-z]+(-[a-z]+)*"
    if cls.__module__.startswith("shared."):
        assert re.fullmatch(rf"(ask|parked|heard-fact)\.{word}", topic)
    else:
        house = cls.__module__.split(".")[1]
        assert re.fullmatch(rf"{house}\.{word}\.{word}", topic)
    aggregate = next(a for a in AGGREGATES if cls in vars(a).values())
    assert topic.rpartition(".")[0] == vars(aggregate)["TOPIC"]


@pytest.mark.parametrize("topic", TOPICS)
def test_an_event_holds_nothing_inexact_and_nothing_unreadable(topic: str) -> None:
    fields = get_type_hints(stored_shape(EVENTS[topic]))
    shapes = {name: hint for name, hint in fields.items() if not name.startswith("originator")}
    found = [fault for name, hint in shapes.items() for fault in unfit(hint, name)]
    as_json = {"ask.made": ["arguments: typing.Any"], "heard-fact.kept": ["content: typing.Any"]}
    assert found == as_json.get(topic, []), "only what is kept as JSON for others to read"
    msgspec.json.Decoder(stored_shape(EVENTS[topic]))


def test_floats_and_unknown_types_in_an_event_are_noticed() -> None:
    assert list(unfit(float, "rate"))
    assert list(unfit(tuple[int, dict[str, float | None]], "rates"))
    assert list(unfit(list[int], "amounts"))
    assert list(unfit(object, "thing"))
    assert list(unfit(tuple[int, dict[str, Decimal | None]], "rates")) == []


@pytest.mark.parametrize("topic", TOPICS)
def test_every_version_of_an_event_has_a_golden_file(topic: str) -> None:
    versions = range(1, class_version(EVENTS[topic]) + 1)
    assert [v for v in versions if not golden_file(topic, v).exists()] == []


def test_no_golden_file_is_of_no_event() -> None:
    numbers = {topic: range(1, class_version(cls) + 1) for topic, cls in EVENTS.items()}
    wanted = {golden_file(topic, v) for topic, versions in numbers.items() for v in versions}
    assert set(GOLDEN.iterdir()) == wanted


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.json")), ids=lambda file: file.stem)
def test_what_was_stored_once_is_read_and_written_the_same_for_ever(file: Path) -> None:
    golden = json.loads(file.read_text("utf-8"))
    assert tuple(golden) == COLUMNS
    topic, _, version = file.stem.rpartition(".v")
    assert golden["topic"] == topic
    assert golden["state"].get("class_version", 1) == int(version)
    row = stored(golden)
    read = MAPPER.to_domain_event(row)
    assert type(read) is EVENTS[topic]
    if int(version) == class_version(EVENTS[topic]):
        written = MAPPER.to_stored_event(read)
        assert dataclasses.replace(written, state=b"") == dataclasses.replace(row, state=b"")
        assert json.loads(written.state) == golden["state"]


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.json")), ids=lambda file: file.stem)
def test_every_stored_event_has_its_cause_and_its_time_and_no_python_in_it(file: Path) -> None:
    golden = json.loads(file.read_text("utf-8"))
    assert re.fullmatch(r"ask:[0-9a-f-]{36}|\w+/\d+:\d+", golden["state"]["cause"])
    assert datetime.fromisoformat(golden["state"]["timestamp"]).utcoffset() is not None
    assert not re.search(r"\b(services|shared)\.\w+[.:]|_type_|<class", json.dumps(golden["state"]))


@pytest.mark.parametrize("topic", TOPICS)
def test_a_stored_event_that_lost_a_field_is_not_read_in_silence(topic: str) -> None:
    golden = json.loads(golden_file(topic, class_version(EVENTS[topic])).read_text("utf-8"))
    optional = stored_shape(EVENTS[topic]).__optional_keys__
    for name in golden["state"].keys() - optional - {"class_version"}:
        state = {key: value for key, value in golden["state"].items() if key != name}
        with pytest.raises(MapperDeserialisationError, match=topic):
            MAPPER.to_domain_event(stored({**golden, "state": state}))


@pytest.mark.parametrize("name", ["hard-season-1", "hard-season-2", "rare things"])
def test_what_is_rebuilt_from_the_log_is_what_was_live(
    cagette: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []

    class Compared(Work):
        def commit(self, steps: Any = ()) -> int:
            count = super().commit(steps)
            for stream, live in self._in_hand.items():
                rebuilt = Work(self._recorder, self._mapper).find(Aggregate, stream)
                if isinstance(live, Asked | HeardFact):
                    assert msgspec.json.encode(vars(rebuilt)) == msgspec.json.encode(vars(live))
                elif live is not None and rebuilt is not None:
                    assert rebuilt == live
                    assert deep(vars(rebuilt)) == deep(vars(live))
                    compared.append(type(live).__name__)
            return count

    monkeypatch.setattr(shared.eventstore.log, "Work", Compared)
    if name == "rare things":
        rare_things(cagette)
    else:
        cagette.do(steps_of(SEASONS / name))
    assert len(set(compared)) >= 10


def test_what_is_under_an_event_only_assigns() -> None:
    files = [*ROOT.glob("services/*/domain/*.py"), *ROOT.glob("shared/*/*.py")]
    found = {str(file): rules_in_events(file.read_text("utf-8")) for file in files}
    assert {name: rules for name, rules in found.items() if rules} == {}


RULES = (
    "raise Refusal('no')",
    "if eggs < 0:\n            raise Refusal('no')",
    "assert eggs",
    "self.at = datetime.now(UTC)",
    "self.on = date.today()",
    "self.id = uuid4()",
    "self.lay(eggs)",
    "return eggs",
)


@pytest.mark.parametrize("body", RULES)
def test_a_rule_under_an_event_is_noticed(body: str) -> None:
    sample = "class Hen(Aggregate):\n    @event(Laid)\n    def lay(self, eggs):\n        {}\n"
    assert rules_in_events(sample.format(body))
    assert rules_in_events(sample.format("self.eggs = eggs if eggs else 0")) == []


if __name__ == "__main__":
    write_missing()
