"""What every view needs: room for every number that may be told, and excerpts true to events."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

import msgspec
import pytest
from eventsourcing.persistence import JSONTranscoder
from eventsourcing.utils import get_topic, resolve_topic
from msgspec.structs import fields
from sqlalchemy import BigInteger, Column, Integer

from deploy.cli.houses import VIEWS
from shared.eventstore.folding import taken
from shared.eventstore.mapper import Excerpt, TypedMapper, class_version, stored_shape
from shared.kernel.value import Value

GOLDEN = Path(__file__).parents[1] / "golden" / "events"
MAPPER = TypedMapper(JSONTranscoder())
BOUNDED = {"rate_bp", "lines", "hours"}
"""Numbers that their own rules keep small."""
COLUMNS = {
    f"{house}.{table}.{column.name}": column
    for house, views in VIEWS.items()
    for view in views
    for table in view.tables
    for column in table.columns
}


READ = {
    f"{house}.{view.name} {get_topic(cls)}": (cls, rows)
    for house, views in VIEWS.items()
    for view in views
    for cls, rows in view.rows_by_event.items()
}
EXCERPTS = {
    name: (cls, shape) for name, (cls, rows) in READ.items() if (shape := taken(rows)) is not None
}


def is_narrow(column: Column[int]) -> bool:
    """Whether PostgreSQL refuses a number above 2^31 in a column."""
    kind = column.type
    return isinstance(kind, Integer) and not isinstance(kind, BigInteger)


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_a_number_that_rises_has_room_in_every_view(column: Column[int]) -> None:
    assert not is_narrow(column) or column.name in BOUNDED


def test_a_narrow_column_is_noticed() -> None:
    assert is_narrow(Column("seq", Integer))
    assert not is_narrow(Column("seq", BigInteger))


@pytest.mark.parametrize("cls", [cls for cls, _ in READ.values()], ids=READ)
def test_a_view_knows_an_event_by_the_class_that_its_topic_names(cls: type) -> None:
    assert resolve_topic(get_topic(cls)) is cls


def fields_of(cls: type) -> dict[str, tuple[Any, bool]]:
    """The fields of an event or a part of one: what each holds, and whether it may be missing."""
    if hasattr(cls, "TOPIC"):
        shape = stored_shape(cls)
        hints = get_type_hints(shape)
        return {name: (hint, name in shape.__optional_keys__) for name, hint in hints.items()}
    if issubclass(cls, Value):
        return {field.name: (field.type, not field.required) for field in fields(cls)}
    hints, record = get_type_hints(cls), cast("Any", cls)
    may_be_missing = {
        f.name: f.default is not dataclasses.MISSING for f in dataclasses.fields(record)
    }
    return {name: (hints[name], missing) for name, missing in may_be_missing.items()}


def flaws(shape: type[Excerpt], cls: type) -> Iterator[str]:
    """Fields of an excerpt that its event lacks or may lack, or that may be None in only one."""
    known = fields_of(cls)
    for field in fields(shape):
        if field.name == "class_version":
            continue
        name = f"{shape.__name__}.{field.name}"
        if field.name not in known:
            yield f"{name} is not in {cls.__name__}"
            continue
        hint, may_be_missing = known[field.name]
        kinds, own = (get_args(hint) or (hint,)), (get_args(field.type) or (field.type,))
        if may_be_missing and field.required:
            yield f"{name} may be missing in {cls.__name__}"
        if (type(None) in kinds) != (type(None) in own):
            yield f"{name} may be None in one of both"
        (part,) = [part for part in own if hasattr(part, "class_version")] or [None]
        if part:
            yield from flaws(part, next(kind for kind in kinds if kind is not type(None)))


@pytest.mark.parametrize(("cls", "shape"), EXCERPTS.values(), ids=EXCERPTS)
def test_an_excerpt_takes_what_every_event_of_its_class_has(
    cls: type, shape: type[Excerpt]
) -> None:
    assert list(flaws(shape, cls)) == []


@pytest.mark.parametrize(("cls", "shape"), EXCERPTS.values(), ids=EXCERPTS)
def test_an_excerpt_says_what_its_event_says(cls: type, shape: type[Excerpt]) -> None:
    golden = json.loads(
        (GOLDEN / f"{get_topic(cls)}.v{class_version(cls)}.json").read_text("utf-8")
    )
    state = json.dumps(golden["state"]).encode()
    excerpt = MAPPER.excerpts(golden["topic"], shape)(golden["originator_id"], 1, state)
    assert is_part(json.loads(msgspec.json.encode(excerpt)), golden["state"])


def is_part(said: Any, whole: Any) -> bool:
    """Whether an excerpt, or a part of one, says nothing but what the whole does."""
    if not isinstance(said, dict):
        return bool(said == whole)
    own = {name: value for name, value in said.items() if name != "class_version"}
    return own.keys() <= whole.keys() and all(is_part(own[name], whole[name]) for name in own)


def test_an_excerpt_that_takes_what_may_be_missing_is_noticed() -> None:
    assert EXCERPTS

    @dataclasses.dataclass(frozen=True)
    class Part:
        there: int
        later: str | None = None

    class Shown(Excerpt):
        there: int | None
        later: str | None
        never: int = 0

    assert list(flaws(Shown, Part)) == [
        "Shown.there may be None in one of both",
        "Shown.later may be missing in Part",
        "Shown.never is not in Part",
    ]
