"""Short ways to write what the marketplace tells."""

from typing import Any

Notice = dict[str, Any]


def producer(producer_id: str = "2045", seq: int = 1, **changes: Any) -> Notice:
    """A producer with all that an invoice needs."""
    body = {
        "seq": seq,
        "name": f"Ferme {producer_id}",
        "joined_on": "2020-01-01",
        "company_number": "83244353700015",
        "vat_regime": "NORMAL",
        "billing_email": f"{producer_id}@ferme.example",
        "address": {"street": "1 rue du Marché", "postcode": "26400", "city": "Crest"},
        **changes,
    }
    return {"kind": "producer", "id": producer_id, "body": body}


def market(market_id: str = "1606", seq: int = 1, **changes: Any) -> Notice:
    """A market that has long been paid online."""
    body = {
        "seq": seq,
        "name": f"Marché {market_id}",
        "payment_mode": "ONLINE",
        "payment_mode_from": "2020-01-01",
        **changes,
    }
    return {"kind": "market", "id": market_id, "body": body}


def distribution(
    distribution_id: str = "D1",
    sales: dict[str, int] | None = None,
    validation_no: int = 1,
    validated_at: str = "2024-10-04T21:00:00+02:00",
    day: str | None = None,
    market_id: str = "1606",
    **changes: Any,
) -> Notice:
    """A distribution with these sales in cents by producer, paid in full in one basket."""
    sold = {"2045": 10_000} if sales is None else sales
    total = sum(sold.values())
    lines = [
        {
            "line_id": f"{distribution_id}-{validation_no}-{n}",
            "producer_id": producer_id,
            "product_id": "P",
            "label": "Poulet fermier",
            "quantity": "1",
            "unit_price": f"{cents // 100}.{cents % 100:02d}",
            "amount_cents": cents,
            "vat_rate_bp": 550,
        }
        for n, (producer_id, cents) in enumerate(sold.items())
    ]
    payments = [{"payment_id": f"{distribution_id}-p", "type": "stripe", "amount_cents": total}]
    body = {
        "validation_no": validation_no,
        "validated_at": validated_at,
        "market_id": market_id,
        "day": day or validated_at[:10],
        "control": {
            "baskets": 1,
            "lines": len(lines),
            "amount_cents": total,
            "payments_cents": total,
        },
        "baskets": [{"basket_id": "B1", "num": 1, "payments": payments, "lines": lines}],
        **changes,
    }
    return {"kind": "distribution", "id": distribution_id, "body": body}


def unvalidation(distribution_id: str = "D1", validation_no: int = 1) -> Notice:
    """A distribution un-validated."""
    body = {"validation_no": validation_no, "at": "2024-10-05T09:00:00+02:00", "reason": "poids"}
    return {"kind": "unvalidation", "id": distribution_id, "body": body}


def session(
    session_id: str = "INT-1", kind: str = "INTEGRATION", seq: int = 1, **changes: Any
) -> Notice:
    """A training session of 850 €."""
    body = {
        "seq": seq,
        "kind": kind,
        "title": session_id,
        "starts_on": "2024-11-04",
        "ends_on": "2024-12-13",
        "price_cents": 85_000,
        "hours": 14,
        "mode": "REMOTE",
        **changes,
    }
    return {"kind": "training-session", "id": session_id, "body": body}


def enrolment(
    enrolled_on: str,
    session_id: str = "INT-1",
    producer_id: str = "2045",
    seq: int = 1,
    **changes: Any,
) -> Notice:
    """A producer enrolled, paid by VIVEA."""
    body = {
        "seq": seq,
        "participant": "u:1207",
        "enrolled_on": enrolled_on,
        "contract": "CONVENTION",
        "fundings": [{"fund": "VIVEA", "amount_cents": 85_000, "agreement_no": "V1"}],
        **changes,
    }
    return {"kind": "enrolment", "session_id": session_id, "id": producer_id, "body": body}


def completion(
    completed_on: str, session_id: str = "INT-1", producer_id: str = "2045", **changes: Any
) -> Notice:
    """A training completed."""
    body = {"completed_on": completed_on, "attended_hours": "14", **changes}
    return {"kind": "completion", "session_id": session_id, "id": producer_id, "body": body}


def cancellation(
    cancelled_on: str, session_id: str = "INT-1", producer_id: str = "2045", **changes: Any
) -> Notice:
    """A training abandoned."""
    body = {"cancelled_on": cancelled_on, **changes}
    return {"kind": "cancellation", "session_id": session_id, "id": producer_id, "body": body}
