"""Notices that are JSON and in shape, and yet a slip of somebody's program."""

import json

import pytest

from services.gateway.api.imports import import_lines
from shared.kernel.errors import NotValid
from tests.support.notices import completion, distribution, enrolment, market, producer, session
from tests.support.world import World, web_client

DAYS = {"2024-07-01": "NONE", "2024-12-12": "IN_PROGRESS", "2024-12-13": "UP_TO_DATE"}


def test_a_field_that_comes_twice_is_refused_for_nobody_knows_which_counts(cagette: World) -> None:
    line = json.dumps(producer()).replace('"seq": 1', '"seq": 1, "seq": 2')
    [result] = import_lines(cagette.home.gateway_desk, [line.encode()], by="test")
    assert isinstance(result.outcome, NotValid)
    assert "'seq' appears twice" in result.outcome.sentence
    with web_client(cagette) as client:
        body = json.dumps(producer()["body"]).replace('"seq": 1', '"seq": 1, "seq": 2')
        answer = client.put(
            "/producers/2045", content=body, headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 422
    assert "'seq' appears twice" in answer.json()["detail"]


def test_a_line_told_twice_in_a_distribution_is_billed_twice_and_warned_of(cagette: World) -> None:
    cagette.told(market(), producer())
    doubled = distribution(sales={"2045": 300})
    [basket] = doubled["body"]["baskets"]
    basket["lines"] *= 2
    basket["payments"][0]["amount_cents"] *= 2
    control = doubled["body"]["control"]
    for name in ("lines", "amount_cents", "payments_cents"):
        control[name] *= 2
    [answer] = cagette.told(doubled)
    assert answer.warnings == (
        f"line {basket['lines'][0]['line_id']} comes 2 times, and is billed that often",
    )


@pytest.mark.parametrize("name", ["M\0", "M\x1b[2J", "M\x7f"])
def test_a_name_with_control_characters_is_refused(cagette: World, name: str) -> None:
    [result] = cagette.tell(market(name=name))
    assert isinstance(result.outcome, NotValid)


def test_the_standing_of_a_day_knows_nothing_of_later_days(cagette: World) -> None:
    cagette.told(producer(), session(), enrolment("2024-10-20"), completion("2024-12-13"))
    with web_client(cagette) as client:
        asked = {day: client.get(f"/producers/2045/standing?on={day}").json() for day in DAYS}
    assert {day: body["training"]["status"] for day, body in asked.items()} == DAYS


def test_a_place_in_the_feed_that_is_not_there_leads_back_to_its_end(cagette: World) -> None:
    cagette.told(producer())
    with web_client(cagette) as client:
        end = client.get("/events?limit=200").json()["next"]
        assert client.get("/events?after=99999").json() == {"events": [], "next": end}
