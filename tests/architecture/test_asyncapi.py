"""AsyncAPI's own parser reads the document of the facts, and refuses it where it is spoiled."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.facts.catalogue import FACTS
from shared.facts.documents import FOLDER, HOUSES
from tests.support.services import npm_installed

PARSER = Path(__file__).parents[1] / "asyncapi"
FEE = "cagette.billing.FeeCharged.v1"
Json = dict[str, Any]
Run = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parser, installed from its lock."""
    return npm_installed(PARSER, tmp_path_factory.mktemp("parser"))


@pytest.fixture
def altered(tmp_path: Path) -> Path:
    """A copy of the published documents, to be spoiled."""
    folder = tmp_path / "facts"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return folder


def parsed(parser: Path, folder: Path) -> Run:
    """What the parser says of a document and the schemas beside it."""
    command = ["node", "parse.mjs", str(folder / "asyncapi.json")]
    return subprocess.run(command, cwd=parser, capture_output=True, text=True, check=False)


def test_the_parser_finds_every_fact_with_its_fields_on_its_topic(parser: Path) -> None:
    done = parsed(parser, FOLDER)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        f"cagette.{house}.facts.v1": {
            name: sorted(fact.model_json_schema()["properties"])
            for name, fact in FACTS.items()
            if fact.speaker == house
        }
        for house in HOUSES
    }


def spoil(folder: Path, name: str, change: Callable[[Json], object]) -> None:
    """Change a document in place."""
    content = json.loads((folder / name).read_text("utf-8"))
    change(content)
    (folder / name).write_text(json.dumps(content), "utf-8")


def fee(document: Json) -> Json:
    """The message of a fee in the document."""
    message: Json = document["components"]["messages"][FEE]
    return message


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("asyncapi", lambda d: d["info"].pop("version"), 'required property "version"'),
        ("asyncapi", lambda d: d.update(asyncapi="3.9.9"), '"3.9.9" is not supported'),
        ("asyncapi", lambda d: d["operations"]["billingTells"].update(action="publish"), "send"),
        ("asyncapi", lambda d: d["components"]["messages"].pop(FEE), f"{FEE}' does not exist"),
        ("asyncapi", lambda d: d["channels"].pop("billing"), "billing' does not exist"),
        ("asyncapi", lambda d: fee(d).update(payload={"type": "cents"}), f"{FEE}/payload/type"),
        ("asyncapi", lambda d: fee(d)["bindings"]["kafka"].update(key="cents"), "kafka/key"),
        (f"schemas/{FEE}", lambda d: d["properties"]["month"].update(type="month"), "month/type"),
        (f"schemas/{FEE}", lambda d: d.update(required="fee_id"), "required"),
    ],
)
def test_a_spoiled_document_or_schema_is_refused(
    parser: Path, altered: Path, name: str, change: Callable[[Json], object], said: str
) -> None:
    spoil(altered, f"{name}.json", change)
    done = parsed(parser, altered)
    assert done.returncode == 1
    assert said in done.stderr


def test_a_schema_that_is_missing_is_noticed(parser: Path, altered: Path) -> None:
    (altered / f"schemas/{FEE}.json").unlink()
    done = parsed(parser, altered)
    assert done.returncode == 1
    assert FEE in done.stderr
