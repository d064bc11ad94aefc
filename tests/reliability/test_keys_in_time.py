"""Keys at the doors of a running deployment: given, revoked, and looked for in a dead database."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from deploy.local.processes import NotToBeHad
from shared.web.keyring import FRESH_SECONDS
from tests.support.processes import Deployment, running, wait_until
from tests.support.services import missing

Servers = tuple[Deployment, LocalPostgres]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """A deployment on a database that may be killed."""
    try:
        with LocalPostgres() as postgres, LocalKafka() as kafka:
            broker = {"kafka_bootstrap": kafka.bootstrap, "kafka_prefix": "cagette"}
            with running(tmp_path / "deployed", postgres.url, broker) as deployment:
                yield deployment, postgres
    except NotToBeHad as reason:
        missing(reason)


def test_a_key_counts_within_seconds_and_no_longer_and_opens_nothing_without_the_database(
    servers: Servers,
) -> None:
    deployment, postgres = servers

    def given(*words: str) -> str:
        said = deployment.run("keys", "add", *words, "--json").stdout
        key: str = json.loads(said)["key"]
        return key

    def status(key: str, path: str = "/v1/held") -> int:
        url = f"http://127.0.0.1:{deployment.port}{path}"
        return httpx.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=30).status_code

    first, second = given("reader", "--scope", "read"), given("reader", "--scope", "read")
    assert (status(first), status(second)) == (200, 200)
    revoked = deployment.run("keys", "revoke", first.split("_")[1], "--why", "rotated")
    assert revoked.returncode == 0, revoked.stderr
    began = time.monotonic()
    wait_until(lambda: status(first) == 401, seconds=30)
    assert time.monotonic() - began < FRESH_SECONDS + 5
    assert status(second) == 200
    postgres.kill()
    wait_until(lambda: status(second) == 503, seconds=30)
    assert status(first) in (401, 503)
    assert status(second, "/livez") == 200
    postgres.start()
    wait_until(lambda: status(second) == 200, seconds=30)
    assert status(first) == 401
