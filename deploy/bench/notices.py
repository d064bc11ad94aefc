"""What the marketplace tells, made up for a bench."""

import json
from typing import Any

from deploy.bench.crowd import Call

MARKET = "1606"
PRODUCERS, LINES = 50, 25
"""Producers that sell; lines of a distribution."""


def before() -> list[Call]:
    """The producers and the market, told first."""
    return [*(_producer(str(number)) for number in range(PRODUCERS)), _market()]


def distribution(number: int, lines: int = LINES, producers: int = 5) -> Call:
    """A distribution with that many lines of that many producers, paid in full."""
    name = f"D{number}"
    sold = [
        {
            "line_id": f"{name}-{line}",
            "producer_id": str((number + line % producers) % PRODUCERS),
            "product_id": f"P{line}",
            "label": "Poulet fermier prêt à cuire",
            "quantity": "1.237",
            "unit_price": "12.00",
            "amount_cents": 1484,
            "vat_rate_bp": 550,
            "weighed": True,
        }
        for line in range(lines)
    ]
    total = 1484 * lines
    payment = {"payment_id": f"{name}-p", "type": "stripe", "amount_cents": total}
    body = {
        "validation_no": 1,
        "validated_at": "2024-10-04T21:12:09+02:00",
        "validated_by": "u:991",
        "market_id": MARKET,
        "day": "2024-10-04",
        "control": {
            "baskets": 1,
            "lines": lines,
            "amount_cents": total,
            "payments_cents": total,
        },
        "baskets": [{"basket_id": name, "num": 1, "payments": [payment], "lines": sold}],
    }
    return _put(f"/v1/distributions/{name}", body)


def _producer(producer_id: str) -> Call:
    body = {
        "seq": 1,
        "name": f"Ferme {producer_id}",
        "joined_on": "2020-01-01",
        "company_number": "83244353700015",
        "vat_regime": "NORMAL",
        "address": {"street": "1 rue du Marché", "postcode": "26400", "city": "Crest"},
    }
    return _put(f"/v1/producers/{producer_id}", body)


def _market() -> Call:
    body = {
        "seq": 1,
        "name": "Marché de la Gare",
        "payment_mode": "ONLINE",
        "payment_mode_from": "2020-01-01",
    }
    return _put(f"/v1/markets/{MARKET}", body)


def _put(path: str, body: dict[str, Any]) -> Call:
    return Call("PUT", path, json.dumps(body).encode())
