"""Training behind its own door: forwarded, held, away, and back, over real HTTP on both sides."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from shared.asks.training import BODIES
from tests.gateway.test_door import CALLS, refused
from tests.gateway.test_training_reads import READS
from tests.support import notices
from tests.support.doors import (
    TrainingProcess,
    TwoDoors,
    asked_at,
    behind,
    stranger,
    two_doors,
)
from tests.support.notices import Notice, cancellation, completion, enrolment, session
from tests.support.processes import KEY, wait_until
from tests.support.world import World

SESSION, ENROLMENT = session(), enrolment("2024-10-20")
COMPLETION, CANCELLATION = completion("2024-12-13"), cancellation("2024-12-13")
TRAININGS = (SESSION, ENROLMENT, COMPLETION, CANCELLATION)
WITH_KEY = {"Authorization": f"Bearer {KEY}"}
SOLD = (notices.producer(), notices.market(), notices.distribution())


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[TwoDoors]:
    """The gateway's door, and training behind a door of its own."""
    with two_doors(tmp_path) as both:
        yield both


@pytest.fixture
def training(tmp_path: Path) -> Iterator[TrainingProcess]:
    """Training as a process, which can be killed."""
    process = TrainingProcess(tmp_path / "training")
    process.start()
    yield process
    process.kill()


@pytest.fixture
def http(training: TrainingProcess, cagette: World) -> Iterator[httpx.Client]:
    """The gateway's door in front of that process."""
    with asked_at(training.url) as asked, behind(cagette, asked) as client:
        yield client


def tell(http: httpx.Client, notice: Notice, key: str | None = None) -> httpx.Response:
    """The call that a notice stands for."""
    method, path = CALLS[notice["kind"]]
    headers = {"Idempotency-Key": key} if key else {}
    return http.request(method, path.format(**notice), json=notice["body"], headers=headers)


def told(http: httpx.Client, *given: Notice) -> None:
    """Tell notices that must be taken."""
    for notice in given:
        assert tell(http, notice).is_success, notice


def imported(http: httpx.Client, *lines: Notice) -> list[int]:
    """The status of each line of an import."""
    content = b"\n".join(json.dumps(line).encode() for line in lines)
    results = http.post("/v1/imports", content=content).text.splitlines()
    return [json.loads(result)["status"] for result in results]


def state(http: httpx.Client) -> str:
    """How far the producer came, as the gateway's door says it."""
    answer = http.get("/v1/training-sessions/INT-1")
    enrolments = answer.json()["enrolments"] if answer.is_success else []
    return str(enrolments[0]["state"]) if enrolments else "NOTHING"


def away(response: httpx.Response) -> Any:
    """Checks that a response says to come again later."""
    assert int(response.headers["Retry-After"]) > 0
    return refused(response, 503, "neighbour-away")


def test_every_notice_about_a_training_is_forwarded_and_answered_as_training_answers(
    doors: TwoDoors,
) -> None:
    before, _ = doors.heads()
    assert [tell(doors.http, notice).status_code for notice in TRAININGS] == [201] * 4
    assert {tell(doors.http, notice).json()["result"] for notice in TRAININGS} == {"unchanged"}
    refused(tell(doors.http, session(title="Autre")), 409, "number-reused")
    dear = refused(tell(doors.http, session("DEAR", price_cents=85_001)), 422, "price-too-high")
    assert dear["errors"] == [{"pointer": "/price_cents", "detail": "at most 85000"}]
    assert doors.heads()[0] == before, "the gateway remembers nothing of it"


def test_every_read_about_trainings_is_what_training_itself_answers(doors: TwoDoors) -> None:
    told(doors.http, *TRAININGS)
    doors.training.home.caught_up()
    assert state(doors.http) == "COMPLETED"
    for path in READS:
        answer = doors.http.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.json() == httpx.get(f"{doors.training_url}{path}", headers=WITH_KEY).json()
    refused(doors.http.get("/v1/training-sessions/NOWHERE"), 404, "not-found")
    refused(doors.http.get("/v1/producers/9999/trainings"), 404, "not-found")


def test_told_early_it_is_held_and_taken_up_when_the_session_comes(doors: TwoDoors) -> None:
    for early in (ENROLMENT, COMPLETION):
        answer = tell(doors.http, early)
        assert (answer.status_code, answer.json()["result"]) == (202, "held")
        assert answer.json()["waiting_for"] == ["training-session:INT-1"]
    doors.training.home.caught_up()
    assert state(doors.http) == "HELD"
    assert [(n.kind, n.session_id, n.id, n.waiting_for) for n in doors.asked.held().held] == [
        ("completion", "INT-1", "2045", ["training-session:INT-1"]),
        ("enrolment", "INT-1", "2045", ["training-session:INT-1"]),
    ]
    told(doors.http, SESSION)
    doors.training.home.caught_up()
    assert state(doors.http) == "COMPLETED"
    assert doors.asked.held().held == []


