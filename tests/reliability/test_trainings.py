"""Training's door killed in a running deployment: 503 meanwhile, and nothing lost afterwards."""

from pathlib import Path

from tests.gateway.test_door import CALLS
from tests.gateway.test_training_reads import READS
from tests.support.notices import completion, enrolment, market, session
from tests.support.processes import running, wait_until

TRAININGS = (session(), enrolment("2024-10-20"), completion("2024-12-13"))


def test_a_training_that_dies_is_503_and_back_after_its_start(
    tmp_path: Path, database_url: str, broker: dict[str, str]
) -> None:
    with (
        running(tmp_path / "deployed", database_url, broker) as deployment,
        deployment.client() as gateway,
    ):
        for notice in TRAININGS[:2]:
            method, path = CALLS[notice["kind"]]
            url = path.format(**notice).removeprefix("/v1")
            assert gateway.request(method, url, json=notice["body"]).status_code == 201
        deployment.kill("serve training")
        post = CALLS["completion"][1].format(**TRAININGS[2]).removeprefix("/v1")
        body, key = TRAININGS[2]["body"], {"Idempotency-Key": "key-1"}
        for path in READS:
            away = gateway.get(path.removeprefix("/v1"))
            assert (away.status_code, "Retry-After" in away.headers) == (503, True)
            assert away.json()["type"] == "urn:cagette:problem:neighbour-away"
        assert gateway.post(post, json=body, headers=key).status_code == 503
        assert gateway.put("/markets/1", json=market("1")["body"]).status_code == 201
        deployment.start("serve training")
        wait_until(lambda: deployment.is_up(deployment.training_port))
        assert gateway.post(post, json=body, headers=key).json() == {"result": "created"}
        again = gateway.post(post, json=body, headers=key)
        assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
        wait_until(lambda: gateway.get("/bpf?year=2024").json()["total"]["trainees"] == 1)
        for path in READS:
            assert gateway.get(path.removeprefix("/v1")).status_code == 200
