"""Imports over HTTP: one notice per line, one result per line, and a bad line stops nothing."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from services.billing.views.fees import FEES
from tests.gateway.test_door import (
    ENROLMENT,
    MARKET,
    MEGABYTES_4,
    PRODUCER,
    SESSION,
    Door,
    outcome,
    refused,
)
from tests.gateway.test_refusals import full_disk
from tests.support import notices
from tests.support.notices import Notice
from tests.support.world import World

COMPLETION = notices.completion("2024-12-13")
EVERYTHING = [
    PRODUCER,
    MARKET,
    notices.distribution(),
    notices.unvalidation(),
    SESSION,
    ENROLMENT,
    COMPLETION,
    notices.cancellation("2024-12-14"),
]


@pytest.fixture
def door(cagette: World) -> Door:
    return Door(cagette)


def line(notice: Notice) -> bytes:
    """A notice as a line of a file."""
    return json.dumps(notice, ensure_ascii=False).encode()


def imported(door: Door, lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """Imports lines; returns the results."""
    response = door.http.post("/v1/imports", content=b"\n".join(lines))
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("application/x-ndjson")
    return [json.loads(result) for result in response.text.splitlines()]


def test_every_kind_of_notice_can_be_a_line_and_gets_the_answer_of_its_call(door: Door) -> None:
    assert [
        (result["line"], result["kind"], result["id"], result["status"], result["result"])
        for result in imported(door, [line(notice) for notice in EVERYTHING])
    ] == [
        (1, "producer", "2045", 201, "created"),
        (2, "market", "1606", 201, "created"),
        (3, "distribution", "D1", 201, "created"),
        (4, "unvalidation", "D1", 201, "created"),
        (5, "training-session", "INT-1", 201, "created"),
        (6, "enrolment", "2045", 201, "created"),
        (7, "completion", "2045", 201, "created"),
        (8, "cancellation", "2045", 201, "created"),
    ]
    for notice in EVERYTHING:
        assert outcome(door.tell(notice)) == {"result": "unchanged"}


def test_the_same_file_a_second_time_changes_nothing(door: Door) -> None:
    lines = [line(notice) for notice in EVERYTHING]
    imported(door, lines)
    before = door.heads()
    assert {result["result"] for result in imported(door, lines)} == {"unchanged"}
    assert door.heads() == before


def test_a_line_before_what_it_refers_to_is_held_and_taken_up_by_a_later_line(door: Door) -> None:
    lines = [line(notice) for notice in (notices.distribution(), MARKET, PRODUCER)]
    held, *rest = imported(door, lines)
    assert (held["status"], held["result"]) == (202, "held")
    assert held["waiting_for"] == ["market:1606"]
    assert [result["result"] for result in rest] == ["created", "created"]
    assert len(door.world.rows(FEES)) == 2


def test_ids_that_are_numbers_come_back_as_strings(door: Door) -> None:
    first = {**MARKET, "id": 1606}
    second = {**ENROLMENT, "id": 2045, "session_id": 7}
    results = imported(door, [line(first), line(second)])
    assert [result["id"] for result in results] == ["1606", "2045"]
    assert results[1]["waiting_for"] == ["training-session:7"]


def bad(**changes: Any) -> bytes:
    """The producer's line with something wrong."""
    return line({name: value for name, value in {**PRODUCER, **changes}.items() if value != "∅"})


