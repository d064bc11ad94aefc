"""Examples in an API's document: calls that were made, their answers, and those of schemas."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

Examples = Mapping[str, Mapping[str, Any]]
"""Keyed by operation (`PUT /v1/producers/{producer_id}`): its `request`, and answers by status."""


def document_with(app: FastAPI, examples: Examples) -> None:
    """Put examples into the OpenAPI document of an app."""
    plain = app.openapi

    def documented() -> dict[str, Any]:
        document = plain()
        _complete(document.get("components", {}).get("schemas", {}))
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                _illustrate(operation, examples.get(f"{method.upper()} {path}", {}))
        return document

    app.openapi = documented  # type: ignore[method-assign]


def _complete(schemas: dict[str, Any]) -> None:
    """Give the examples of schemas back their nulls, which FastAPI drops when it writes them."""
    for schema in schemas.values():
        if "examples" in schema:
            schema["examples"] = [_whole(one, schema, schemas) for one in schema["examples"]]


def _whole(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        return [_whole(one, schema.get("items", {}), schemas) for one in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    missing = [name for name in schema.get("required", ()) if name not in value]
    filled = {**value, **dict.fromkeys(missing)}
    inside = schema["properties"]
    return {name: _whole(one, inside.get(name, {}), schemas) for name, one in filled.items()}


def _illustrate(operation: dict[str, Any], examples: Mapping[str, Any]) -> None:
    bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
    for name, body in bodies.items():
        for kind, content in body.get("content", {}).items():
            found = examples.get(f"{name} {kind}", examples.get(name))
            if found is not None:
                content.setdefault("example", found)
