"""The treaty: what houses tell is documented as it is coded, and every refusal has its status."""

import json
import pkgutil
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

import deploy
import services
import shared
from shared.facts import documents
from shared.facts.base import Fact
from shared.facts.catalogue import FACTS
from shared.facts.envelope import Message, UnknownFact, opened
from shared.facts.gateway import MarketPaymentModeChanged
from shared.kernel.errors import Refusal
from shared.web.problems import STATUS
from tests.architecture.test_events import below

Json = dict[str, Any]

TYPES = sorted(FACTS)
ADDRESSES = {house: f"cagette.{house}.facts.v1" for house in ("gateway", "training", "billing")}
KINDS = {
    "string": "une fois",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "null": None,
    "array": ["x"],
    "object": {"x": 1},
}
"""One value of each JSON type."""


def read(name: str) -> Json:
    """A document below `shared/facts`."""
    found: Json = json.loads((documents.FOLDER / name).read_text("utf-8"))
    return found


def example(name: str) -> Json:
    """The golden example of a fact."""
    return read(f"examples/{name}.json")


def by_schema(name: str) -> Draft202012Validator:
    """A validator of the published schema of a fact."""
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(read(f"schemas/{name}.json"), format_checker=checker)


def by_class(name: str, value: Json) -> bool:
    """Whether a house takes a value for a fact."""
    try:
        FACTS[name].model_validate_json(json.dumps(value))
    except ValidationError:
        return False
    return True


def grown(value: Any) -> Any:
    """A value as a later version may tell it: with one more field in every object."""
    if isinstance(value, dict):
        return {**{key: grown(field) for key, field in value.items()}, "told_since_v9": "x"}
    return [grown(item) for item in value] if isinstance(value, list) else value


def spoiled(name: str) -> Iterator[tuple[str, Json]]:
    """The golden example with one field of another JSON type, for every field and type."""
    for field in example(name):
        for kind, value in KINDS.items():
            yield f"{field} as {kind}", {**example(name), field: value}


