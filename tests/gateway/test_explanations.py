"""Explanations followed by hand: each arrives at the amount that was charged."""

import re
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from services.billing.views.fees import FEES
from tests.support import notices
from tests.support.hard_season import hard_season
from tests.support.world import World, web_client

Explanation = dict[str, Any]


def followed(explanation: Explanation, amounts: dict[str, int]) -> int:
    """The amount of a fee, by the arithmetic that its explanation gives, done by hand."""
    fee, sale, tariff = explanation["fee"], explanation["sale"], explanation["tariff"]
    due = Decimal(0)
    if sale["payment_mode"] == fee["channel"]:
        exact = Decimal(sale["sales_cents"]) * Decimal(tariff["rate_bp"]) / Decimal(10_000)
        due = exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)
    steps = {step["step"]: step for step in explanation["steps"]}
    assert steps["DUE"]["cents"] == due
    for name in ("STANDING_ELSEWHERE", "STANDING_HERE"):
        assert steps[name]["cents"] == sum(amounts[fee_id] for fee_id in steps[name]["fees"])
    standing: int = steps["STANDING_ELSEWHERE"]["cents"] + steps["STANDING_HERE"]["cents"]
    return int(due) - standing


@pytest.mark.parametrize("seed", [3, 11])
def test_every_explanation_of_a_hard_season_arrives_at_the_amount(
    cagette: World, seed: int
) -> None:
    cagette.do(hard_season(seed))
    fees = {fee["fee_id"]: fee for fee in cagette.rows(FEES)}
    amounts = {fee_id: fee["amount_cents"] for fee_id, fee in fees.items()}
    client = web_client(cagette)
    last: dict[tuple[str, str, str, str], int] = {}
    charged: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for fee_id, fee in fees.items():
        explanation = client.get(f"/fees/{fee_id}/explanation").json()
        assert followed(explanation, amounts) == fee["amount_cents"], explanation["text"]
        key = (fee["producer_id"], fee["distribution_id"], fee["kind"], fee["channel"])
        charged[key] += fee["amount_cents"]
        last[key] = explanation["steps"][0]["cents"]
    assert len(fees) > 100
    assert any(fee["corrects"] for fee in fees.values())
    assert {key: sum_ for key, sum_ in charged.items() if sum_ != last[key]} == {}


def test_an_explanation_names_what_gave_the_formula_and_what_changed(cagette: World) -> None:
    cagette.told(
        notices.producer(),
        notices.market(),
        notices.distribution(sales={"2045": 14_840}),
        notices.session("UPD-1", "UPDATE"),
        notices.enrolment("2024-07-10", "UPD-1"),
        notices.completion("2024-09-12", "UPD-1"),
    )
    fee_id = "2045:D1:SERVICE:2"
    found = web_client(cagette).get(f"/fees/{fee_id}/explanation").json()
    assert found["formula"] == {
        "formula": "ENGAGEE",
        "reason": "COMPLETED_TRAINING",
        "from_on": "2024-09-12",
        "until_on": "2026-09-11",
        "training": {
            "session_id": "UPD-1",
            "kind": "UPDATE",
            "enrolled_on": "2024-07-10",
            "completed_on": "2024-09-12",
            "cancelled_on": None,
        },
    }
    assert found["tariff"] == {"version": 1, "from_on": "2000-01-01", "rate_bp": 200}
    assert [step["cents"] for step in found["steps"]] == [297, 0, 890, -593]
    assert found["changes"] == [{"what": "formula", "before": "FLEXIBLE", "after": "ENGAGEE"}]
    assert "la formule du jour est passée de FLEXIBLE à ENGAGÉE" in found["text"]


def test_the_events_of_an_explanation_stand_in_the_feed(cagette: World) -> None:
    cagette.told(notices.producer(), notices.market(), notices.distribution())
    client = web_client(cagette)
    named = client.get("/fees/2045:D1:SERVICE:1/explanation").json()["events"]
    feed = {event["id"]: event for event in client.get("/events?limit=200").json()["events"]}
    types = [re.sub(r"cagette\.\w+\.(\w+)\.v1", r"\1", feed[e["id"]]["type"]) for e in named]
    assert types == ["SalesValidated", "SaleRated", "FeeCharged", "TariffChanged"]


def test_an_explanation_is_read_as_text_where_that_is_asked(cagette: World) -> None:
    cagette.told(notices.producer(), notices.market(), notices.distribution())
    client: TestClient = web_client(cagette)
    path = "/fees/2045:D1:PAYMENT:1/explanation"
    text = client.get(path, headers={"Accept": "text/plain"})
    assert text.headers["content-type"].startswith("text/plain")
    assert text.text == client.get(path).json()["text"]
    assert "100,00 € × 3 % = 3,00 €" in text.text.replace("\N{NO-BREAK SPACE}", " ")


def test_a_fee_that_was_never_charged_is_not_found(cagette: World) -> None:
    answer = web_client(cagette).get("/fees/nobody:D1:SERVICE:1/explanation")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:cagette:problem:not-found")
