"""The door over HTTP: what a marketplace developer sends, and what comes back."""

import json
import re
import threading
from collections.abc import Callable
from typing import Any

import httpx2 as httpx
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from deploy.cli.web import web_app
from services.billing.views.fees import FEES
from shared.settings import Settings
from tests.support import notices
from tests.support.notices import Notice
from tests.support.served import served
from tests.support.world import World

KEY = "the-key-of-this-home"
IN_SESSION = "/v1/training-sessions/{session_id}/enrolments/{id}"
CALLS = {
    "producer": ("PUT", "/v1/producers/{id}"),
    "market": ("PUT", "/v1/markets/{id}"),
    "distribution": ("PUT", "/v1/distributions/{id}"),
    "unvalidation": ("POST", "/v1/distributions/{id}/unvalidation"),
    "training-session": ("PUT", "/v1/training-sessions/{id}"),
    "enrolment": ("PUT", IN_SESSION),
    "completion": ("POST", f"{IN_SESSION}/completion"),
    "cancellation": ("POST", f"{IN_SESSION}/cancellation"),
}
MEGABYTES_4 = 4 * 1024 * 1024

PRODUCER, MARKET, SESSION = notices.producer(), notices.market(), notices.session()
ENROLMENT = notices.enrolment("2024-10-20")


