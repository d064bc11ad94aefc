"""Redocly's linter reads the API's document as it is served, and refuses it once it is spoiled."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.services import npm_installed
from tests.support.world import World, web_client

PACKAGE = Path(__file__).parents[1] / "openapi"
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
"""No telemetry, and no check for updates."""
Json = dict[str, Any]


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The linter, installed from its lock, beside its rules."""
    return npm_installed(PACKAGE, tmp_path_factory.mktemp("linter"))


@pytest.fixture
def document(cagette: World) -> Json:
    """The document, as it is served to everybody."""
    served: Json = web_client(cagette).get("http://testserver/openapi.json").json()
    return served


def found(linter: Path, document: Json) -> list[tuple[str, str]]:
    """What the linter says of a document: the rule and the place of each error and warning."""
    (linter / "openapi.json").write_text(json.dumps(document), "utf-8")
    command = ["node_modules/.bin/redocly", "lint", "openapi.json", "--format=json"]
    command += ["--max-problems=1000"]
    done = subprocess.run(
        command, cwd=linter, env=os.environ | QUIET, capture_output=True, text=True, check=False
    )
    assert "Unused rules" not in done.stderr, done.stderr
    said = json.loads(done.stdout)
    assert said["totals"]["ignored"] == 0
    return [(one["ruleId"], one["location"][0].get("pointer", "")) for one in said["problems"]]


def test_the_linter_finds_neither_error_nor_warning_in_the_document(
    linter: Path, document: Json
) -> None:
    assert found(linter, document) == []


def standing(document: Json) -> Json:
    """An operation of the document."""
    operation: Json = document["paths"]["/v1/producers/{producer_id}/standing"]["get"]
    return operation


def body(document: Json, path: str) -> Json:
    """The JSON answer to a GET of a path."""
    answers = document["paths"][path]["get"]["responses"]
    content: Json = answers["200"]["content"]["application/json"]
    return content


FAULTS: dict[str, Callable[[Json], object]] = {
    "struct": lambda d: d["info"].pop("version"),
    "no-empty-servers": lambda d: d.pop("servers"),
    "tag-description": lambda d: d["tags"][0].pop("description"),
    "operation-tag-defined": lambda d: standing(d).update(tags=["standing"]),
    "operation-summary": lambda d: standing(d).pop("summary"),
    "operation-description": lambda d: standing(d).pop("description"),
    "operation-operationId-unique": lambda d: standing(d).update(operationId="livez"),
    "security-defined": lambda d: standing(d).pop("security"),
    "parameter-description": lambda d: standing(d)["parameters"][1].pop("description"),
    "path-parameters-defined": lambda d: standing(d)["parameters"].pop(0),
    "no-invalid-media-type-examples": lambda d: body(d, "/v1/held")["example"].update(more=1),
    "no-invalid-schema-examples": (
        lambda d: d["components"]["schemas"]["SessionLine"].update(examples=[{}])
    ),
    "no-unresolved-refs": lambda d: body(d, "/v1/bpf").update(schema={"$ref": "#/none"}),
    "response-mime-type": lambda d: standing(d)["responses"]["200"]["content"].update(x={}),
    "no-unused-components": lambda d: d["components"]["schemas"].update(Extra={}),
    "paths-kebab-case": lambda d: d["paths"].update({"/v1/fee_previews": {}}),
    "operation-4xx-response": lambda d: d["paths"]["/livez"]["get"]["responses"].pop("413"),
    "operation-4xx-problem-details-rfc7807": lambda d: standing(d)["responses"]["404"].update(
        content={"application/json": {"schema": {"type": "object"}}}
    ),
}
"""A fault for each rule."""


def test_every_fault_that_is_planted_in_the_document_is_found(linter: Path, document: Json) -> None:
    for plant in FAULTS.values():
        plant(document)
    assert {rule for rule, _ in found(linter, document)} >= FAULTS.keys()
