"""The treaty as documents: a JSON Schema per fact, and one AsyncAPI 3.0 document."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.facts.base import Fact
from shared.facts.catalogue import FACTS

FOLDER = Path(__file__).parent
EXAMPLES = FOLDER / "examples"
HOUSES = ("gateway", "training", "billing")


def documents() -> dict[str, str]:
    """Every generated document, by its name below `shared/facts`."""
    found = {f"schemas/{name}.json": _text(schema(fact)) for name, fact in FACTS.items()}
    found["asyncapi.json"] = _text(asyncapi())
    return found


def schema(fact: type[Fact]) -> dict[str, Any]:
    """The JSON Schema of a fact's value."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/schemas/{fact.type()}.json",
        **fact.model_json_schema(),
    }


def asyncapi() -> dict[str, Any]:
    """Which facts travel on which topic, under which key."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Cagette billing: facts", "version": "1.0.0"},
        "defaultContentType": "application/json",
        "channels": {house: _channel(house) for house in HOUSES},
        "operations": {
            f"{house}Tells": {"action": "send", "channel": {"$ref": f"#/channels/{house}"}}
            for house in HOUSES
        },
        "components": {"messages": {name: _message(fact) for name, fact in FACTS.items()}},
    }


def differing() -> list[str]:
    """The documents that are missing, differ from the code, or belong to no fact any more."""
    wanted = documents()
    found = {f"schemas/{file.name}" for file in (FOLDER / "schemas").glob("*.json")}
    stale = sorted(found - wanted.keys())
    return [name for name, text in wanted.items() if _read(name) != text] + stale


def examples_refused() -> list[str]:
    """Facts without a golden example, and examples that do not match their fact."""
    refused = []
    for name, fact in FACTS.items():
        text = _read(f"examples/{name}.json")
        try:
            told = fact.model_validate_json(text or "")
        except ValidationError as reason:
            refused.append(f"examples/{name}.json ({reason.error_count()} errors)")
        else:
            if json.loads(told.model_dump_json()) != json.loads(text):
                refused.append(f"examples/{name}.json (not what the fact would write)")
    return refused


def _channel(house: str) -> dict[str, Any]:
    names = [name for name, fact in FACTS.items() if fact.speaker == house]
    return {
        "address": f"cagette.{house}.facts.v1",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": {"partitions": 6, "bindingVersion": "0.5.0"}},
    }


def _message(fact: type[Fact]) -> dict[str, Any]:
    return {
        "name": fact.type(),
        "title": fact.__name__,
        "summary": (fact.__doc__ or "").strip().partition("\n")[0],
        "payload": {"$ref": f"./schemas/{fact.type()}.json"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": fact.key_field},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _read(name: str) -> str:
    file = FOLDER / name
    return file.read_text(encoding="utf-8") if file.exists() else ""
