"""What a request may carry and may ask for: 406 and 415, encodings, sizes, paths."""

import json
from collections.abc import Iterator

import pytest

from shared.web.media import is_accepted, is_taken
from tests.gateway.test_door import KEY, MEGABYTES_4, PRODUCER, Door, refused
from tests.gateway.test_imports import imported, line
from tests.support.world import World

PATH = "/v1/producers/2045"
CONTENT = json.dumps(PRODUCER["body"]).encode()


@pytest.fixture
def door(cagette: World) -> Door:
    return Door(cagette)


JSON, NDJSON, BOTH = ("application/json",), ("application/x-ndjson",), ("a/b", "text/plain")


@pytest.mark.parametrize(
    ("accept", "given", "taken"),
    [
        (None, JSON, True),
        (b"", JSON, True),
        (b"*/*", JSON, True),
        (b"application/*", JSON, True),
        (b"application/json", JSON, True),
        (b"Application/JSON; charset=utf-8", JSON, True),
        (b"text/html, application/xhtml+xml, */*;q=0.8", JSON, True),
        (b"application/json, application/problem+json", JSON, True),
        (b"text/html", JSON, False),
        (b"application/xml", JSON, False),
        (b"application/problem+json", JSON, False),
        (b"text/*", JSON, False),
        (b"application/json;q=0", JSON, False),
        (b"application/json;q=0.000, */*", JSON, False),
        (b"application/json;q=0.001, */*;q=0", JSON, True),
        (b"application/*;q=0, */*", JSON, False),
        (b"application/json, application/*;q=0", JSON, True),
        (b"nonsense", JSON, False),
        (b"application/json", NDJSON, False),
        (b"application/x-ndjson, application/json", NDJSON, True),
        (b"text/plain", BOTH, True),
        (b"a/*", BOTH, True),
        (b"c/d", BOTH, False),
    ],
)
def test_accept_means_what_http_says(
    accept: bytes | None, given: tuple[str, ...], taken: bool
) -> None:
    assert is_accepted(accept, given) is taken


LINES = ("application/x-ndjson", "application/octet-stream")


@pytest.mark.parametrize(
    ("content_type", "kinds", "taken"),
    [
        (b"application/json", JSON, True),
        (b"application/json; charset=utf-8", JSON, True),
        (b'application/json;charset="UTF-8"', JSON, True),
        (b"application/merge-patch+json", JSON, True),
        (b"APPLICATION/JSON", JSON, True),
        (None, JSON, False),
        (b"", JSON, False),
        (b"text/json", JSON, False),
        (b"text/plain", JSON, False),
        (b"application/x-www-form-urlencoded", JSON, False),
        (b"application/x-ndjson", JSON, False),
        (b"application/json; charset=utf-16", JSON, False),
        (b"application/json; charset=iso-8859-1", JSON, False),
        (b"image/svg+json", JSON, False),
        (None, LINES, True),
        (b"application/octet-stream", LINES, True),
        (b"application/x-ndjson", LINES, True),
        (b"application/json", LINES, False),
        (b"application/x-www-form-urlencoded", LINES, False),
    ],
)
def test_a_body_is_taken_for_what_it_says_it_is(
    content_type: bytes | None, kinds: tuple[str, ...], taken: bool
) -> None:
    assert is_taken(content_type, kinds) is taken


