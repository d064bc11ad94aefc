"""The schema of a log changes only with its version, or older homes would go on without the change.

`python -m tests.architecture.test_schema` writes the golden file of a version that has none.
"""

from pathlib import Path

from shared.eventstore.postgres_schema import SCHEMA
from shared.eventstore.recorder import SCHEMA_VERSION
from shared.eventstore.sqlite import TABLES
from tests.architecture.test_events import ROOT

GOLDEN = ROOT / "tests" / "golden" / "schemas"


def made() -> str:
    """The statements with which `migrate` creates a log, on either database."""
    return "\n\n".join(["-- PostgreSQL", SCHEMA.strip(), "-- SQLite", *TABLES]) + "\n"


def golden_file(version: int) -> Path:
    """Where the schema of a version stands."""
    return GOLDEN / f"v{version}.sql"


def test_a_schema_changes_only_with_its_version() -> None:
    """A change without effect on the database is made in the golden file too."""
    assert made() == golden_file(SCHEMA_VERSION).read_text()
    assert not golden_file(SCHEMA_VERSION + 1).exists()


if __name__ == "__main__":
    with golden_file(SCHEMA_VERSION).open("x") as file:
        file.write(made())