class Door:
    """The HTTP app over a home, and a client that has its key."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.woken = threading.Event()
        self.app = web_app(world.home, Settings(home=world.home.folder), KEY, self.woken)
        self.http = TestClient(self.app, headers={"Authorization": f"Bearer {KEY}"})

    def tell(self, notice: Notice, **headers: str) -> Response:
        """The call that a notice stands for; `Idempotency_Key="k"` is a header."""
        method, path = CALLS[notice["kind"]]
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, path.format(**notice), json=notice["body"], headers=named)

    def told(self, *given: Notice) -> None:
        """Tell notices that must be taken."""
        for notice in given:
            assert self.tell(notice).is_success, notice

    def put(self, path: str, content: bytes) -> Response:
        """Put a body of bytes, as they are."""
        return self.http.put(path, content=content, headers={"Content-Type": "application/json"})

    def heads(self) -> dict[str, int]:
        """How many events each house remembers."""
        return {house.name: house.log.head() for house in self.world.home.houses}


def outcome(response: Response) -> Any:
    """An answer without the figures by producer."""
    return {name: said for name, said in response.json().items() if name != "producers"}


def refused(response: Response, status: int, name: str) -> Any:
    """Checks that a response is the problem of that name, and returns it."""
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (response.status_code, problem["type"]) == (status, f"urn:cagette:problem:{name}")
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["title"]
    return problem


@pytest.fixture
def door(cagette: World) -> Door:
    return Door(cagette)


Make = Callable[[int, str], Notice]
SNAPSHOTS: dict[str, tuple[list[Notice], Make]] = {
    "producer": ([], lambda n, day: notices.producer(seq=n, joined_on=day)),
    "market": ([], lambda n, day: notices.market(seq=n, payment_mode_from=day)),
    "distribution": (
        [PRODUCER, MARKET],
        lambda n, day: notices.distribution(validation_no=n, day=day),
    ),
    "training session": ([], lambda n, day: notices.session(seq=n, starts_on=day)),
    "enrolment": ([SESSION], lambda n, day: notices.enrolment(day, seq=n)),
    "completion": ([SESSION, ENROLMENT], lambda n, day: notices.completion(day, seq=n)),
    "cancellation": ([SESSION, ENROLMENT], lambda n, day: notices.cancellation(day, seq=n)),
}


@pytest.mark.parametrize("what", SNAPSHOTS)
def test_a_snapshot_counts_by_its_number_however_often_it_is_sent(door: Door, what: str) -> None:
    given, make = SNAPSHOTS[what]
    door.told(*given)
    for number, day, status, result in [
        (2, "2024-10-21", 201, "created"),
        (2, "2024-10-21", 200, "unchanged"),
        (1, "2024-10-20", 200, "stale"),
        (3, "2024-10-22", 200, "updated"),
        (3, "2024-10-22", 200, "unchanged"),
        (2, "2024-10-21", 200, "stale"),
    ]:
        response = door.tell(make(number, day))
        assert (response.status_code, outcome(response)) == (status, {"result": result})
    before = door.heads()
    problem = refused(door.tell(make(3, "2024-10-23")), 409, "number-reused")
    assert "3" in problem["detail"]
    assert door.heads() == before
    assert outcome(door.tell(make(3, "2024-10-22"))) == {"result": "unchanged"}


@pytest.mark.parametrize(
    ("given", "notice", "missing", "waiting_for"),
    [
        ([PRODUCER], notices.distribution(), [MARKET], "market:1606"),
        ([MARKET], notices.distribution(), [PRODUCER], "producer:2045"),
        ([], ENROLMENT, [SESSION], "training-session:INT-1"),
        ([ENROLMENT], notices.completion("2024-12-13"), [SESSION], "training-session:INT-1"),
        ([SESSION], notices.completion("2024-12-13"), [ENROLMENT], "enrolment:INT-1/2045"),
        ([SESSION], notices.cancellation("2024-12-13"), [ENROLMENT], "enrolment:INT-1/2045"),
    ],
)
def test_what_refers_to_something_not_told_yet_is_held_until_that_is_told(
    door: Door, given: list[Notice], notice: Notice, missing: list[Notice], waiting_for: str
) -> None:
    door.told(*given)
    for _ in range(2):
        response = door.tell(notice)
        assert response.status_code == 202
        assert outcome(response) == {"result": "held", "waiting_for": [waiting_for]}
    door.told(*missing)
    assert outcome(door.tell(notice)) == {"result": "unchanged"}


def test_a_sale_before_the_first_known_payment_mode_waits_for_the_mode(door: Door) -> None:
    door.told(PRODUCER, notices.market(payment_mode_from="2024-10-05"))
    answer = door.tell(notices.distribution(day="2024-10-04")).json()
    assert answer["result"] == "held"
    assert answer["waiting_for"][0].startswith("market:1606")


def test_a_sale_that_waits_is_billed_as_soon_as_all_it_waits_for_is_told(door: Door) -> None:
    door.told(notices.distribution(), MARKET)
    assert door.world.rows(FEES) == []
    door.told(PRODUCER)
    assert sorted(fee["amount_cents"] for fee in door.world.rows(FEES)) == [300, 600]


@pytest.mark.parametrize(
    ("given", "number", "status", "result"),
    [
        ([], 1, 202, "held"),
        ([1], 1, 201, "created"),
        ([1, -1], 1, 200, "unchanged"),
        ([1, 2, -2], 1, 200, "stale"),
        ([1, 2, -1], 2, 200, "updated"),
    ],
)
def test_an_unvalidation_counts_by_the_validation_it_takes_back(
    door: Door, given: list[int], number: int, status: int, result: str
) -> None:
    door.told(PRODUCER, MARKET)
    for no in given:
        door.told(
            notices.unvalidation("D1", -no)
            if no < 0
            else notices.distribution("D1", validation_no=no)
        )
    response = door.tell(notices.unvalidation("D1", number))
    assert (response.status_code, response.json()["result"]) == (status, result)


def _sold(line: dict[str, Any] | None = None, **changes: Any) -> Notice:
    notice = notices.distribution(**changes)
    notice["body"]["baskets"][0]["lines"][0].update(line or {})
    return notice


SAME_CONTENT = {
    "a country left out is France": (PRODUCER, notices.producer(country="FR")),
    "marks left out are not set": (
        PRODUCER,
        notices.producer(pedagogic=False, disabled=False, legal_form=None),
    ),
    "a billing party left out is the producer": (
        PRODUCER,
        notices.producer(billing_party_id="2045"),
    ),
    "a party's id is a number or a string": (
        notices.producer(billing_party_id="99"),
        notices.producer(billing_party_id=99),
    ),
    "a market is a market that bills in euros": (
        MARKET,
        notices.market(kind="MARKET", test=False, currency="EUR", administrator=None),
    ),
    "a market's id is a number or a string": (notices.distribution(), _sold(market_id=1606)),
    "a producer's id is a number or a string": (
        notices.distribution(),
        _sold({"producer_id": 2045}),
    ),
    "12.50 is 12.5": (
        _sold({"quantity": "8", "unit_price": "12.50"}),
        _sold({"quantity": "8.000", "unit_price": "12.5"}),
    ),
    "no commission is none, not weighed is not weighed": (
        notices.distribution(),
        _sold({"market_fee_cents": 0, "weighed": False}),
    ),
    "a fraction of no second": (
        notices.distribution(),
        _sold(validated_at="2024-10-04T21:00:00.000+02:00", day="2024-10-04"),
    ),
    "the same instant, said in UTC": (
        notices.distribution(),
        _sold(validated_at="2024-10-04T19:00:00Z", day="2024-10-04"),
    ),
    "hours attended, by value": (
        notices.completion("2024-12-13", attended_hours="13.5"),
        notices.completion("2024-12-13", attended_hours="13.50"),
    ),
    "a completion's first number is 1": (
        notices.completion("2024-12-13"),
        notices.completion("2024-12-13", seq=1),
    ),
    "a cancellation's first number is 1": (
        notices.cancellation("2024-12-13"),
        notices.cancellation("2024-12-13", seq=1, reason=None),
    ),
}


@pytest.mark.parametrize(("first", "again"), SAME_CONTENT.values(), ids=SAME_CONTENT)
def test_the_same_content_written_otherwise_is_unchanged(
    door: Door, first: Notice, again: Notice
) -> None:
    door.told(*[n for n in (PRODUCER, MARKET, SESSION, ENROLMENT) if n["kind"] != first["kind"]])
    door.told(first)
    response = door.tell(again)
    assert (response.status_code, outcome(response)) == (200, {"result": "unchanged"})


POSTS = {
    "un-validation": (notices.unvalidation(), notices.unvalidation("D1", 2)),
    "completion": (notices.completion("2024-12-13"), notices.completion("2024-12-14")),
    "cancellation": (notices.cancellation("2024-12-13"), notices.cancellation("2024-12-14")),
}


@pytest.mark.parametrize(("notice", "other"), POSTS.values(), ids=POSTS)
def test_a_post_repeated_under_its_key_gets_the_same_answer_for_ever(
    door: Door, notice: Notice, other: Notice
) -> None:
    door.told(PRODUCER, MARKET, SESSION, ENROLMENT, notices.distribution())
    first = door.tell(notice, Idempotency_Key="key-1")
    assert (first.status_code, first.json()) == (201, {"result": "created"})
    assert "Idempotency-Replayed" not in first.headers
    before = door.heads()
    again = door.tell(notice, Idempotency_Key="key-1")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status_code, again.json()) == (201, {"result": "created"})
    refused(door.tell(other, Idempotency_Key="key-1"), 422, "idempotency-key-reused")
    assert door.heads() == before
    assert outcome(door.tell(notice)) == {"result": "unchanged"}
    other_key = door.tell(notice, Idempotency_Key="key-2")
    assert outcome(other_key) == {"result": "unchanged"}
    assert "Idempotency-Replayed" not in other_key.headers


def test_a_held_answer_is_given_again_under_its_key_after_what_it_waited_for_came(
    door: Door,
) -> None:
    notice = notices.completion("2024-12-13")
    for given in ([], [SESSION, ENROLMENT]):
        door.told(*given)
        response = door.tell(notice, Idempotency_Key="key-1")
        assert (response.status_code, response.json()["result"]) == (202, "held")
    assert outcome(door.tell(notice)) == {"result": "unchanged"}


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", f"Basic {KEY}", KEY])
def test_without_the_right_key_every_call_is_refused_and_none_is_recorded(
    door: Door, authorization: str
) -> None:
    before = door.heads()
    for notice in (PRODUCER, MARKET, notices.distribution(), notices.unvalidation(), SESSION):
        response = door.tell(notice, Authorization=authorization)
        refused(response, 401, "unauthorized")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert door.heads() == before


def test_the_documentation_lists_every_call_and_each_needs_the_key(door: Door) -> None:
    paths = door.http.get("/openapi.json", headers={"Authorization": ""}).json()["paths"]
    calls = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    for method, path in calls - {("GET", "/livez")}:
        refused(door.http.request(method, path, headers={"Authorization": ""}), 401, "unauthorized")
    assert len(calls) > len(CALLS)


def test_anybody_may_ask_whether_the_process_lives(door: Door) -> None:
    response = door.http.get("/livez", headers={"Authorization": ""})
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


def test_the_documentation_loads_nothing_from_another_host(door: Door) -> None:
    page = door.http.get("/docs")
    assert page.status_code == 200
    loaded = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""", page.text)
    assert loaded
    assert "://" not in page.text
    for path in loaded:
        assert re.match("/[^/]", path), path
        assert door.http.get(path).status_code == 200, path


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/producers/2045", "PUT"),
        ("DELETE", "/v1/distributions/D1", "PUT"),
        ("PUT", "/v1/distributions/D1/unvalidation", "POST"),
        ("PUT", "/v1/imports", "POST"),
        ("POST", "/livez", "GET"),
        ("POST", "/v1/producers", "HEAD"),
    ],
)
def test_a_method_that_a_path_does_not_offer_is_refused_naming_those_it_does(
    door: Door, method: str, path: str, allowed: str
) -> None:
    response = door.http.request(method, path)
    refused(response, 405, "method-not-allowed")
    assert allowed in re.split(r",\s*", response.headers["Allow"])