@pytest.mark.parametrize("content_type", ["text/plain", "application/json; charset=utf-16", None])
def test_a_body_of_another_kind_is_refused_naming_the_right_one(
    door: Door, content_type: str | None
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    before = door.heads()
    response = door.http.put(PATH, content=CONTENT, headers=headers)
    assert "application/json" in refused(response, 415, "unsupported-media-type")["detail"]
    assert door.heads() == before


def test_a_packed_body_is_refused_not_read_as_it_is(door: Door) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = door.http.put(PATH, content=CONTENT, headers=headers)
    assert "Content-Encoding" in refused(response, 415, "unsupported-media-type")["detail"]
    plain = {**headers, "Content-Encoding": "identity"}
    assert door.http.put(PATH, content=CONTENT, headers=plain).status_code == 201


def test_no_body_at_all_is_not_valid_rather_than_of_another_kind(door: Door) -> None:
    problem = refused(door.http.put(PATH), 422, "not-valid")
    assert [error["pointer"] for error in problem["errors"]] == [""]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_json_in_another_encoding_than_utf_8_is_refused(door: Door, encoding: str) -> None:
    before = door.heads()
    problem = refused(door.put(PATH, CONTENT.decode().encode(encoding)), 422, "not-valid")
    assert "UTF-8" in problem["detail"]
    assert door.heads() == before


def test_json_is_taken_under_any_name_of_it(door: Door) -> None:
    headers = {"Content-Type": "application/vnd.cagette+json; charset=utf-8"}
    assert door.http.put(PATH, content=CONTENT, headers=headers).status_code == 201


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/octet-stream", None])
def test_an_import_is_lines_or_bytes_of_no_kind(door: Door, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    response = door.http.post("/v1/imports", content=line(PRODUCER), headers=headers)
    assert response.json()["result"] == "created"
    wrong = {"Content-Type": "application/x-www-form-urlencoded"}
    refused_one = door.http.post("/v1/imports", content=line(PRODUCER), headers=wrong)
    problem = refused(refused_one, 415, "unsupported-media-type")
    assert "application/x-ndjson" in problem["detail"]


@pytest.mark.parametrize(
    ("path", "accept", "named"),
    [
        ("/v1/held", "text/html", "application/json"),
        ("/v1/held", "application/json;q=0", "application/json"),
        ("/v1/imports", "application/json", "application/x-ndjson"),
        ("/v1/fees/x/explanation", "image/png", "text/plain"),
    ],
)
def test_what_nobody_would_take_is_not_given_but_a_problem_always_is(
    door: Door, path: str, accept: str, named: str
) -> None:
    method = "POST" if path == "/v1/imports" else "GET"
    response = door.http.request(method, path, headers={"Accept": accept})
    assert named in refused(response, 406, "not-acceptable")["detail"]


def test_a_refused_accept_leaves_nothing_recorded(door: Door) -> None:
    before = door.heads()
    headers = {"Accept": "text/html", "Content-Type": "application/json"}
    refused(door.http.put(PATH, content=CONTENT, headers=headers), 406, "not-acceptable")
    assert door.heads() == before


def in_pieces(size: int) -> Iterator[bytes]:
    """A body that does not say how long it is."""
    yield CONTENT
    for _ in range((size - len(CONTENT)) // 1_000):
        yield b" " * 1_000


@pytest.mark.parametrize(
    ("size", "status"), [(4_000_000, 201), (MEGABYTES_4 + 2_000, 413), (20_000_000, 413)]
)
def test_a_body_in_pieces_has_the_same_limit(door: Door, size: int, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    response = door.http.put(PATH, content=in_pieces(size), headers=headers)
    assert response.status_code == status
    if status == 413:
        refused(response, 413, "too-large")


def test_a_body_that_says_it_is_too_large_is_not_even_read(door: Door) -> None:
    headers = {"Content-Length": "999999999999", "Content-Type": "application/json"}
    refused(door.http.put(PATH, content=CONTENT, headers=headers), 413, "too-large")


def test_an_import_in_pieces_has_no_limit(door: Door) -> None:
    filler = b" " * 999 + b"\n"
    lines = [line(PRODUCER), *[filler.strip(b"\n")] * 6_000]
    (result,) = imported(door, lines)
    assert result["result"] == "created"


@pytest.mark.parametrize(
    "path", ["/v1/held/", "/v1/imports/", f"{PATH}/", "//v1/held", "/v1//held"]
)
def test_a_path_is_that_path_and_no_other_is_led_to_it(door: Door, path: str) -> None:
    refused(door.http.get(path, follow_redirects=False), 404, "not-found")


@pytest.mark.parametrize("path", ["/livezz", "/docsx", "/openapi.jsonx", "/static-offline-docsx"])
def test_what_only_begins_like_an_open_path_is_not_open(door: Door, path: str) -> None:
    refused(door.http.get(path, headers={"Authorization": ""}), 401, "unauthorized")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_of_a_key_is_written_as_one_likes(door: Door, scheme: str) -> None:
    response = door.http.get("/v1/held", headers={"Authorization": f"{scheme} {KEY}"})
    assert response.status_code == 200