def test_training_replays_a_key_that_the_gateway_could_not_note_before_it_crashed(
    doors: TwoDoors,
) -> None:
    told(doors.http, SESSION, ENROLMENT)
    body = BODIES["completion"].model_validate(COMPLETION["body"])
    doors.asked.tell("INT-1", "2045", body, by="api", key="key-1")
    for _ in range(2):
        again = tell(doors.http, COMPLETION, "key-1")
        assert (again.status_code, again.json()) == (201, {"result": "created"})
        assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (COMPLETION, completion("2024-12-14", seq=2)),
        (COMPLETION, CANCELLATION),
        (COMPLETION, completion("2024-12-13", producer_id="7")),
        (COMPLETION, completion("2024-12-13", session_id="INT-2")),
        (COMPLETION, notices.unvalidation()),
        (notices.unvalidation(), COMPLETION),
    ],
)
def test_a_key_used_for_something_else_is_refused_whichever_house_that_was_for(
    doors: TwoDoors, first: Notice, second: Notice
) -> None:
    told(doors.http, *SOLD, SESSION, ENROLMENT, enrolment("2024-10-20", producer_id="7"))
    assert tell(doors.http, first, "key-1").status_code == 201
    before = doors.heads()
    refused(tell(doors.http, second, "key-1"), 422, "idempotency-key-reused")
    assert doors.heads() == before
    assert tell(doors.http, second, "key-2").is_success


def test_a_refusal_uses_no_key_up(doors: TwoDoors) -> None:
    told(doors.http, SESSION, ENROLMENT, COMPLETION)
    refused(tell(doors.http, completion("2024-12-14"), "key-1"), 409, "number-reused")
    corrected = tell(doors.http, completion("2024-12-14", seq=2), "key-1")
    assert corrected.json() == {"result": "updated"}


@pytest.mark.parametrize("dots", [".", ".."])
def test_dots_are_an_id_of_a_training_as_of_anything_else(doors: TwoDoors, dots: str) -> None:
    enrolled = {**ENROLMENT, "session_id": dots, "id": dots}
    assert imported(doors.http, {**SESSION, "id": dots}, enrolled) == [201, 201]
    doors.training.home.caught_up()
    assert len(doors.asked.session(dots).enrolments) == 1
    assert doors.asked.trainings_of(dots).trainings[0].session_id == dots


def test_a_key_of_the_gateway_that_training_does_not_accept_is_no_fault_of_the_sender(
    doors: TwoDoors,
) -> None:
    with asked_at(doors.training_url, "another-key") as asked, behind(doors.gateway, asked) as http:
        assert "CAGETTE_KEY" in away(tell(http, SESSION))["detail"]
        away(http.get("/v1/training-sessions"))


@pytest.mark.timeout(120)
def test_while_training_is_away_all_about_it_is_503_and_all_else_goes_on(
    http: httpx.Client, training: TrainingProcess
) -> None:
    told(http, *SOLD[:2])
    training.kill()
    for notice in TRAININGS:
        away(tell(http, notice))
    for path in READS:
        away(http.get(path))
    told(http, SOLD[2])
    assert imported(http, *TRAININGS, *SOLD) == [503] * 4 + [200] * 3
    refused(http.get("/v1/training-due?on=soon"), 422, "not-valid")
    training.start()
    told(http, *TRAININGS)
    wait_until(lambda: state(http) == "COMPLETED")


@pytest.mark.timeout(120)
def test_a_key_repeated_is_answered_as_the_first_time_even_while_training_is_away(
    http: httpx.Client, training: TrainingProcess
) -> None:
    told(http, SESSION, ENROLMENT)
    first = tell(http, COMPLETION, "key-1")
    assert (first.status_code, "Idempotency-Replayed" in first.headers) == (201, False)
    for kill in (False, True):
        if kill:
            training.kill()
        again = tell(http, COMPLETION, "key-1")
        assert (again.status_code, again.json()) == (201, {"result": "created"})
        assert again.headers["Idempotency-Replayed"] == "true"
    away(tell(http, COMPLETION, "key-2"))
    away(tell(http, COMPLETION))
    training.start()
    assert tell(http, COMPLETION, "key-2").json() == {"result": "unchanged"}


class Silent(BaseHTTPRequestHandler):
    """Takes a request and never answers."""

    def do_PUT(self) -> None:
        time.sleep(6)


class Stranger(BaseHTTPRequestHandler):
    """A server that knows nothing of trainings; the path says what it answers."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(int(self.path.split("/")[1]))
        self.end_headers()
        self.wfile.write(b"<h1>It works!</h1>")

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def test_an_import_waits_once_for_a_training_that_does_not_answer(cagette: World) -> None:
    with stranger(Silent) as url, asked_at(url) as asked, behind(cagette, asked) as http:
        began = time.monotonic()
        statuses = imported(http, *TRAININGS[:2] * 10, *SOLD, *TRAININGS)
        assert time.monotonic() - began < 15, "one time-out of 5 s, not one a line"
    assert statuses == [503] * 20 + [201] * 3 + [503] * 4


@pytest.mark.parametrize("status", [200, 307, 404, 500])
def test_who_answers_in_training_s_place_is_not_taken_for_it(cagette: World, status: int) -> None:
    with (
        stranger(Stranger) as url,
        asked_at(f"{url}/{status}") as asked,
        behind(cagette, asked) as http,
    ):
        for path in READS:
            away(http.get(path))
        away(http.put("/v1/training-sessions/INT-1", json=SESSION["body"]))