def test_head_is_get_without_the_body(door: Door) -> None:
    with served(door.app) as port:
        url = f"http://127.0.0.1:{port}"
        headers = dict(door.http.headers)
        for path in ("/livez", "/v1/producers", "/v1/nowhere", "/v1/imports"):
            head = httpx.head(f"{url}{path}", headers=headers)
            get = httpx.get(f"{url}{path}", headers=headers)
            assert (head.status_code, head.content) == (get.status_code, b"")
            assert head.headers["Content-Length"] == str(len(get.content))


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nowhere", "/v2/producers/2045"])
def test_a_path_that_is_nowhere_is_not_found(door: Door, path: str) -> None:
    assert path in refused(door.http.get(path), 404, "not-found")["detail"]


@pytest.mark.parametrize(
    ("size", "status"), [(4_000_000, 201), (MEGABYTES_4 + 1, 413), (10_000_000, 413)]
)
def test_a_body_has_4_megabytes_at_most(door: Door, size: int, status: int) -> None:
    before = door.heads()
    response = door.put("/v1/producers/2045", json.dumps(PRODUCER["body"]).encode().ljust(size))
    assert response.status_code == status
    if status == 413:
        refused(response, 413, "too-large")
        assert door.heads() == before


def test_what_is_odd_but_no_error_comes_back_as_a_warning_to_read(door: Door) -> None:
    door.told(PRODUCER, MARKET)
    odd = _sold(payment_mode="ON_SITE")
    assert "ON_SITE" in door.tell(odd).json()["warnings"][0]
    unpaid = notices.distribution("D2")
    unpaid["body"]["baskets"][0]["payments"][0]["amount_cents"] -= 1
    unpaid["body"]["control"]["payments_cents"] -= 1
    response = door.tell(unpaid)
    assert response.status_code < 300
    assert "cash_mismatch" in response.json()["warnings"][0]


def test_whoever_listens_is_woken_up_by_a_call(door: Door) -> None:
    assert not door.woken.is_set()
    door.told(PRODUCER)
    assert door.woken.is_set()
