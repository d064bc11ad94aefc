"""Keys at the doors of a running deployment: given, revoked, and looked up in a dead database."""

import json
import time

import httpx2 as httpx

from shared.web.keyring import FRESH_SECONDS
from tests.support.processes import Servers, wait_until


def test_a_key_counts_within_seconds_and_no_longer_and_opens_nothing_without_the_database(
    servers: Servers,
) -> None:
    deployment, postgres, _ = servers

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