BAD = {
    "no JSON": (b"{", "not-valid", None),
    "no object": (b"[]", "not-valid", None),
    "a text": (b'"producer"', "not-valid", None),
    "nothing": (b"null", "not-valid", None),
    "NaN": (b'{"kind": NaN}', "not-valid", None),
    "no UTF-8": (line(PRODUCER).replace(b"Ferme", b"\xe9\xff"), "not-valid", None),
    "UTF-16": (json.dumps(PRODUCER).encode("utf-16"), "not-valid", None),
    "half a character": (b'{"\\ud800": 1}', "not-valid", None),
    "too deep": (b"[" * 100_000, "not-valid", None),
    "an endless number": (b'{"id": ' + b"9" * 5_000 + b"}", "not-valid", None),
    "an unknown kind": (bad(kind="product"), "not-valid", "/kind"),
    "no kind": (bad(kind="∅"), "not-valid", "/kind"),
    "no id": (bad(id="∅"), "not-valid", "/id"),
    "a strange id": (bad(id="a b"), "not-valid", "/id"),
    "no body": (bad(body="∅"), "not-valid", "/body"),
    "a body that is no object": (bad(body=[]), "not-valid", "/body"),
    "a typo in the line": (bad(bodi={}), "not-valid", "/bodi"),
    "a typo in the body": (bad(body={**PRODUCER["body"], "nam": "x"}), "not-valid", "/body/nam"),
    "a session for a producer": (bad(session_id="INT-1"), "not-valid", None),
    "no session for an enrolment": (line({**ENROLMENT, "session_id": None}), "not-valid", None),
    "a foreign country": (line(notices.producer(country="BE")), "foreign-country", None),
    "a foreign currency": (line(notices.market(currency="USD")), "foreign-currency", None),
    "a number reused": (line(notices.producer(joined_on="2020-01-02")), "number-reused", None),
    "a line above 4 MB": (line(PRODUCER).ljust(MEGABYTES_4 + 1), "line-too-long", None),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_line_is_reported_with_its_number_and_the_rest_is_done(door: Door, what: str) -> None:
    bad_line, name, pointer = BAD[what]
    first, result, last = imported(door, [line(PRODUCER), bad_line, line(MARKET)])
    assert (first["line"], first["result"]) == (1, "created")
    assert (last["line"], last["result"]) == (3, "created")
    assert (result["line"], result["type"]) == (2, f"urn:cagette:problem:{name}")
    assert result["status"] == {"line-too-long": 413, "number-reused": 409}.get(name, 422)
    assert result["detail"]
    if pointer:
        assert [error["pointer"] for error in result["errors"]] == [pointer]


def test_a_refused_line_is_named_as_far_as_it_names_itself(door: Door) -> None:
    lines = [bad(joined=1), bad(id="a b"), bad(kind="product"), b"[]"]
    results = imported(door, lines)
    assert [(result["kind"], result["id"]) for result in results] == [
        ("producer", "2045"),
        ("producer", None),
        (None, "2045"),
        (None, None),
    ]


def test_one_bad_line_in_ten_thousand_is_reported_and_all_the_others_are_done(door: Door) -> None:
    lines = [line(notices.producer(seq=5))]
    lines += [line(notices.producer(seq=5 - n % 2)).ljust(450) for n in range(9_998)]
    lines.insert(6_665, b"not a notice")
    assert sum(map(len, lines)) > MEGABYTES_4  # each line has a limit, the whole has none
    results = imported(door, lines)
    assert [result["line"] for result in results] == list(range(1, 10_001))
    assert {result["line"] for result in results if "type" in result} == {6_666}
    told = [result["result"] for result in results if "result" in result]
    assert (told.count("created"), told.count("unchanged"), told.count("stale")) == (1, 4999, 4999)


def test_a_line_of_4_megabytes_is_taken(door: Door) -> None:
    (result,) = imported(door, [line(PRODUCER).ljust(4_000_000)])
    assert result["result"] == "created"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_blank_lines_are_passed_over_and_counted(door: Door, end: bytes) -> None:
    lines = [b"", line(PRODUCER), b"", b"  ", line(MARKET), b""]
    response = door.http.post("/v1/imports", content=end.join(lines))
    results = [json.loads(result) for result in response.text.splitlines()]
    assert [(result["line"], result["result"]) for result in results] == [
        (2, "created"),
        (5, "created"),
    ]


@pytest.mark.parametrize("content", [b"", b"\n", b" \n\n"])
def test_an_import_of_nothing_has_no_results(door: Door, content: bytes) -> None:
    response = door.http.post("/v1/imports", content=content)
    assert (response.status_code, response.text) == (200, "")


def test_an_import_without_the_key_is_refused_and_nothing_of_it_is_told(door: Door) -> None:
    before = door.heads()
    headers = {"Authorization": "Bearer wrong"}
    response = door.http.post("/v1/imports", content=line(PRODUCER), headers=headers)
    refused(response, 401, "unauthorized")
    assert door.heads() == before


def test_results_come_in_order_one_by_one_not_all_at_the_end(door: Door) -> None:
    lines = [line(notices.producer(str(n))) for n in range(50)]
    with door.http.stream("POST", "/v1/imports", content=b"\n".join(lines)) as response:
        told = [json.loads(result) for result in response.iter_lines()]
    assert [(result["line"], result["id"]) for result in told] == [
        (n + 1, str(n)) for n in range(50)
    ]
    assert "Content-Length" not in response.headers


def test_on_a_full_disk_every_line_still_gets_a_result_that_says_so(door: Door) -> None:
    many = {str(producer): 100 for producer in range(1_000)}
    sale = notices.distribution("D2", sales=many)
    imported(door, [line(PRODUCER), line(MARKET)])
    before = door.heads()
    with full_disk(door.world.home.gateway.log):
        results = imported(door, [line(sale), line(PRODUCER), line(sale)])
    assert len(results) == 3
    for result in results:
        assert (result["status"], result["type"]) == (507, "urn:cagette:problem:disk-full")
    assert door.heads() == before
    assert imported(door, [line(sale)])[0]["result"] == "held"
