"""The rooms of the houses and the doors between them, and that every rule about them bites."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
HOUSES = ("billing", "gateway", "training")
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

INDEPENDENT = "houses never import each other"
ROOMS = "every house has the same rooms, and doors open one way"
DOWNWARDS = "deploy knows the houses, the houses know the treaty"
TREATY = "the treaty's own layers"
PURE = "domain and kernel know no framework, no I/O, no clock, no chance"
EVENT_LIBRARY = "the event sourcing library stays in the event store, and in the kernel's aggregate"
BROKERS = "kafka in the messaging, psycopg in the event store"
CIPHERS = "cryptography in the vault"
PEOPLE = "use cases answer people, they hear and tell no facts"


class Planted(NamedTuple):
    """A violation: one line at the end of a module (created if missing), and its contract."""

    contract: str
    module: str
    line: str

    def __str__(self) -> str:
        return f"{self.module}: {self.line}"


VIOLATIONS = [
    Planted(INDEPENDENT, "services.billing.domain.words", "import services.gateway.domain.market"),
    Planted(INDEPENDENT, "services.billing.main", "import services.training.main"),
    Planted(INDEPENDENT, "services.gateway.api.routes", "import services.training.api.desk"),
    Planted(INDEPENDENT, "services.gateway.use_cases.markets", "import services.billing.views"),
    Planted(INDEPENDENT, "services.training.publishing", "import services.billing.publishing"),
    Planted(INDEPENDENT, "services.training.application", "import services.gateway.application"),
    Planted(ROOMS, "services.billing.domain.sale", "import services.billing.application"),
    Planted(ROOMS, "services.gateway.domain.market", "import services.gateway.use_cases.markets"),
    Planted(ROOMS, "services.training.domain.session", "import services.training.api.desk"),
    Planted(ROOMS, "services.billing.application", "import services.billing.use_cases.closing"),
    Planted(ROOMS, "services.billing.application", "import services.billing.publishing"),
    Planted(ROOMS, "services.billing.use_cases.closing", "import services.billing.views.fees"),
    Planted(ROOMS, "services.billing.use_cases.closing", "import services.billing.publishing"),
    Planted(ROOMS, "services.billing.policies.from_gateway", "import services.billing.use_cases"),
    Planted(ROOMS, "services.billing.use_cases.tariffs", "import services.billing.policies"),
    Planted(ROOMS, "services.billing.publishing", "import services.billing.policies.from_gateway"),
    Planted(ROOMS, "services.billing.views.fees", "import services.billing.adapters.html"),
    Planted(ROOMS, "services.billing.views.fees", "import services.billing.api.desk"),
    Planted(ROOMS, "services.billing.adapters.html", "import services.billing.api.desk"),
    Planted(ROOMS, "services.billing.api.desk", "import services.billing.adapters.html"),
    Planted(ROOMS, "services.billing.api.desk", "import services.billing.main"),
    Planted(ROOMS, "services.training.use_cases.sessions", "import services.training.main"),
    Planted(ROOMS, "services.billing.helpers", "MORE = 1"),
    Planted(ROOMS, "services.billing.utils.__init__", "MORE = 1"),
    Planted(ROOMS, "services.gateway.manager", "MORE = 1"),
    Planted(ROOMS, "services.training.queries.__init__", "MORE = 1"),
    Planted(DOWNWARDS, "services.billing.main", "import deploy.cli.home"),
    Planted(DOWNWARDS, "services.gateway.domain.market", "import deploy"),
    Planted(DOWNWARDS, "shared.messaging.house", "import services.billing.application"),
    Planted(DOWNWARDS, "shared.kernel.money", "import services.billing.domain.words"),
    Planted(DOWNWARDS, "shared.web.app", "import deploy.cli.output"),
    Planted(TREATY, "shared.kernel.money", "import shared.eventstore.log"),
    Planted(TREATY, "shared.kernel.money", "import shared.settings"),
    Planted(TREATY, "shared.vault.seal", "import shared.facts.base"),
    Planted(TREATY, "shared.vault.keys", "import shared.eventstore.views"),
    Planted(TREATY, "shared.settings", "import shared.vault.vault"),
    Planted(TREATY, "shared.facts.base", "import shared.messaging.rules"),
    Planted(TREATY, "shared.facts.base", "import shared.eventstore.log"),
    Planted(TREATY, "shared.facts.base", "import shared.asks.base"),
    Planted(TREATY, "shared.asks.base", "import shared.facts.base"),
    Planted(TREATY, "shared.eventstore.log", "import shared.messaging.house"),
    Planted(TREATY, "shared.eventstore.log", "import shared.web.problems"),
    Planted(TREATY, "shared.messaging.house", "import shared.web.problems"),
    Planted(TREATY, "shared.web.app", "import shared.messaging.house"),
    Planted(TREATY, "shared.helpers", "MORE = 1"),
    Planted(TREATY, "shared.common.__init__", "MORE = 1"),
    Planted(EVENT_LIBRARY, "services.billing.domain.sale", "import eventsourcing.domain"),
    Planted(EVENT_LIBRARY, "services.billing.application", "import eventsourcing.application"),
    Planted(EVENT_LIBRARY, "services.gateway.main", "import sqlite3"),
    Planted(EVENT_LIBRARY, "deploy.cli.home", "import eventsourcing.persistence"),
    Planted(EVENT_LIBRARY, "deploy.cli.home", "import sqlite3"),
    Planted(EVENT_LIBRARY, "shared.kernel.money", "import eventsourcing.domain"),
    Planted(EVENT_LIBRARY, "shared.messaging.house", "import eventsourcing.persistence"),
    Planted(EVENT_LIBRARY, "shared.facts.base", "import eventsourcing.domain"),
    Planted(EVENT_LIBRARY, "shared.asks.base", "import eventsourcing.domain"),
    Planted(EVENT_LIBRARY, "shared.web.app", "import eventsourcing.application"),
    Planted(EVENT_LIBRARY, "shared.vault.seal", "import eventsourcing.cipher"),
    Planted(EVENT_LIBRARY, "shared.vault.keys", "import sqlite3"),
    Planted(EVENT_LIBRARY, "shared.settings", "import eventsourcing.utils"),
    Planted(BROKERS, "services.billing.main", "import kafka"),
    Planted(BROKERS, "deploy.cli.home", "import psycopg"),
    Planted(BROKERS, "shared.web.app", "import psycopg_pool"),
    Planted(BROKERS, "shared.vault.keys", "import psycopg"),
    Planted(CIPHERS, "services.billing.adapters.html", "import cryptography.fernet"),
    Planted(CIPHERS, "services.gateway.main", "import cryptography"),
    Planted(CIPHERS, "deploy.cli.home", "import cryptography.hazmat.primitives.ciphers.aead"),
    Planted(CIPHERS, "shared.eventstore.mapper", "import cryptography"),
    Planted(CIPHERS, "shared.kernel.persons", "import cryptography"),
    Planted(PEOPLE, "services.billing.use_cases.closing", "import shared.facts.billing"),
    Planted(PEOPLE, "services.gateway.use_cases.markets", "import shared.facts.gateway"),
    Planted(PEOPLE, "services.training.use_cases.sessions", "import shared.facts.training"),
    Planted(PEOPLE, "services.gateway.use_cases.markets", "import shared.web.problems"),
    Planted(PEOPLE, "services.billing.use_cases.closing", "import fastapi"),
    Planted(PEOPLE, "services.training.use_cases.sessions", "import pydantic"),
]

PURE_MODULES = (
    "services.billing.domain.words",
    "services.gateway.domain.market",
    "services.training.domain.learner",
    "shared.kernel.money",
)
IMPURE = (
    "fastapi", "jinja2", "logging", "msgspec", "os", "pathlib", "pydantic", "random", "secrets",
    "socket", "sqlalchemy", "sqlite3", "subprocess", "time", "typer", "uvicorn", "shared.asks",
    "shared.eventstore", "shared.facts", "shared.messaging", "shared.settings", "shared.vault",
    "shared.web",
)  # fmt: skip

BANNED = [
    ("importlib.import_module", "import importlib\n\nCALLED = importlib.import_module('math')\n"),
    (
        "datetime.datetime.now",
        "from datetime import UTC, datetime\n\nCALLED = datetime.now(UTC)\n",
    ),
    ("datetime.date.today", "from datetime import date\n\nCALLED = date.today()\n"),
    ("uuid.uuid4", "from uuid import uuid4\n\nCALLED = uuid4()\n"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product in another folder, to plant violations in."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("deploy", "services", "shared"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@contextmanager
def planted(copy: Path, module: str, text: str) -> Iterator[Path]:
    """A module with text appended, for a while."""
    file = copy / f"{module.replace('.', '/')}.py"
    before = file.read_text("utf-8") if file.exists() else None
    made = None if file.parent.exists() else file.parent
    file.parent.mkdir(exist_ok=True)
    file.write_text((before or "") + text + "\n", "utf-8")
    try:
        yield file
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_text(before, "utf-8")
        if made:
            shutil.rmtree(made)


class Linted(NamedTuple):
    """What lint-imports said."""

    passed: bool
    broken: set[str]
    said: str


def lint_imports(folder: Path) -> Linted:
    """The verdict of the real lint-imports on a folder."""
    command = [str(BIN / "lint-imports"), "--no-cache", "--no-logo"]
    environment = {**os.environ, "COLUMNS": "250", "NO_COLOR": "1"}
    ran = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if "Contracts:" not in ran.stdout:
        raise AssertionError(ran.stdout + ran.stderr)
    broken = set(re.findall(r"^(.+) BROKEN", ran.stdout, re.MULTILINE))
    return Linted(ran.returncode == 0, broken, ran.stdout)


def ruff(folder: Path, *files: Path) -> str:
    """What the real ruff says of files in a folder: nothing when all is well."""
    command = [str(BIN / "ruff"), "check", "--no-cache", "-q", "--output-format=concise"]
    command += map(str, files or (folder,))
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 1):
        raise AssertionError(ran.stderr)
    return ran.stdout


def outside_libraries(source: str) -> list[str]:
    """The libraries that a module imports from outside the standard library and the product."""
    ours = {"deploy", "services", "shared", *sys.stdlib_module_names}
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return [name for name in found if name.partition(".")[0] not in ours]


def test_the_tree_keeps_every_contract() -> None:
    linted = lint_imports(ROOT)
    assert linted.passed, linted.said


def test_an_untouched_copy_keeps_every_contract(copy: Path) -> None:
    linted = lint_imports(copy)
    assert linted.passed, linted.said
    assert linted.said.count(" KEPT") == len(LINTER["contracts"])


@pytest.mark.parametrize("violation", VIOLATIONS, ids=str)
def test_a_planted_violation_breaks_its_contract(copy: Path, violation: Planted) -> None:
    with planted(copy, violation.module, violation.line):
        linted = lint_imports(copy)
    assert not linted.passed
    assert violation.contract in linted.broken


@pytest.mark.parametrize("module", PURE_MODULES)
def test_nothing_impure_enters_a_domain_or_the_kernel(copy: Path, module: str) -> None:
    with planted(copy, module, "\n".join(f"import {name}" for name in IMPURE)):
        linted = lint_imports(copy)
    assert PURE in linted.broken
    missed = [name for name in IMPURE if f"{module} -> {name} " not in linted.said]
    assert missed == []


def test_every_contract_has_a_violation_that_proves_it_bites() -> None:
    proved = {violation.contract for violation in VIOLATIONS} | {PURE}
    assert {contract["name"] for contract in LINTER["contracts"]} == proved


def test_everything_forbidden_to_the_domain_is_proved_to_be() -> None:
    contract = next(c for c in LINTER["contracts"] if c["name"] == PURE)
    assert set(contract["forbidden_modules"]) <= set(IMPURE)


def test_what_was_planted_is_gone_afterwards(copy: Path) -> None:
    before = sorted(copy.rglob("*"))
    with planted(copy, "services.billing.utils.__init__", "MORE = 1"):
        assert sorted(copy.rglob("*")) != before
    assert sorted(copy.rglob("*")) == before


def test_an_untouched_copy_has_the_style_of_the_house(copy: Path) -> None:
    assert ruff(copy) == ""


@pytest.mark.parametrize(("name", "text"), BANNED, ids=[name for name, _ in BANNED])
@pytest.mark.parametrize(
    "room", ["services.billing.domain", "services.gateway.use_cases", "shared.kernel"]
)
def test_no_clock_no_chance_and_no_import_by_name_below_the_edge(
    copy: Path, room: str, name: str, text: str
) -> None:
    with planted(copy, f"{room}.planted", f'"""Planted."""\n\n{text}'.rstrip()) as file:
        said = ruff(copy, file)
    assert f"TID251 `{name}` is banned" in said


@pytest.mark.parametrize("module", ["deploy.cli.planted", "services.billing.api.desk"])
def test_the_edge_may_make_ids(copy: Path, module: str) -> None:
    with planted(copy, module, dict(BANNED)["uuid.uuid4"]) as file:
        assert "is banned" not in ruff(copy, file)


@pytest.mark.parametrize("house", HOUSES)
def test_below_its_edge_a_house_imports_no_outside_library(house: str) -> None:
    folder = ROOT / "services" / house
    files = [folder / "application.py", folder / "publishing.py"]
    for room in ("domain", "use_cases", "policies"):
        files += sorted((folder / room).glob("*.py"))
    found = {str(f): outside_libraries(f.read_text("utf-8")) for f in files if f.exists()}
    assert {name: libraries for name, libraries in found.items() if libraries} == {}


def test_an_outside_library_is_noticed() -> None:
    source = "import json, stripe.error\nfrom sqlalchemy import Table\nimport shared.vault\n"
    assert outside_libraries(source) == ["stripe.error", "sqlalchemy"]
