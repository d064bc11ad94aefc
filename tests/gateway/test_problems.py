"""Every refusal that the door can give, provoked over HTTP, against the one table.

`python -m tests.gateway.test_problems` prints the table again where people look.
"""

import json
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from deploy.cli.home import Home, opened
from deploy.cli.web import web_app
from deploy.local.processes import free_port
from services.billing.views.fees import FEES
from services.gateway.adapters.training import HttpTraining
from shared.eventstore.lease import FileLease
from shared.settings import Settings
from shared.web.callers import Scope
from shared.web.table import AT_THE_DOOR, ON_THE_COMMAND_LINE, TABLE, Row, markdown
from tests.gateway.test_door import KEY, MARKET, PRODUCER, SESSION, Door
from tests.gateway.test_refusals import REFUSED, SALE, changed, full_disk
from tests.support import notices
from tests.support.served import sent, served
from tests.support.world import World

ROOT = Path(__file__).parents[2]
Problem = dict[str, Any]
Provoke = Callable[[Door], Response | Problem]


@pytest.fixture
def door(cagette: World) -> Door:
    return Door(cagette)


def client(home: Home, **settings: Any) -> TestClient:
    """A door to a home, under other settings; what breaks inside is answered, not raised."""
    app = web_app(home, Settings(home=home.folder, **settings), KEY, threading.Event())
    headers = {"Authorization": f"Bearer {KEY}"}
    return TestClient(app, headers=headers, raise_server_exceptions=False)


def told_beside(door: Door, port: int) -> Response:
    """Tell a session while training is to be found at a port."""
    home = door.world.home
    with closing(HttpTraining(f"http://127.0.0.1:{port}", KEY)) as training:
        http = client(replace(home, training_elsewhere=lambda: training))
        return http.put("/v1/training-sessions/INT-1", json=SESSION["body"])


def of_rule(name: str) -> Provoke:
    """Break a rule of the business that another test lists."""

    def provoke(door: Door) -> Response:
        given, notice, _ = REFUSED[name][0]
        door.told(*given)
        return door.tell(notice)

    return provoke


def asked(method: str, path: str, **given: Any) -> Provoke:
    """A plain request."""
    return lambda door: door.http.request(method, path, **given)


def raw(content: bytes) -> Provoke:
    """Bytes that are not a request, which no app ever sees."""

    def provoke(door: Door) -> Problem:
        app = web_app(door.world.home, Settings(), KEY, door.woken)
        with served(app) as port:
            status, headers, body = sent(port, content)
        assert headers["content-type"] == "application/problem+json"
        problem: Problem = json.loads(body)
        assert int(status.split()[1]) == problem["status"]
        return problem

    return provoke


def too_slow(door: Door) -> Problem:
    """A body that begins and does not go on."""
    app = web_app(door.world.home, Settings(body_seconds=1), KEY, door.woken)
    head = f"PUT /v1/markets/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    with served(app) as port, socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    problem: Problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    return problem


def without_scope(door: Door) -> Response:
    _, key = door.world.home.keys.add("reader", [Scope.READ], by="test")
    return door.tell(PRODUCER, Authorization=f"Bearer {key}")


def too_fast(door: Door) -> Response:
    _, key = door.world.home.keys.add("fast", [Scope.READ], by="test")
    http = client(door.world.home, requests_per_second=1)
    http.headers["Authorization"] = f"Bearer {key}"
    for _ in range(2):
        assert http.get("/v1/held").status_code == 200
    return http.get("/v1/held")


def one_too_many(door: Door) -> Response:
    """A request that waits for a lease leaves no room for a read; tried until a read is refused."""
    http = client(door.world.home, requests_in_flight=1)
    put = partial(http.put, "/v1/markets/1", json=MARKET["body"])
    with FileLease(door.world.home.folder / "gateway.lease", 1).held():
        second = http.get("/v1/held")
        while second.is_success:
            first = threading.Thread(target=put)
            first.start()
            time.sleep(0.2)
            second = http.get("/v1/held")
            assert http.get("/livez").status_code == 200
            first.join()
    assert http.get("/v1/held").status_code == 200
    return second


def number_reused(door: Door) -> Response:
    door.told(PRODUCER)
    return door.tell(notices.producer(joined_on="2020-01-02"))


def key_reused(door: Door) -> Response:
    door.told(PRODUCER, MARKET, SALE)
    assert door.tell(notices.unvalidation(), Idempotency_Key="k").is_success
    return door.tell(notices.unvalidation("D1", 2), Idempotency_Key="k")


def amounts_differ(door: Door) -> Response:
    return door.tell(changed(SALE, "/baskets/0/lines/0/unit_price", "1.00"))


def control_differs(door: Door) -> Response:
    return door.tell(changed(SALE, "/control/lines", 9))


