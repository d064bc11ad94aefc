"""The bodies of a made-up season's notices: distributions to the cent, awkward instants.

Used by `hard_season.py`; everything random comes from the `random.Random` handed in, so that a
seed always gives the same season.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

Body = dict[str, Any]

PARIS = ZoneInfo("Europe/Paris")
QUANTITIES = ("0", "0.333", "1", "1", "1.237", "2", "12.5", "0.000001")
PRICES = ("0.01", "0.5", "1.005", "3.333333", "7.77", "12.00")
TIMES = ("00:00:00", "00:30:00", "01:30:00", "02:30:00", "12:00:00", "21:07:03", "23:59:59")
VAT_RATES = (0, 550, 1000, 2000)


def chance(rng: Random, percent: int) -> bool:
    """Whether something happens that does so this many times in a hundred."""
    return rng.randrange(100) < percent


def instant(rng: Random, day: date) -> str:
    """A moment of a day in Paris, at an awkward time, written in Paris time or in UTC."""
    moment = datetime.combine(day, time.fromisoformat(rng.choice(TIMES)), PARIS)
    moment = moment.replace(fold=rng.choice((0, 1)))
    return (moment.astimezone(UTC) if chance(rng, 40) else moment).isoformat()


def loose_id(rng: Random, key: str) -> int | str:
    """An id as a number or as a string: both mean the same."""
    return int(key) if key.isdigit() and chance(rng, 50) else key


def cents(quantity: str, price: str) -> int:
    """quantity × price in cents, half-up."""
    exact = Decimal(quantity) * Decimal(price) * 100
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def priced(rng: Random) -> tuple[str, str, int]:
    """A random quantity, price and amount, now and then off by the cent that is tolerated."""
    quantity, price = rng.choice(QUANTITIES), rng.choice(PRICES)
    amount = cents(quantity, price)
    if amount > 5 and chance(rng, 5):
        amount += rng.choice((-1, 1))
    return quantity, price, amount


def exactly(amount: int) -> tuple[str, str, int]:
    """A quantity and a price that make an amount, and the amount."""
    return "1", str(Decimal(amount) / 100), amount


Sale = tuple[str, tuple[str, str, int]]


def random_sales(rng: Random, producers: Sequence[str]) -> list[Sale]:
    """Some lines for each producer: often a few euros, sometimes a cent, or a fortune."""
    sales: list[Sale] = []
    for producer in producers:
        draw = rng.randrange(100)
        if draw < 8:
            sales.append((producer, exactly(rng.choice((1, 1, 8, 9, 24, 25)))))
        elif draw < 16:
            sales.append((producer, ("1000", "12.00", 1_200_000 if draw < 12 else 1_200_001)))
        else:
            sales += [(producer, priced(rng)) for _ in range(rng.randint(1, 4))]
    return sales


def distribution(
    rng: Random, key: str, number: int, at: str, market: str, day: date, sales: list[Sale]
) -> Body:
    """The body of a validation, with correct control figures and payments."""
    count = rng.randint(1, 3) if sales else 0
    baskets = [basket(rng, f"{key}-{number}-{rank}", rank + 1) for rank in range(count)]
    for rank, (producer, (quantity, price, amount)) in enumerate(sales):
        line = {
            "line_id": f"{key}-{number}-{rank}",
            "producer_id": loose_id(rng, producer),
            "product_id": rng.choice((881203, "x")),
            "label": "é ß 🥕",
            "quantity": quantity,
            "unit_price": price,
            "amount_cents": amount,
            "vat_rate_bp": rng.choice(VAT_RATES),
            "weighed": "." in quantity,
        }
        if chance(rng, 15):
            line["market_fee_cents"] = rng.choice((1, 7, 50))
        rng.choice(baskets)["lines"].append(line)
    baskets = [one for one in baskets if one["lines"]]
    for one in baskets:
        pay(rng, one)
    body = {
        "validation_no": number,
        "validated_at": at,
        "validated_by": "u:1",
        "market_id": loose_id(rng, market),
        "day": day.isoformat(),
        "baskets": baskets,
    }
    return controlled(body)


def basket(rng: Random, key: str, num: int) -> Body:
    """A basket without lines yet."""
    return {"basket_id": key, "num": num, "payments": [], "lines": []}


def pay(rng: Random, one: Body) -> None:
    """Pays a basket exactly, at once or with a part refunded."""
    due = sum(line["amount_cents"] + line.get("market_fee_cents", 0) for line in one["lines"])
    parts = [due + 76, -76] if chance(rng, 20) else [due]
    for rank, part in enumerate(parts):
        name = f"{one['basket_id']}-p{rank}"
        one["payments"].append({"payment_id": name, "type": "stripe", "amount_cents": part})


def controlled(body: Body) -> Body:
    """Writes the control figures of a distribution."""
    lines = [line for one in body["baskets"] for line in one["lines"]]
    payments = [payment for one in body["baskets"] for payment in one["payments"]]
    body["control"] = {
        "baskets": len(body["baskets"]),
        "lines": len(lines),
        "amount_cents": sum(line["amount_cents"] for line in lines),
        "payments_cents": sum(payment["amount_cents"] for payment in payments),
    }
    return body


def mismatched(body: Body) -> Body:
    """The same distribution with 76 cents of its payments missing."""
    if body["baskets"]:
        body["baskets"][0]["payments"][0]["amount_cents"] -= 76
    return controlled(body)


def said_otherwise(rng: Random, body: Body) -> Body:
    """The same content in another form: ids, decimals and defaults written differently."""
    other = copy.deepcopy(body)
    for one in other.get("baskets", ()):
        for line in one["lines"]:
            line["producer_id"] = loose_id(rng, str(line["producer_id"]))
            decimal = line["quantity"]
            if chance(rng, 50) and len(decimal.partition(".")[2]) < 6:
                line["quantity"] = decimal + ("0" if "." in decimal else ".0")
    if "market_id" in other:
        other["market_id"] = str(other["market_id"])
    if "completed_on" in other or "cancelled_on" in other:
        other.setdefault("seq", 1)
    return other


def producer(key: str, seq: int, party: str | None, pedagogic: bool, address: bool) -> Body:
    """The body of a producer notice; without an address, the producer's invoices are held."""
    body: Body = {
        "seq": seq,
        "name": f"Ferme {key}",
        "joined_on": "2021-05-01",
        "country": "FR",
        "vat_regime": "NORMAL",
        "billing_email": f"{key}@ferme.example",
        "billing_party_id": party,
        "pedagogic": pedagogic,
        "disabled": False,
    }
    if address:
        body["company_number"] = f"9{int(key):08d}00011"
        body["address"] = {"street": "1 rue", "postcode": "26000", "city": "Valence"}
    return body


def market(key: str, seq: int, mode: str, start: str, kind: str, test: bool) -> Body:
    """The body of a market notice."""
    return {
        "seq": seq,
        "name": f"Marché {key}",
        "kind": kind,
        "test": test,
        "currency": "EUR",
        "administrator": "u:1",
        "payment_mode": mode,
        "payment_mode_from": start,
    }


def session(key: str, seq: int, kind: str, price: int, start: date) -> Body:
    """The body of a training session."""
    return {
        "seq": seq,
        "kind": kind,
        "title": f"{key}, version {seq}",
        "starts_on": start.isoformat(),
        "ends_on": (start + timedelta(days=40)).isoformat(),
        "price_cents": price,
        "hours": 14,
        "mode": "REMOTE",
    }


def enrolment(seq: int, day: date, price: int) -> Body:
    """The body of an enrolment."""
    funding = {"fund": "VIVEA", "amount_cents": price, "agreement_no": "V1"}
    return {
        "seq": seq,
        "participant": "u:9",
        "enrolled_on": day.isoformat(),
        "contract": "CONVENTION",
        "fundings": [funding],
    }
