"""Settings, read from the environment with the prefix `CAGETTE_`."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where a home is and how it is opened. Nothing set: SQLite files under `./var`."""

    model_config = SettingsConfigDict(env_prefix="CAGETTE_")

    home: Path = Path("var")
    """Folder of the houses' files."""
    key: str | None = None
    """Bearer key of the HTTP API; unset: the one in the file `api-key` of the home."""
    patience_seconds: int = 10
    """How long to wait for another writer on the same home."""
    host: str = "127.0.0.1"
    port: int = 8080
    maximum_body_bytes: int = 4 * 1024 * 1024