def too_many_lines(door: Door) -> Response:
    return door.tell(notices.distribution(sales=dict.fromkeys(map(str, range(5_001)), 1)))


def line_too_long(door: Door) -> Problem:
    line = json.dumps(PRODUCER).encode().ljust(4 * 1024 * 1024 + 1)
    problem: Problem = door.http.post("/v1/imports", content=line).json()
    return problem


def busy(door: Door) -> Response:
    with FileLease(door.world.home.folder / "gateway.lease", 1).held():
        return door.tell(PRODUCER)


def full(door: Door) -> Response:
    sale = notices.distribution("D2", sales={str(producer): 100 for producer in range(1_000)})
    with full_disk(door.world.home.gateway.log):
        return door.tell(sale)


def neighbour_away(door: Door) -> Response:
    return told_beside(door, free_port())


def neighbour_refused(door: Door) -> Response:
    problem = {"type": "urn:cagette:problem:brand-new", "detail": "Not on a Sunday.", "status": 422}
    with answering(422, problem) as port:
        return told_beside(door, port)


@contextmanager
def answering(status: int, body: Problem) -> Iterator[int]:
    """A server at a port that always gives the same answer."""

    class Same(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Same) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def edited(statement: str) -> Provoke:
    """A sale told and billed; then the gateway's database is edited, and its door asked again."""

    def provoke(door: Door) -> Response:
        door.told(PRODUCER, MARKET, SALE)
        fee = door.world.rows(FEES)[0]["fee_id"]
        with closing(sqlite3.connect(door.world.home.folder / "gateway.sqlite")) as database:
            database.execute(statement)
            database.commit()
        http = client(door.world.home)
        if "stored_events" in statement:
            return http.put("/v1/markets/1606", json=MARKET["body"])
        if "tariffs" in statement:
            return http.post("/v1/fee-previews", json=PREVIEW)
        return http.get(f"/v1/fees/{fee}/explanation")

    return provoke


PREVIEW = {"producer_id": "2045", "payment_mode": "ONLINE", "amount_cents": 1, "on": "2024-10-04"}


def damaged(door: Door) -> Response:
    """Every page but the first is overwritten; a new process finds it so."""
    door.told(PRODUCER)
    file = door.world.home.folder / "gateway.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as pages:
        pages.seek(4096)
        pages.write(b"x" * (file.stat().st_size - 4096))
    with opened(Settings(home=file.parent), check=False) as home:
        return client(home).put("/v1/markets/1606", json=MARKET["body"])


PROVOKED: dict[str, Provoke] = {
    **{name: of_rule(name) for name in REFUSED},
    "bad-request": raw(b"this is no HTTP\r\n\r\n"),
    "too-slow": too_slow,
    "headers-too-large": raw(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70_000),
    "unauthorized": asked("GET", "/v1/held", headers={"Authorization": "Bearer wrong"}),
    "scope-missing": without_scope,
    "not-found": asked("GET", "/v1/producers/404/standing"),
    "method-not-allowed": asked("DELETE", "/v1/producers/2045"),
    "not-acceptable": asked("GET", "/v1/held", headers={"Accept": "text/html"}),
    "unsupported-media-type": asked("PUT", "/v1/producers/2045", content=b"<producer/>"),
    "too-large": asked("PUT", "/v1/producers/2045", content=b" " * (4 * 1024 * 1024 + 1)),
    "not-valid": asked("PUT", "/v1/producers/2045", json={}),
    "too-many-requests": too_fast,
    "overloaded": one_too_many,
    "number-reused": number_reused,
    "idempotency-key-reused": key_reused,
    "amounts-differ": amounts_differ,
    "control-differs": control_differs,
    "too-many-lines": too_many_lines,
    "line-too-long": line_too_long,
    "home-busy": busy,
    "disk-full": full,
    "neighbour-away": neighbour_away,
    "neighbour-refused": neighbour_refused,
    "internal-error": edited("UPDATE stored_events SET state = '{'"),
    "storage-away": edited("ALTER TABLE stored_events RENAME TO moved"),
    "storage-damaged": damaged,
    "nothing-heard": edited("DELETE FROM heard_tariffs"),
    "not-explained": edited("DELETE FROM heard_ratings"),
}


@pytest.mark.parametrize("name", AT_THE_DOOR)
def test_every_refusal_of_the_door_is_a_problem_with_the_status_and_meaning_of_the_table(
    door: Door, name: str
) -> None:
    got = PROVOKED[name](door)
    problem = got if isinstance(got, dict) else got.json()
    row = AT_THE_DOOR[name]
    assert problem["type"] == f"urn:cagette:problem:{name}", problem
    assert (problem["status"], problem["title"]) == (row.status, row.means)
    assert problem["detail"].endswith("."), problem["detail"]
    if not isinstance(got, dict):
        assert got.status_code == row.status
        assert got.headers["Content-Type"] == "application/problem+json"
        assert got.headers["Cache-Control"] == "no-store"
        is_passing = row.status in (429, 503)
        assert ("Retry-After" in got.headers) == is_passing


