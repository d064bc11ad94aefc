"""Examples in the API's document: calls that were made, and what was answered."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

Examples = Mapping[str, Mapping[str, Any]]
"""By operation (`PUT /v1/producers/{producer_id}`): its `request`, and answers by status."""


def document_with(app: FastAPI, examples: Examples) -> None:
    """Put examples into the OpenAPI document of an app."""
    plain = app.openapi

    def documented() -> dict[str, Any]:
        document = plain()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                _illustrate(operation, examples.get(f"{method.upper()} {path}", {}))
        return document

    app.openapi = documented  # type: ignore[method-assign]


def _illustrate(operation: dict[str, Any], examples: Mapping[str, Any]) -> None:
    bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
    for name, body in bodies.items():
        for kind, content in body.get("content", {}).items():
            found = examples.get(f"{name} {kind}", examples.get(name))
            if found is not None:
                content.setdefault("example", found)