@pytest.fixture
def altered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the treaty, to alter."""
    folder = tmp_path / "facts"
    shutil.copytree(documents.FOLDER, folder)
    monkeypatch.setattr(documents, "FOLDER", folder)
    return folder


def all_refusals() -> set[type[Refusal]]:
    """Every refusal of the product."""
    for package in (deploy, services, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            pkgutil.resolve_name(module.name)
    ours = ("deploy.", "services.", "shared.")
    return {cls for cls in below(Refusal) if cls.__module__.startswith(ours)}


def unstated(refusals: set[type[Refusal]], names: set[str]) -> set[str]:
    """Names of refusals without a status, and of statuses without a refusal."""
    return {refusal.name for refusal in refusals} ^ names


def test_the_documents_say_what_the_code_says() -> None:
    assert documents.differing() == []


def test_every_golden_example_is_what_its_fact_would_write() -> None:
    assert documents.examples_refused() == []
    assert {file.stem for file in (documents.FOLDER / "examples").iterdir()} == set(FACTS)


def test_an_untouched_copy_of_the_treaty_is_accepted(altered: Path) -> None:
    assert altered == documents.FOLDER
    assert documents.differing() == []
    assert documents.examples_refused() == []


def test_a_fact_whose_field_changed_its_type_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Changed(MarketPaymentModeChanged):
        payment_mode: int  # type: ignore[assignment]

    Changed.__name__ = "MarketPaymentModeChanged"
    name = MarketPaymentModeChanged.type()
    monkeypatch.setitem(FACTS, name, Changed)
    assert f"schemas/{name}.json" in documents.differing()
    assert documents.examples_refused() == [f"examples/{name}.json (1 errors)"]


def test_a_fact_that_lost_a_field_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class MarketPaymentModeChanged(Fact):
        speaker: ClassVar[str] = "gateway"
        key_field: ClassVar[str] = "market_id"
        market_id: str

    name = MarketPaymentModeChanged.type()
    monkeypatch.setitem(FACTS, name, MarketPaymentModeChanged)
    assert f"schemas/{name}.json" in documents.differing()
    assert documents.examples_refused() == [f"examples/{name}.json (not what the fact would write)"]


def test_a_new_fact_without_documents_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class MarketForgotten(Fact):
        speaker: ClassVar[str] = "gateway"
        producer_id: str

    name = MarketForgotten.type()
    monkeypatch.setitem(FACTS, name, MarketForgotten)
    assert documents.differing() == [f"schemas/{name}.json", "asyncapi.json"]
    assert documents.examples_refused() == [f"examples/{name}.json (1 errors)"]


@pytest.mark.parametrize("name", TYPES)
def test_a_missing_or_edited_document_is_noticed(altered: Path, name: str) -> None:
    (altered / f"examples/{name}.json").unlink()
    (altered / f"schemas/{name}.json").write_text("{}\n", "utf-8")
    (altered / "schemas/cagette.billing.Forgotten.v1.json").write_text("{}\n", "utf-8")
    (altered / "asyncapi.json").unlink()
    assert documents.differing() == [
        f"schemas/{name}.json",
        "asyncapi.json",
        "schemas/cagette.billing.Forgotten.v1.json",
    ]
    assert [refused.split(" ")[0] for refused in documents.examples_refused()] == [
        f"examples/{name}.json"
    ]


@pytest.mark.parametrize("name", TYPES)
def test_a_golden_example_validates_against_its_published_schema(name: str) -> None:
    Draft202012Validator.check_schema(read(f"schemas/{name}.json"))
    assert [error.message for error in by_schema(name).iter_errors(example(name))] == []


@pytest.mark.parametrize("name", TYPES)
def test_schema_and_house_both_refuse_a_fact_that_lost_a_field(name: str) -> None:
    required = read(f"schemas/{name}.json")["required"]
    assert FACTS[name].key_field in {*required, "tariff"}
    for field in required:
        rest = {key: value for key, value in example(name).items() if key != field}
        assert not by_schema(name).is_valid(rest), field
        assert not by_class(name, rest), field


@pytest.mark.parametrize("name", TYPES)
def test_a_house_parks_a_fact_whose_published_schema_refuses_it(name: str) -> None:
    validator = by_schema(name)
    taken = [what for what, v in spoiled(name) if by_class(name, v) and not validator.is_valid(v)]
    assert taken == []


@pytest.mark.parametrize("name", TYPES)
def test_no_amount_and_no_rate_is_taken_as_text_or_as_a_fraction(name: str) -> None:
    fields = [field for field in example(name) if re.search(r"_(cents|bp)$", field)]
    for field in fields:
        for value in (12.5, "12", True, None):
            assert not by_class(name, {**example(name), field: value}), (field, value)


@pytest.mark.parametrize("name", TYPES)
def test_readers_ignore_fields_that_they_do_not_know(name: str) -> None:
    fact = FACTS[name]
    later = json.dumps(grown(example(name)))
    today = json.dumps(example(name))
    assert fact.model_validate_json(later) == fact.model_validate_json(today)
    assert by_schema(name).is_valid(json.loads(later))


@pytest.mark.parametrize("name", TYPES)
def test_a_fact_is_opened_as_the_class_of_its_type(name: str) -> None:
    told = FACTS[name].model_validate_json(json.dumps(example(name)))
    value = json.dumps(example(name)).encode()
    message = Message(told.speaker, 1, name, told.key, datetime(2024, 3, 1, tzinfo=UTC), value)
    assert opened(message) == told
    assert type(told) is FACTS[name]
    assert name == f"cagette.{told.speaker}.{type(told).__name__}.v1"
    assert told.key == str(example(name)[told.key_field])
    with pytest.raises(UnknownFact):
        opened(replace(message, type=name.replace(".v1", ".v2")))


def test_every_fact_that_a_house_can_tell_is_in_the_catalogue() -> None:
    spoken = {cls for cls in below(Fact) if cls.__module__.startswith("shared.facts.")}
    assert {cls for cls in spoken if not cls.__name__.endswith("Fact")} == set(FACTS.values())


@pytest.mark.parametrize("name", TYPES)
def test_the_asyncapi_document_names_a_fact_on_its_speaker_s_topic_alone(name: str) -> None:
    document, fact = read("asyncapi.json"), FACTS[name]
    channels = document["channels"]
    carrying = [house for house, channel in channels.items() if name in channel["messages"]]
    assert carrying == [fact.speaker]
    assert channels[fact.speaker]["address"] == ADDRESSES[fact.speaker]
    pointer = channels[fact.speaker]["messages"][name]["$ref"]
    assert pointer == f"#/components/messages/{name}"
    message = document["components"]["messages"][name]
    assert read(message["payload"]["$ref"])["$id"] == f"/schemas/{name}.json"
    assert message["bindings"]["kafka"]["key"]["description"] == fact.key_field
    assert document["operations"][f"{fact.speaker}Tells"]["channel"]["$ref"] == (
        f"#/channels/{fact.speaker}"
    )


def test_the_asyncapi_document_names_nothing_that_is_no_fact() -> None:
    document = read("asyncapi.json")
    assert set(document["components"]["messages"]) == set(FACTS)
    assert set(document["channels"]) == set(ADDRESSES)


def test_every_refusal_has_a_status_and_every_status_a_refusal() -> None:
    assert unstated(all_refusals(), set(STATUS)) == set()


def test_every_refusal_has_a_name_of_its_own() -> None:
    names = [vars(refusal).get("name", refusal.__qualname__) for refusal in all_refusals()]
    assert sorted(set(names)) == sorted(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)] == []


def test_every_status_says_that_the_asker_or_the_house_is_at_fault() -> None:
    assert [name for name, status in STATUS.items() if not 400 <= status.value < 600] == []


def test_a_refusal_without_a_status_and_a_status_without_a_refusal_are_noticed() -> None:
    class Rained(Refusal):
        name = "rained"

    assert unstated({*all_refusals(), Rained}, set(STATUS)) == {"rained"}
    assert unstated(all_refusals(), {*STATUS, "snowed"}) == {"snowed"}