def test_no_refusal_of_the_door_is_left_out() -> None:
    assert set(PROVOKED) == set(AT_THE_DOOR)


def test_every_row_of_the_table_is_two_sentences_and_stands_in_one_part() -> None:
    assert len(TABLE) == len(AT_THE_DOOR) + len(ON_THE_COMMAND_LINE)
    for name, row in TABLE.items():
        for sentence in (row.means, row.do):
            assert sentence[0].isupper() or sentence[0] == "`", (name, sentence)
            assert sentence.endswith("."), (name, sentence)
            assert "|" not in sentence, (name, sentence)
        assert 400 <= row.status < 600, name


@pytest.mark.parametrize(
    ("page", "rows"),
    [("services/gateway/ADOPTING.md", AT_THE_DOOR), ("shared/README.md", ON_THE_COMMAND_LINE)],
)
def test_the_table_is_printed_where_people_look(page: str, rows: dict[str, Row]) -> None:
    assert markdown(rows) in (ROOT / page).read_text("utf-8")


def test_the_table_is_printed_on_the_page_of_the_api(door: Door) -> None:
    document = door.http.get("/openapi.json").json()
    assert markdown(AT_THE_DOOR) in document["info"]["description"]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            known = {int(status) for status in operation["responses"]}
            assert path == "/livez" or {401, 403, 406, 422, 429, 503} <= known, path


def test_a_key_that_is_missing_or_too_weak_is_challenged_as_http_has_it(door: Door) -> None:
    weak = without_scope(door)
    challenge = 'Bearer error="insufficient_scope", scope="tell"'
    assert weak.headers["WWW-Authenticate"] == challenge
    assert "`tell`" in weak.json()["detail"]
    missing = door.http.get("/v1/held", headers={"Authorization": ""})
    assert missing.headers["WWW-Authenticate"] == "Bearer"


def test_an_error_of_ours_says_nothing_of_our_inside(door: Door) -> None:
    response = PROVOKED["internal-error"](door)
    assert isinstance(response, Response)
    for word in ("Traceback", "Error", "json", "sqlite"):
        assert word not in response.json()["detail"]


def test_who_comes_too_fast_or_too_many_changes_nothing_and_may_come_again(door: Door) -> None:
    _, key = door.world.home.keys.add("fast", [Scope.TELL], by="test")
    http = client(door.world.home, requests_per_second=1)
    http.headers["Authorization"] = f"Bearer {key}"
    before = door.heads()
    for number in (1, 2, 3):
        told = http.put(f"/v1/producers/{number}", json=PRODUCER["body"])
    assert (told.status_code, told.headers["Retry-After"]) == (429, "1")
    assert door.heads()["gateway"] == before["gateway"] + 2 * 2
    own = http.get("/v1/held", headers={"Authorization": f"Bearer {KEY}"})
    assert own.status_code == 200, "the deployment's own key has no pace"


BYTES = {
    "no request line": b"\x16\x03\x01\x02\x00",
    "no host": b"GET /livez HTTP/1.1\r\n\r\n",
    "a header that is none": b"GET /livez HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n",
    "two lengths": b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "no length": b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\nx",
    "an unheard-of encoding": b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: br\r\n\r\nx",
}


@pytest.mark.parametrize("content", BYTES.values(), ids=BYTES)
def test_bytes_that_are_no_request_are_refused_as_a_problem_too(door: Door, content: bytes) -> None:
    problem = raw(content)(door)
    assert isinstance(problem, dict)
    assert problem["type"] == "urn:cagette:problem:bad-request"


def test_after_bytes_that_are_no_request_the_door_serves_on(door: Door) -> None:
    app = web_app(door.world.home, Settings(), KEY, door.woken)
    good = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with served(app) as port:
        assert sent(port, good + b"x")[0].startswith(b"HTTP/1.1 200")
        for content in BYTES.values():
            assert sent(port, content)[0].startswith(b"HTTP/1.1 4")
        broken = (
            b"PUT /v1/markets/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n" % KEY.encode()
        )
        broken += b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        assert sent(port, broken)[0].startswith(b"HTTP/1.1 400")
        assert sent(port, good)[0].startswith(b"HTTP/1.1 200")


if __name__ == "__main__":
    for page, rows in (
        (ROOT / "services/gateway/ADOPTING.md", AT_THE_DOOR),
        (ROOT / "shared/README.md", ON_THE_COMMAND_LINE),
    ):
        head, _, rest = page.read_text("utf-8").partition("| problem |")
        after = rest.partition("\n\n")[2]
        text = head + markdown(rows) + ("\n\n" + after if after else "\n")
        page.write_text(text, "utf-8")
