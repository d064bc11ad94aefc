"""`heard_until`: until when neighbours have been heard, never later than what is shown with it."""

from datetime import datetime
from typing import Any

from sqlalchemy import event
from starlette.testclient import TestClient

from tests.support import notices
from tests.support.world import World, web_client

DAY = {"day": "2024-10-04", "rows": []}
PREVIEW = {
    "producer_id": "2045",
    "payment_mode": "ONLINE",
    "amount_cents": 100,
    "on": "2024-10-04",
}
ASKED: dict[str, tuple[str, str, Any]] = {
    "/v1/producers/{producer_id}/standing": ("GET", "/producers/2045/standing", None),
    "/v1/producers/{producer_id}/accounting": ("GET", "/producers/2045/accounting", None),
    "/v1/distributions/{distribution_id}/billing": ("GET", "/distributions/D1/billing", None),
    "/v1/fees/{fee_id}/explanation": ("GET", "/fees/2045:D1:SERVICE:1/explanation", None),
    "/v1/held": ("GET", "/held", None),
    "/v1/fee-previews": ("POST", "/fee-previews", PREVIEW),
    "/v1/reconciliations": ("POST", "/reconciliations", DAY),
}
"""By path, how to ask each route that says how fresh it is."""


def say_how_fresh(client: TestClient) -> set[str]:
    """The paths whose answers have `heard_until`."""
    document = client.get("http://testserver/openapi.json").json()
    shapes = document["components"]["schemas"]
    fresh = {f"#/components/schemas/{n}" for n, s in shapes.items() if "heard_until" in str(s)}
    return {
        path
        for path, methods in document["paths"].items()
        for method in methods.values()
        for content in method["responses"].get("200", {}).get("content", {}).values()
        if content["schema"].get("$ref") in fresh
    }


def test_freshness_is_asked_before_what_it_is_said_of(cagette: World) -> None:
    cagette.told(notices.producer(), notices.market(), notices.distribution())
    client = web_client(cagette)
    assert say_how_fresh(client) == ASKED.keys()
    asked: list[str] = []

    @event.listens_for(cagette.home.views["gateway"].engine, "before_cursor_execute")
    def remember(*given: Any) -> None:
        asked.append(given[2])

    for method, path, body in ASKED.values():
        asked.clear()
        answer = client.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        tables = [statement.partition("FROM ")[2].split()[0] for statement in asked]
        assert (tables.index("heard_until"), tables.count("heard_until")) == (0, 1), (path, tables)
        assert len(tables) > 1, path


def test_freshness_is_the_time_of_the_last_fact_that_is_shown(cagette: World) -> None:
    client = web_client(cagette)
    cagette.told(notices.producer(), notices.market(), notices.distribution())
    first = client.get("/distributions/D1/billing").json()["heard_until"]
    cagette.told(notices.distribution("D2"))
    last = client.get("/distributions/D1/billing").json()["heard_until"]
    told = client.get("/events", params={"limit": 100}).json()["events"]
    times = [each["time"] for each in told if each["source"].endswith("billing")]
    assert first["billing"] < last["billing"]
    assert datetime.fromisoformat(last["billing"]) == datetime.fromisoformat(times[-1])
