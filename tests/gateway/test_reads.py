"""What the marketplace reads: standing, accounting, billing, previews, what is held, lists."""

from datetime import date
from typing import Any

import pytest

from services.billing.views.transfers import TRANSFERS
from tests.support import notices
from tests.support.hard_season import hard_season
from tests.support.world import World, web_client

ON = {"on": "2024-10-04"}


def read(cagette: World, path: str, **params: Any) -> Any:
    """What a path answers, without how fresh it is."""
    answer = web_client(cagette).get(path, params=params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    body.pop("heard_until", None)
    return body


STANDINGS: dict[str, tuple[list[notices.Notice], dict[str, Any]]] = {
    "nobody trained him": ([], {"formula": "FLEXIBLE", "status": "NONE", "due": None}),
    "he is enrolled in an integration": (
        [notices.session(), notices.enrolment("2024-08-01")],
        {"formula": "ENGAGEE", "status": "IN_PROGRESS", "due": "2025-08-01"},
    ),
    "he completed an update": (
        [
            notices.session("U", "UPDATE"),
            notices.enrolment("2024-07-10", "U"),
            notices.completion("2024-09-12", "U"),
        ],
        {"formula": "ENGAGEE", "status": "UP_TO_DATE", "due": "2026-09-12"},
    ),
    "he was trained long before the switch": (
        [
            notices.session("I", "INTEGRATION"),
            notices.enrolment("2019-01-10", "I"),
            notices.completion("2019-03-12", "I"),
        ],
        {"formula": "ENGAGEE", "status": "UP_TO_DATE", "due": "2025-07-01"},
    ),
}


@pytest.mark.parametrize(("given", "expected"), STANDINGS.values(), ids=STANDINGS)
def test_a_standing_says_the_formula_and_the_training_of_a_day(
    cagette: World, given: list[notices.Notice], expected: dict[str, Any]
) -> None:
    cagette.told(notices.producer(), *given)
    found = read(cagette, "/producers/2045/standing", on="2024-10-04")
    training = found["training"]
    assert (found["formula"], training["status"], training["next_due_on"]) == (
        expected["formula"],
        expected["status"],
        expected["due"],
    )
    free = "FREE" if expected["formula"] == "ENGAGEE" else "ON_REQUEST"
    assert found["market_creation"] == free


def test_a_training_that_lapsed_shows_when_its_days_are_over(cagette: World) -> None:
    cagette.told(
        notices.producer(),
        notices.session("U", "UPDATE"),
        notices.enrolment("2024-07-10", "U"),
        notices.completion("2024-09-12", "U"),
    )
    found = read(cagette, "/producers/2045/standing", on="2026-09-12")
    assert (found["formula"], found["training"]["status"]) == ("FLEXIBLE", "LAPSED")
    assert found["formula_since"] == "2026-09-12"


def test_an_update_that_is_due_shows_once_he_was_reminded(cagette: World) -> None:
    cagette.told(
        notices.producer(),
        notices.session("U", "UPDATE"),
        notices.enrolment("2024-07-10", "U"),
        notices.completion("2024-09-12", "U"),
    )
    cagette.home.training_desk.remind(date(2026, 9, 1), by="test")
    cagette.home.caught_up()
    found = read(cagette, "/producers/2045/standing", on="2026-09-01")
    assert found["training"]["status"] == "DUE"


def test_what_an_invoice_lacks_shows_with_the_party_that_is_invoiced(cagette: World) -> None:
    cagette.told(
        notices.producer("1", address=None),
        notices.producer("2", billing_party_id="1"),
        notices.producer("3", billing_party_id="9"),
    )
    missing = {p: read(cagette, f"/producers/{p}/standing")["info_missing"] for p in "123"}
    assert missing == {
        "1": ["street", "postcode", "city"],
        "2": ["street", "postcode", "city"],
        "3": ["producer:9"],
    }


def test_a_standing_that_did_not_change_is_304(cagette: World) -> None:
    cagette.told(notices.producer())
    client = web_client(cagette)
    first = client.get("/producers/2045/standing", params=ON)
    again = {"If-None-Match": first.headers["ETag"]}
    for given in (first.headers["ETag"], f'"other", W/{first.headers["ETag"]}', "*"):
        same = {"If-None-Match": given}
        assert client.get("/producers/2045/standing", headers=same, params=ON).status_code == 304
    cagette.told(notices.session(), notices.enrolment("2024-08-01"))
    changed = client.get("/producers/2045/standing", headers=again, params=ON)
    assert (changed.status_code, changed.headers["ETag"] != first.headers["ETag"]) == (200, True)


@pytest.mark.parametrize("seed", [3, 7])
def test_accounts_add_up_to_what_was_transferred_and_invoiced(cagette: World, seed: int) -> None:
    cagette.do(hard_season(seed))
    client = web_client(cagette)
    transfers = cagette.rows(TRANSFERS)
    producers = sorted({row["producer_id"] for row in transfers})
    assert producers
    for producer_id in producers:
        accounts = client.get(f"/producers/{producer_id}/accounting").json()
        own = [row for row in transfers if row["producer_id"] == producer_id]
        assert [(t["monday"], t["net_cents"]) for t in accounts["transfers"]] == [
            (row["monday"].isoformat(), row["net_cents"]) for row in own
        ]
        for row in accounts["transfers"]:
            parts = row["distributions"]
            fees = sum(p["service_fee_cents"] + p["payment_fee_cents"] for p in parts)
            assert sum(part["sales_cents"] for part in parts) == row["sales_cents"]
            assert (fees, fees + row["vat_cents"]) == (row["fees_cents"], row["withheld_cents"])
            net = row["sales_cents"] + row["carried_cents"] - row["withheld_cents"]
            assert row["net_cents"] == net


def test_an_invoice_in_the_accounts_leads_to_its_fees(cagette: World) -> None:
    cagette.told(notices.producer(), notices.market(payment_mode="ON_SITE"))
    cagette.told(notices.distribution(sales={"2045": 10_000}))
    cagette.close("2024-10")
    cagette.home.caught_up()
    [invoice] = read(cagette, "/producers/2045/accounting")["invoices"]
    assert (invoice["net_cents"], invoice["own_net_cents"]) == (600, 600)
    assert invoice["links"] == {"fees": ["/v1/fees/2045:D1:SERVICE:1/explanation"]}
    assert read(cagette, "/producers/2045/accounting", to="2024-10-31")["invoices"] == []


def test_a_distribution_shows_the_fees_of_each_producer(cagette: World) -> None:
    cagette.told(notices.producer("1"), notices.producer("2"), notices.market())
    cagette.told(notices.distribution(sales={"1": 1_000, "2": 2_000}))
    found = read(cagette, "/distributions/D1/billing")["producers"]
    assert [(p["producer_id"], p["service_fee_cents"], p["payment_fee_cents"]) for p in found] == [
        ("1", 60, 30),
        ("2", 120, 60),
    ]
    answer = web_client(cagette).get("/distributions/D2/billing")
    assert answer.status_code == 404


def test_a_put_answers_what_it_is_expected_to_be_billed_then_what_it_was(cagette: World) -> None:
    cagette.told(notices.producer(), notices.market())
    client = web_client(cagette)
    body = notices.distribution(sales={"2045": 10_000})["body"]
    expected = {
        "producer_id": "2045",
        "sales_cents": 10_000,
        "service_fee_cents": 600,
        "payment_fee_cents": 300,
        "vat_cents": 180,
        "formula": "FLEXIBLE",
        "monday": "2024-10-07",
        "month": "2024-10",
        "warnings": [],
    }
    first = client.put("/distributions/D1", json=body).json()
    assert first == {"result": "created", "producers": [{**expected, "provisional": True}]}
    cagette.home.caught_up()
    again = client.put("/distributions/D1", json=body).json()
    assert again == {"result": "unchanged", "producers": [{**expected, "provisional": False}]}


def test_a_put_expects_what_is_closed_to_take_nothing_more(cagette: World) -> None:
    august = notices.distribution("D0", validated_at="2024-08-02T21:00:00+02:00", day="2024-08-02")
    cagette.told(notices.producer(), notices.market(), august, notices.distribution())
    cagette.payout("2024-08-05")
    cagette.payout("2024-10-07")
    cagette.home.caught_up()
    client = web_client(cagette)
    body = notices.distribution(sales={"2045": 10_000})["body"]
    [figures] = client.put("/distributions/D2", json=body).json()["producers"]
    assert (figures["monday"], figures["month"]) == ("2024-10-14", "2024-10")
    cagette.close("2024-08")
    cagette.close("2024-10")
    cagette.home.caught_up()
    on_site = {**body, "payment_mode": "ON_SITE"}
    [online] = client.put("/distributions/D3", json=body).json()["producers"]
    [invoiced] = client.put("/distributions/D4", json=on_site).json()["producers"]
    assert (online["monday"], online["month"]) == ("2024-11-04", "2024-11")
    assert (invoiced["monday"], invoiced["month"]) == (None, "2024-11")
    cagette.home.caught_up()
    [billed] = client.put("/distributions/D3", json=body).json()["producers"]
    assert billed == {**online, "provisional": False}


def test_figures_of_a_validation_that_was_superseded_stay_provisional(cagette: World) -> None:
    cagette.told(notices.producer(), notices.market())
    first, second = (notices.distribution(sales={"2045": 100 * n}, validation_no=n) for n in (1, 2))
    cagette.told(first)
    cagette.told(second)
    client = web_client(cagette)
    [old] = client.put("/distributions/D1", json=first["body"]).json()["producers"]
    [new] = client.put("/distributions/D1", json=second["body"]).json()["producers"]
    assert (old["provisional"], new["provisional"]) == (True, False)
    assert old["warnings"] == ["validation 2 stands instead"]


def test_a_preview_charges_what_a_sale_would_be(cagette: World) -> None:
    cagette.told(notices.producer(), notices.session(), notices.enrolment("2024-08-01"))
    asked = {"producer_id": 2045, "payment_mode": "ONLINE", "amount_cents": 1484}
    client = web_client(cagette)
    engagee = client.post("/fee-previews", json={**asked, "on": "2024-10-04"}).json()
    flexible = client.post("/fee-previews", json={**asked, "on": "2024-07-04"}).json()
    figures = ("formula", "service_fee_cents", "payment_fee_cents", "vat_cents", "net_cents")
    assert [engagee[name] for name in figures] == ["ENGAGEE", 30, 45, 15, 1394]
    assert [flexible[name] for name in figures] == ["FLEXIBLE", 89, 45, 27, 1323]


def test_what_is_held_says_what_it_waits_for_and_goes_when_that_is_told(cagette: World) -> None:
    cagette.told(
        notices.distribution("D1"),
        notices.market("M2", payment_mode_from="2024-11-01"),
        notices.distribution("D2", market_id="M2", sales={"1": 100}),
        notices.unvalidation("D3"),
    )
    held = {(h["kind"], h["id"]): h["waiting_for"] for h in read(cagette, "/held")["held"]}
    assert held == {
        ("distribution", "D1"): ["market:1606", "producer:2045"],
        ("distribution", "D2"): ["market:M2/payment_mode/2024-10-04", "producer:1"],
        ("unvalidation", "D3"): ["validation:D3/1"],
    }
    cagette.told(
        notices.producer(),
        notices.producer("1"),
        notices.market(),
        notices.market("M2", seq=2, payment_mode_from="2024-01-01"),
        notices.distribution("D3"),
    )
    assert read(cagette, "/held") == {"complete": True, "held": []}


def mismatch(validation_no: int = 1) -> dict[str, Any]:
    """A distribution for which less was paid than is owed."""
    notice = notices.distribution(sales={"2045": 200}, validation_no=validation_no)
    notice["body"]["control"]["payments_cents"] = 90
    notice["body"]["baskets"][0]["payments"] = [
        {"payment_id": "p", "type": "stripe", "amount_cents": 90}
    ]
    return notice


def test_what_was_paid_and_is_not_owed_is_held(cagette: World) -> None:
    cagette.told(notices.producer(), notices.market(), mismatch())
    [held] = read(cagette, "/held")["held"]
    assert (held["id"], held["waiting_for"]) == ("D1", ["cash_mismatch"])


def test_what_does_not_match_of_producers_who_are_not_billed_is_not_held(cagette: World) -> None:
    cagette.told(notices.producer(pedagogic=True), notices.market(), mismatch())
    assert read(cagette, "/held")["held"] == []


def test_what_does_not_match_is_held_while_an_earlier_telling_stands(cagette: World) -> None:
    cagette.told(notices.producer(), notices.market(), notices.distribution(sales={"2045": 100}))
    assert read(cagette, "/held")["held"] == []
    cagette.told(mismatch(2))
    [held] = read(cagette, "/held")["held"]
    assert (held["id"], held["waiting_for"]) == ("D1", ["cash_mismatch"])
    [listed] = read(cagette, "/distributions")["distributions"]
    assert (listed["validation_no"], listed["held"]) == (2, "cash_mismatch")
    cagette.told(notices.distribution(sales={"2045": 200}, validation_no=3))
    assert read(cagette, "/held")["held"] == []
    [listed] = read(cagette, "/distributions")["distributions"]
    assert (listed["validation_no"], listed["held"]) == (3, None)
    unknown_mode = notices.distribution(sales={"2045": 200}, validation_no=5, day="2019-10-04")
    cagette.told(mismatch(4), unknown_mode)
    [held] = read(cagette, "/held")["held"]
    assert held["waiting_for"] == ["market:1606/payment_mode/2019-10-04"]


def test_what_did_not_match_and_was_unvalidated_is_not_held(cagette: World) -> None:
    cagette.told(notices.producer(), notices.market(), notices.distribution(sales={"2045": 100}))
    cagette.told(mismatch(2), notices.unvalidation(validation_no=2))
    assert read(cagette, "/held")["held"] == []


def test_lists_come_in_pages_that_follow_each_other_without_a_gap(cagette: World) -> None:
    ids = [f"P{n:02d}" for n in range(7)]
    cagette.told(*[notices.producer(id_) for id_ in reversed(ids)])
    found, after = [], None
    while True:
        page = read(cagette, "/producers", limit=3, **({"after": after} if after else {}))
        found += [item["producer_id"] for item in page["producers"]]
        after = page["next"]
        if after is None:
            break
    assert found == ids


def test_markets_and_distributions_show_how_they_were_told_last(cagette: World) -> None:
    cagette.told(
        notices.market(),
        notices.market(seq=2, payment_mode="ON_SITE", payment_mode_from="2024-11-01"),
        notices.distribution(),
        notices.distribution(validation_no=2, sales={"2045": 50}),
        notices.unvalidation(validation_no=2),
    )
    [market] = read(cagette, "/markets")["markets"]
    assert [mode["payment_mode"] for mode in market["payment_modes"]] == ["ONLINE", "ON_SITE"]
    [one] = read(cagette, "/distributions")["distributions"]
    assert (one["validation_no"], one["sales_cents"], one["unvalidated"]) == (2, 50, True)


def test_the_feed_tells_all_three_houses_in_the_order_in_which_the_gateway_heard(
    cagette: World,
) -> None:
    cagette.do(hard_season(2))
    events, after = [], 0
    while (page := read(cagette, "/events", after=after, limit=200))["events"]:
        events += page["events"]
        after = page["next"]
    assert {event["source"] for event in events} == {
        "/cagette/gateway",
        "/cagette/training",
        "/cagette/billing",
    }
    for schema in {event["dataschema"] for event in events}:
        address = f"http://testserver{schema}"
        answer = web_client(cagette).get(address, headers={"Authorization": ""})
        assert answer.json()["$id"] == schema
    ids = [event["id"] for event in events]
    assert len(ids) == len(set(ids))
    for house in ("gateway", "training", "billing"):
        positions = [int(i.split(":")[1]) for i in ids if i.startswith(house)]
        assert positions == sorted(positions)


def test_a_day_is_reconciled_by_producer(cagette: World) -> None:
    cagette.told(*[notices.producer(p) for p in "1234"], notices.market())
    cagette.told(notices.distribution(sales={"1": 100, "2": 200, "4": 400}))
    rows = [
        {"producer_id": "1", "lines": 1, "sales_cents": 100},
        {"producer_id": "2", "lines": 1, "sales_cents": 250},
        {"producer_id": "3", "lines": 1, "sales_cents": 300},
    ]
    body = {"day": "2024-10-04", "rows": rows}
    found = web_client(cagette).post("/reconciliations", json=body).json()
    assert found["agreeing"] == 1
    assert [(d["producer_id"], d["reason"], d["distributions"]) for d in found["drifts"]] == [
        ("2", "DIFFERS", ["D1"]),
        ("3", "MISSING_HERE", []),
        ("4", "MISSING_THERE", ["D1"]),
    ]
