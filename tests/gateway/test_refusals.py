"""What the door refuses: by name, with a status and a sentence, and nothing left behind."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deploy.cli import main
from deploy.cli.commands import Commands
from services.gateway.adapters import endpoints, training
from shared.eventstore.lease import FileLease
from shared.eventstore.log import EventLog
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.kernel.errors import Refusal
from shared.messaging import kafka
from shared.web.problems import STATUS
from tests.gateway.test_door import ENROLMENT, MARKET, PRODUCER, SESSION, Door, refused
from tests.support import notices
from tests.support.notices import Notice
from tests.support.world import World

SALE = notices.distribution()
BODIES = {
    "producer": PRODUCER,
    "market": MARKET,
    "distribution": SALE,
    "unvalidation": notices.unvalidation(),
    "training-session": SESSION,
    "enrolment": ENROLMENT,
    "completion": notices.completion("2024-12-13"),
    "cancellation": notices.cancellation("2024-12-13"),
}
GONE = object()
LINE = "/baskets/0/lines/0"


@pytest.fixture
def door(cagette: World) -> Door:
    return Door(cagette)


def changed(notice: Notice, pointer: str, value: Any) -> Notice:
    """A notice with one field of its body given another value, or none (GONE)."""
    told = copy.deepcopy(notice)
    *way, last = pointer.split("/")[1:]
    place = told["body"]
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return told


def refused_without_trace(door: Door, notice: Notice, status: int, name: str) -> Any:
    """Tells what must be refused; returns the problem. Every log stays as it was."""
    door.world.home.caught_up()
    before = door.heads()
    problem = refused(door.tell(notice), status, name)
    door.world.home.caught_up()
    assert door.heads() == before
    return problem


@pytest.mark.parametrize(
    ("kind", "pointer", "value"),
    [
        *[(kind, "/typo", 1) for kind in BODIES],
        ("producer", "/address/country", "FR"),
        ("distribution", "/control/total", 1),
        ("distribution", "/baskets/0/consumer_name", "Mme Martin"),
        ("distribution", "/baskets/0/payments/0/currency", "EUR"),
        ("distribution", f"{LINE}/amount", "1.00"),
        ("enrolment", "/fundings/0/share", 1),
        ("producer", "/seq", GONE),
        ("producer", "/name", GONE),
        ("producer", "/joined_on", GONE),
        ("market", "/payment_mode", GONE),
        ("distribution", "/control", GONE),
        *[
            ("distribution", f"/control/{total}", GONE)
            for total in ("baskets", "lines", "amount_cents", "payments_cents")
        ],
        ("distribution", f"{LINE}/amount_cents", GONE),
        ("completion", "/completed_on", GONE),
        ("market", "/payment_mode", "MIXED"),
        ("market", "/kind", "Amap"),
        ("market", "/currency", "eur"),
        ("producer", "/vat_regime", "normal"),
        ("producer", "/company_number", "1234"),
        ("producer", "/name", ""),
        ("enrolment", "/contract", "OTHER"),
        ("enrolment", "/fundings", []),
    ],
)
def test_unknown_missing_and_unheard_of_fields_are_named(
    door: Door, kind: str, pointer: str, value: Any
) -> None:
    problem = refused_without_trace(door, changed(BODIES[kind], pointer, value), 422, "not-valid")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert all(error["detail"] for error in problem["errors"])


INTEGERS = [
    ("producer", "/seq"),
    ("market", "/seq"),
    ("distribution", "/validation_no"),
    ("distribution", "/control/lines"),
    ("distribution", "/baskets/0/payments/0/amount_cents"),
    ("distribution", f"{LINE}/amount_cents"),
    ("distribution", f"{LINE}/market_fee_cents"),
    ("distribution", f"{LINE}/vat_rate_bp"),
    ("unvalidation", "/validation_no"),
    ("training-session", "/price_cents"),
    ("enrolment", "/fundings/0/amount_cents"),
    ("completion", "/seq"),
]
DAYS = [
    ("producer", "/joined_on"),
    ("market", "/payment_mode_from"),
    ("distribution", "/day"),
    ("training-session", "/starts_on"),
    ("enrolment", "/enrolled_on"),
    ("completion", "/completed_on"),
    ("cancellation", "/cancelled_on"),
]
INSTANTS = [("distribution", "/validated_at"), ("unvalidation", "/at")]
IDS = [
    ("producer", "/billing_party_id"),
    ("distribution", "/market_id"),
    ("distribution", "/baskets/0/basket_id"),
    ("distribution", f"{LINE}/producer_id"),
    ("distribution", f"{LINE}/line_id"),
]
DECIMALS = [
    ("distribution", f"{LINE}/quantity"),
    ("distribution", f"{LINE}/unit_price"),
    ("completion", "/attended_hours"),
]
NEGATIVE = [field for field in INTEGERS if field[1] != "/baskets/0/payments/0/amount_cents"]
STRANGE: dict[str, tuple[list[tuple[str, str]], list[Any]]] = {
    "no integer": (INTEGERS, [True, False, "1", "1.0", 1.5, 1e300, [1]]),
    "negative": (NEGATIVE, [-1]),
    "no day": (
        DAYS,
        [
            *("2024-02-30", "2023-02-29", "2024-13-01", "01/02/2024", "2024-1-1", ""),
            *(20241004, "2024-10-04T00:00:00Z", "2000073600"),
        ],
    ),
    "no instant": (
        INSTANTS,
        ["2024-02-30T09:00:00+01:00", "2024-10-05T09:00:00", "2024-10-05", "2000073600", 1.7e9],
    ),
    "no id": (IDS, ["a b", " a", "a\n", "x" * 41, "é", "٣", "", "a/b", True, 1.5, [1]]),
    "no decimal string": (
        DECIMALS,
        [1, 1.5, "1,5", "-1", "1e3", "1.2345678", "", " 1", ".5", "NaN", "٣", True],
    ),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_value_that_is_not_what_the_contract_says_is_refused_naming_its_field(
    door: Door, what: str
) -> None:
    fields, values = STRANGE[what]
    door.told(PRODUCER, MARKET, SESSION, ENROLMENT)
    before, wrong = door.heads(), []
    for kind, pointer in fields:
        for value in values:
            response = door.tell(changed(BODIES[kind], pointer, value))
            problem = response.json()
            pointers = [error["pointer"] for error in problem.get("errors", ())]
            got = (response.status_code, problem.get("type"), pointers)
            if got != (422, "urn:cagette:problem:not-valid", [pointer]):
                wrong.append((kind, pointer, value, *got))
    assert wrong == []
    assert door.heads() == before


@pytest.mark.parametrize("path_id", ["a%20b", "x" * 41, "%C3%A9", "a%0A", "%00", "a%2Cb"])
def test_an_id_in_a_path_that_is_none_is_refused_without_trace(door: Door, path_id: str) -> None:
    before = door.heads()
    content = json.dumps(PRODUCER["body"]).encode()
    problem = refused(door.put(f"/v1/producers/{path_id}", content), 422, "not-valid")
    assert "producer_id" in problem["errors"][0]["pointer"]
    assert door.heads() == before


@pytest.mark.parametrize("known", ["a", "x" * 40, "0", "Az09_.-"])
def test_an_id_has_1_to_40_plain_characters(door: Door, known: str) -> None:
    assert door.tell(notices.producer(known)).status_code == 201


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b'{"name": "\xe9"}', b"{'seq': 1}"),
        *(b'{"\\ud800": 1}', b'{"seq": NaN}', b"[" * 100_000),
        b'{"seq": ' + b"9" * 5_000 + b"}",
    ],
)
def test_a_body_that_is_no_json_object_in_utf_8_is_refused(door: Door, content: bytes) -> None:
    before = door.heads()
    response = door.put("/v1/producers/2045", content)
    assert response.status_code in (400, 422)
    name = "bad-request" if response.status_code == 400 else "not-valid"
    problem = refused(response, response.status_code, name)
    fields = {"", "/seq", "/name", "/joined_on"}
    assert {error["pointer"] for error in problem.get("errors", ())} <= fields
    assert door.heads() == before


def moves(seq: int) -> Notice:
    """Producer 2045, invoiced through another from now on."""
    return notices.producer("2045", seq, billing_party_id="9")


NAMES_2045 = notices.producer("7", billing_party_id="2045")
CHEAPER = notices.session("INT-2", price_cents=84_999)
D1_ELSEWHERE = notices.distribution(validation_no=2, market_id="1607")
ON_SITE = {"payment_mode": "ON_SITE"}
SOLD_ONLINE = [PRODUCER, MARKET, SALE]
ON_SITE_THEN = notices.market(seq=2, payment_mode_from="2024-10-04", **ON_SITE)
LATE_ON_SITE = notices.market(seq=4, payment_mode_from="2024-01-01", **ON_SITE)
TOO_MUCH = notices.enrolment("2024-10-20", "INT-2")
THROUGH_7 = notices.producer("8", billing_party_id="7")
REFUSED: dict[str, list[tuple[list[Notice], Notice, str]]] = {
    "foreign-country": [([], notices.producer(country="BE"), "/country")],
    "foreign-currency": [([], notices.market(currency="USD"), "/currency")],
    "price-too-high": [([], notices.session(price_cents=85_001), "/price_cents")],
    "ends-before-start": [([], notices.session(ends_on="2024-11-03"), "/ends_on")],
    "fundings-differ": [([CHEAPER], TOO_MUCH, "/fundings")],
    "party-refused": [
        ([NAMES_2045, PRODUCER], THROUGH_7, "2045"),
        ([NAMES_2045, PRODUCER], moves(2), "7"),
        ([NAMES_2045], moves(1), "7"),
    ],
    "other-market": [
        ([*SOLD_ONLINE, notices.market("1607")], D1_ELSEWHERE, "1606"),
        ([SALE], D1_ELSEWHERE, "1606"),
    ],
    "mode-already-sold": [
        (SOLD_ONLINE, ON_SITE_THEN, "D1"),
        ([PRODUCER, notices.market(seq=5), SALE], LATE_ON_SITE, "D1"),
    ],
}
BREACHES = [(name, *breach) for name, breaches in REFUSED.items() for breach in breaches]


@pytest.mark.parametrize(("name", "given", "notice", "named"), BREACHES)
def test_what_breaks_a_rule_is_refused_by_name_and_leaves_nothing_behind(
    door: Door, name: str, given: list[Notice], notice: Notice, named: str
) -> None:
    door.told(*given)
    status = 409 if name == "mode-already-sold" else 422
    assert named in json.dumps(refused_without_trace(door, notice, status, name))


TAKEN = {
    "a training of 850 €": ([], notices.session(price_cents=85_000)),
    "fundings told before their session": ([], notices.enrolment("2024-10-20", "INT-2")),
    "another party once the first is left": (
        [NAMES_2045, notices.producer("7", 2)],
        moves(1),
    ),
    "another mode from the day after": (
        SOLD_ONLINE,
        notices.market(seq=2, payment_mode_from="2024-10-05", **ON_SITE),
    ),
    "another mode over a sale that states its own": (
        [PRODUCER, MARKET, notices.distribution(payment_mode="ONLINE")],
        ON_SITE_THEN,
    ),
    "another mode until the next known change": (
        [*SOLD_ONLINE, notices.market(seq=2, payment_mode_from="2024-10-01")],
        notices.market(seq=3, payment_mode_from="2024-09-01", **ON_SITE),
    ),
}


@pytest.mark.parametrize(("given", "notice"), TAKEN.values(), ids=TAKEN)
def test_what_stays_just_within_a_rule_is_taken(
    door: Door, given: list[Notice], notice: Notice
) -> None:
    door.told(*given, notice)


@pytest.mark.parametrize("total", ["baskets", "lines", "amount_cents", "payments_cents"])
def test_half_a_distribution_is_never_taken(door: Door, total: str) -> None:
    door.told(PRODUCER, MARKET)
    off = changed(SALE, f"/control/{total}", SALE["body"]["control"][total] + 1)
    problem = refused_without_trace(door, off, 422, "control-differs")
    assert [error["pointer"] for error in problem["errors"]] == [f"/control/{total}"]


@pytest.mark.parametrize(
    ("price", "off", "status"),
    [
        *[("10.00", 0, 201), ("10.00", 1, 201), ("10.00", -1, 201)],
        *[("10.00", 2, 422), ("10.00", -2, 422)],
        *[("10.005", 0, 201), ("10.005", 1, 201), ("10.005", 2, 422)],
        *[("10.004999", 0, 201), ("10.004999", 2, 422)],
    ],
)
def test_a_line_may_be_one_cent_off_quantity_times_price_with_a_warning(
    door: Door, price: str, off: int, status: int
) -> None:
    """10.005 € is 1 001 cents: halves are rounded away from zero."""
    door.told(PRODUCER, MARKET)
    exact = 1_001 if price == "10.005" else 1_000
    sale = changed(notices.distribution(sales={"2045": exact + off}), f"{LINE}/unit_price", price)
    if status == 422:
        problem = refused_without_trace(door, sale, 422, "amounts-differ")
        assert [error["pointer"] for error in problem["errors"]] == [f"{LINE}/amount_cents"]
        assert "D1-1-0" in problem["errors"][0]["detail"]
        return
    answer = door.tell(sale).json()
    assert answer["result"] == "created"
    assert ["D1-1-0" in warning for warning in answer.get("warnings", [])] == [True] * abs(off)


@pytest.mark.parametrize(("lines", "status"), [(5_000, 201), (5_001, 413)])
def test_a_distribution_has_5_000_lines_at_most(door: Door, lines: int, status: int) -> None:
    sale = notices.distribution(sales=dict.fromkeys(map(str, range(lines)), 1))
    door.told(MARKET)
    if status == 413:
        refused_without_trace(door, sale, 413, "too-many-lines")
    else:
        assert door.tell(sale).is_success


def test_a_home_that_another_process_writes_to_is_busy_and_may_be_tried_again(door: Door) -> None:
    with FileLease(door.world.home.folder / "gateway.lease", 1).held():
        response = door.tell(PRODUCER)
    refused(response, 503, "home-busy")
    assert int(response.headers["Retry-After"]) > 0
    assert door.tell(PRODUCER).status_code == 201


@contextmanager
def full_disk(log: EventLog) -> Iterator[None]:
    """The database of a log cannot grow by a single page."""
    recorder = log.recorder
    assert isinstance(recorder, SQLiteLogRecorder)

    def limit(pages: str) -> None:
        with recorder.datastore.transaction(commit=False) as cursor:
            cursor.execute(f"PRAGMA max_page_count = {pages}")

    assert recorder.datastore.pool.num_in_pool == 1  # so that every write meets the limit
    limit("1")  # SQLite takes the present size if asked for less
    yield
    limit("1073741823")


def test_on_a_full_disk_a_call_is_refused_whole_and_taken_once_there_is_room(door: Door) -> None:
    many = {str(producer): 100 for producer in range(1_000)}
    sale = notices.distribution("D2", sales=many)
    long = notices.enrolment("2024-10-20", participant="u:1")
    long["body"]["fundings"] = [
        {"fund": "F" * 200, "amount_cents": 0, "agreement_no": "A" * 200} for _ in range(20)
    ]
    door.told(PRODUCER, MARKET, SALE, notices.completion("2024-12-13"))
    home = door.world.home
    home.caught_up()  # so that nothing but the calls needs room
    with full_disk(home.gateway.log), full_disk(home.training.log):
        for notice in (sale, long):
            for _ in range(2):
                problem = refused_without_trace(door, notice, 507, "disk-full")
                assert "space" in problem["detail"]
    for notice in (sale, long):
        assert door.tell(notice).status_code == 202
        assert door.tell(notice).json()["result"] == "held"


def test_every_refusal_of_the_product_stands_in_the_one_table_of_statuses() -> None:
    late = (kafka.SlowChecksums, training.NeighbourRefused, endpoints.EndpointKnown)
    assert all((main.app, *Commands().values(), *late))  # with these, every refusal is loaded

    def names(refusal: type[Refusal]) -> set[str]:
        own = {refusal.name} if "name" in vars(refusal) else set()
        return own.union(*map(names, refusal.__subclasses__()))

    assert names(Refusal) == set(STATUS)
