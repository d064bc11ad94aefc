"""Reads about trainings through the door: what is asked wrongly is refused, field by field."""

from typing import Any

import pytest

from tests.gateway.test_door import ENROLMENT, SESSION, Door, refused
from tests.support.notices import completion
from tests.support.world import World

READS = (
    "/v1/training-sessions",
    "/v1/training-sessions/INT-1",
    "/v1/producers/2045/trainings",
    "/v1/training-due?on=2026-12-13",
    "/v1/training-fundings?year=2024",
    "/v1/bpf?year=2024",
)


@pytest.fixture
def door(cagette: World) -> Door:
    """A door behind which a producer completed a training."""
    fresh = Door(cagette)
    fresh.told(SESSION, ENROLMENT, completion("2024-12-13", attended_hours="13.50"))
    cagette.home.caught_up()
    return fresh


def read(door: Door, path: str) -> Any:
    """What a read answers."""
    answer = door.http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_session_is_read_with_its_plan_and_everyone_in_it(door: Door) -> None:
    plan = {
        "seq": 1,
        "kind": "INTEGRATION",
        "title": "INT-1",
        "starts_on": "2024-11-04",
        "ends_on": "2024-12-13",
        "price_cents": 85000,
        "hours": "14",
        "mode": "REMOTE",
    }
    head = door.world.home.training.log.head()
    assert read(door, "/v1/training-sessions/INT-1") == {
        "as_of_event": head,
        "session_id": "INT-1",
        "plan": plan,
        "enrolments": [
            {
                "session_id": "INT-1",
                "producer_id": "2045",
                "state": "COMPLETED",
                "waiting_for": [],
                "participant": "u:1207",
                "contract": "CONVENTION",
                "price_cents": 85000,
                "fundings": [{"fund": "VIVEA", "amount_cents": 85000, "agreement_no": "V1"}],
                "enrolled_on": "2024-10-20",
                "completed_on": "2024-12-13",
                "attended_hours": "13.5",
                "cancelled_on": None,
            }
        ],
    }
    assert read(door, "/v1/training-sessions") == {
        "as_of_event": head,
        "sessions": [{"session_id": "INT-1", "plan": plan}],
        "next": None,
    }
    [training] = read(door, "/v1/producers/2045/trainings")["trainings"]
    assert (training["plan"], training["state"]) == (plan, "COMPLETED")


def test_money_is_read_in_cents_hours_as_decimal_strings_and_days_as_iso(door: Door) -> None:
    [fund] = read(door, "/v1/training-fundings?year=2024")["funds"]
    assert (fund["fund"], fund["enrolments"], fund["amount_cents"]) == ("VIVEA", 1, 85000)
    total = read(door, "/v1/bpf?year=2024")["total"]
    assert (total["hours"], total["products_cents"]) == ("13.5", 85000)
    [due] = read(door, "/v1/training-due?on=2026-12-13")["due"]
    assert due == {
        "producer_id": "2045",
        "last_completed_on": "2024-12-13",
        "due_on": "2026-12-13",
        "status": "LAPSED",
    }


def test_who_asks_for_no_day_gets_the_due_list_of_today(door: Door) -> None:
    today = read(door, "/v1/training-due")
    assert today == read(door, f"/v1/training-due?on={today['on']}")


@pytest.mark.parametrize("path", ["/v1/training-sessions/NO", "/v1/producers/9999/trainings"])
def test_an_id_that_nobody_told_of_is_not_found(door: Door, path: str) -> None:
    assert path.split("/")[3] in refused(door.http.get(path), 404, "not-found")["detail"]


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/training-sessions?limit=0", "/query/limit"),
        ("/v1/training-sessions?limit=201", "/query/limit"),
        ("/v1/training-sessions?limit=many", "/query/limit"),
        ("/v1/training-sessions?after=", "/query/after"),
        ("/v1/training-sessions?after=a/b", "/query/after"),
        ("/v1/training-sessions?befor=a", "/query/befor"),
        ("/v1/training-sessions/a b", "/path/session_id"),
        ("/v1/producers/a b/trainings", "/path/producer_id"),
        ("/v1/training-due?on=2026-13-01", "/query/on"),
        ("/v1/training-due?on=yesterday", "/query/on"),
        ("/v1/training-due?on=20261213", "/query/on"),
        ("/v1/training-due?on=0001-01-01", "/query/on"),
        ("/v1/training-due?limit=-1", "/query/limit"),
        ("/v1/training-due?after=2045", "/query/after"),
        ("/v1/training-fundings", "/query/year"),
        ("/v1/training-fundings?year=24", "/query/year"),
        ("/v1/bpf", "/query/year"),
        ("/v1/bpf?year=2200", "/query/year"),
        ("/v1/bpf?year=2024.5", "/query/year"),
    ],
)
def test_what_is_asked_wrongly_is_refused_naming_the_parameter(
    door: Door, path: str, pointer: str
) -> None:
    problem = refused(door.http.get(path), 422, "not-valid")
    assert [flaw["pointer"] for flaw in problem["errors"]] == [pointer]


def test_the_cursor_of_a_page_leads_to_the_next_one(door: Door) -> None:
    door.told({**SESSION, "id": "B"}, {**ENROLMENT, "session_id": "B", "id": "7"})
    door.told(completion("2024-12-13", "B", "7"))
    door.world.home.caught_up()
    for path, name in (("/v1/training-sessions", "sessions"), ("/v1/training-due", "due")):
        query = {"on": "2027-01-01"} if name == "due" else {}
        whole = door.http.get(path, params=query).json()
        first = door.http.get(path, params={**query, "limit": 1}).json()
        rest = door.http.get(path, params={**query, "after": first["next"]}).json()
        assert (len(whole[name]), rest["next"]) == (2, None)
        assert first[name] + rest[name] == whole[name]


@pytest.mark.parametrize("path", READS)
def test_a_read_leaves_nothing_behind_and_needs_the_key(door: Door, path: str) -> None:
    before = door.heads()
    read(door, path)
    refused(door.http.get(path, headers={"Authorization": ""}), 401, "unauthorized")
    assert door.heads() == before


def test_the_documentation_has_the_shape_and_an_example_of_every_read(door: Door) -> None:
    document = door.http.get("/openapi.json").json()
    for path in ("/v1/training-sessions", "/v1/training-due", "/v1/training-fundings", "/v1/bpf"):
        call = document["paths"][path]["get"]
        shape = call["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        assert document["components"]["schemas"][shape.rpartition("/")[2]]["examples"], path
        assert {"401", "422", "503"} <= call["responses"].keys()
