"""Settings, read from the environment with the prefix `CAGETTE_`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=0, le=65_535)]


class Settings(BaseSettings):
    """Where a home is and how it is opened.

    With nothing set: SQLite files under `./var` and the embedded transport. With `database_url`
    and `kafka_bootstrap` together: the deployment.
    """

    model_config = SettingsConfigDict(env_prefix="CAGETTE_")

    home: Path = Path("var")
    """The folder that holds the houses' files."""
    database_url: str | None = None
    """PostgreSQL, one schema per house: postgresql://user:password@host/database."""
    vault_url: str | None = None
    """The vault's PostgreSQL, if it has a database of its own; default: `database_url`."""
    kafka_bootstrap: str | None = None
    """Kafka: host:port, several separated by commas."""
    kafka_prefix: str = "cagette"
    """The first word of the topics: cagette.gateway.facts.v1."""
    training_url: str | None = None
    """Where the gateway finds training's HTTP API, if training is a separate process."""
    key: str | None = None
    """Key of the deployment's own processes; default: the one in the home's file `api-key`."""
    patience_seconds: int = 10
    """How long to wait for another writer on the same home."""
    host: str = "127.0.0.1"
    port: Port = 8080
    maximum_body_bytes: int = 4 * 1024 * 1024
    body_seconds: PositiveInt = 30
    """How long a body may take to arrive."""
    requests_per_second: NonNegativeInt = 200
    """Per key at each door, with bursts of twice as many after a rest; 0: no limit."""
    requests_in_flight: NonNegativeInt = 100
    """Per door; requests beyond that are told to retry later. 0: no limit."""
