"""AsyncAPI's own parser reads the document of the facts, and refuses it once it is spoiled."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.facts.catalogue import FACTS
from shared.facts.documents import FOLDER, HOUSES
from tests.support.services import npm_installed

PARSER = Path(__file__).parents[1] / "asyncapi"
FEE = "cagette.billing.FeeCharged.v1"
Json = dict[str, Any]


def fee(document: Json) -> Json:
    """The message of a fee in the document."""
    message: Json = document["components"]["messages"][FEE]
    return message


SPOILED: tuple[tuple[str, Callable[[Json], object], str], ...] = (
    ("asyncapi", lambda d: d["info"].pop("version"), 'required property "version"'),
    ("asyncapi", lambda d: d.update(asyncapi="3.9.9"), '"3.9.9" is not supported'),
    ("asyncapi", lambda d: d["operations"]["billingTells"].update(action="publish"), "send"),
    ("asyncapi", lambda d: d["components"]["messages"].pop(FEE), f"{FEE}' does not exist"),
    ("asyncapi", lambda d: d["channels"].pop("billing"), "billing' does not exist"),
    ("asyncapi", lambda d: fee(d).update(payload={"type": "cents"}), f"{FEE}/payload/type"),
    ("asyncapi", lambda d: fee(d)["bindings"]["kafka"].update(key="cents"), "kafka/key"),
    (f"schemas/{FEE}", lambda d: d["properties"]["month"].update(type="month"), "month/type"),
    (f"schemas/{FEE}", lambda d: d.update(required="fee_id"), "required"),
)
"""A document, how it is spoiled, and what the parser says of it."""


def copied(folder: Path) -> Path:
    """A copy of the published documents, to be spoiled."""
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return folder


def spoiled(folder: Path, name: str, change: Callable[[Json], object]) -> Path:
    """A copy of the published documents of which one is changed."""
    file = copied(folder) / f"{name}.json"
    content = json.loads(file.read_text("utf-8"))
    change(content)
    file.write_text(json.dumps(content), "utf-8")
    return folder


def test_the_parser_finds_every_fact_on_its_topic_and_refuses_what_is_spoiled(
    tmp_path: Path,
) -> None:
    folders = [spoiled(tmp_path / str(n), *case[:2]) for n, case in enumerate(SPOILED)]
    lacking = copied(tmp_path / "lacking")
    (lacking / f"schemas/{FEE}.json").unlink()
    files = [str(folder / "asyncapi.json") for folder in (FOLDER, *folders, lacking)]
    parser = npm_installed(PARSER, tmp_path / "parser")
    command = ["node", "parse.mjs", *files]
    done = subprocess.run(command, cwd=parser, capture_output=True, text=True, check=True)
    sound, *refused = json.loads(done.stdout).values()
    assert sound == {
        "carried": {
            f"cagette.{house}.facts.v1": {
                name: sorted(fact.model_json_schema()["properties"])
                for name, fact in FACTS.items()
                if fact.speaker == house
            }
            for house in HOUSES
        }
    }
    for verdict, said in zip(refused, [*(case[2] for case in SPOILED), FEE], strict=True):
        assert said in "\n".join(verdict["errors"])
