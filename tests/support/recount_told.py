"""What was told and accepted so far, and the target it sets for every (producer, distribution).

The first half of the independent model of `recount.py`, written from the contract alone (§2 and
§5): which validation stands, under which payment mode, at which formula, for how many cents.
Refused here: a number reused with other content, control figures or lines that do not match,
another market for the same distribution, a party that is not its own, and a market notice that
would re-label what was sold. The other refusals of the contract need no model: do not tell them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

Notice = dict[str, Any]

PARIS = ZoneInfo("Europe/Paris")
SWITCH = date(2024, 7, 1)
TRANSITION_END = date(2025, 6, 30)
RATE_BP = {"FLEXIBLE": 600, "ENGAGEE": 200}
PAYMENT_BP = 300
VAT_BP = 2000
ONLINE, ON_SITE = "ONLINE", "ON_SITE"
NEEDED = ("street", "postcode", "city")


@dataclass
class Validation:
    """One accepted validation of a distribution, its mode known or awaited."""

    at: datetime
    market: str
    day: date
    sales: dict[str, int]
    gap: int  # payments less what the consumers owe
    said: str | None
    mode: str | None = None


def half_up(amount: int, bp: int) -> int:
    """amount × bp / 10 000, half away from zero, once."""
    cents = Decimal(amount * bp) / Decimal(10_000)
    return int(cents.quantize(Decimal(1), ROUND_HALF_UP))


def gross(net: int) -> int:
    """A net amount with its VAT, rounded once."""
    return net + half_up(net, VAT_BP)


def years_after(day: date, years: int) -> date:
    """The anniversary of a day; that of 29 February is 28 February."""
    if (day.month, day.day) == (2, 29):
        day = date(day.year, 2, 28)
    return day.replace(year=day.year + years)


def monday_after(at: datetime) -> date:
    """The Monday after the week, in Paris, of an instant."""
    day = at.astimezone(PARIS).date()
    return day + timedelta(days=7 - day.weekday())


def highest(numbered: dict[int, Any]) -> Any:
    """What was told under the highest number."""
    return numbered[max(numbered)]


class Told:
    """Everything told and accepted so far, and what it amounts to."""

    def __init__(self, rate_bp: dict[str, int] | None = None) -> None:
        self.rate_bp = rate_bp or RATE_BP
        self.producers: dict[str, dict[int, Notice]] = {}
        self.markets: dict[str, dict[int, Notice]] = {}
        self.modes: dict[str, dict[date, tuple[int, str]]] = {}
        self.sessions: dict[str, dict[int, Notice]] = {}
        self.trainings: dict[tuple[str, str, str], dict[int, Notice]] = {}
        self.validations: dict[str, dict[int, Validation]] = {}
        self.unvalidated: dict[str, set[int]] = defaultdict(set)

    def tell(self, notice: Notice) -> None:
        """Takes a notice in. One that repeats a number, or must be refused, has no effect."""
        kind, key, body = notice["kind"], str(notice["id"]), notice["body"]
        if kind == "producer":
            if self._party_allowed(key, body):
                self.producers.setdefault(key, {}).setdefault(body["seq"], body)
        elif kind == "market":
            self._tell_market(key, body)
        elif kind == "training-session":
            self.sessions.setdefault(key, {}).setdefault(body["seq"], body)
        elif kind == "distribution":
            self._tell_distribution(key, body)
        elif kind == "unvalidation":
            self.unvalidated[key].add(body["validation_no"])
        else:
            told = self.trainings.setdefault((kind, str(notice["session_id"]), key), {})
            told.setdefault(body.get("seq", 1), body)

    def _party_allowed(self, key: str, body: Notice) -> bool:
        """A party must be its own party, and stay so while others name it."""
        if key in self.producers and body["seq"] < max(self.producers[key]):
            return True  # stale: changes nothing
        party = str(body.get("billing_party_id") or key)
        if party == key:
            return True
        if party in self.producers and self.party(party) != party:
            return False
        return all(self.party(other) != key for other in self.producers if other != key)

    def _tell_market(self, key: str, body: Notice) -> None:
        if body["seq"] in self.markets.get(key, {}):
            return
        history = dict(self.modes.get(key, {}))
        start = date.fromisoformat(body["payment_mode_from"])
        mode = (body["seq"], body["payment_mode"])
        history[start] = max(mode, history.get(start, mode))
        for validation in self._of_market(key):
            implicit = validation.mode if not validation.said else None
            if implicit and mode_on(history, validation.day) != implicit:
                return  # 409: what was sold under one mode is not re-labelled
        self.modes[key] = history
        self.markets.setdefault(key, {})[body["seq"]] = body
        for validation in self._of_market(key):
            self._resolve(validation)

    def _of_market(self, key: str) -> list[Validation]:
        every = (v for numbered in self.validations.values() for v in numbered.values())
        return [validation for validation in every if validation.market == key]

    def _resolve(self, validation: Validation) -> None:
        """Fix the mode of a validation once its market is known; it then stays."""
        if validation.mode is None and validation.market in self.markets:
            by_market = mode_on(self.modes[validation.market], validation.day)
            validation.mode = validation.said or by_market

    def _tell_distribution(self, key: str, body: Notice) -> None:
        numbered = self.validations.get(key, {})
        market = str(body["market_id"])
        if body["validation_no"] in numbered or not control_matches(body):
            return
        if any(validation.market != market for validation in numbered.values()):
            return
        sales: dict[str, int] = defaultdict(int)
        gap = 0
        for basket in body["baskets"]:
            gap += sum(payment["amount_cents"] for payment in basket["payments"])
            for line in basket["lines"]:
                sales[str(line["producer_id"])] += line["amount_cents"]
                gap -= line["amount_cents"] + line.get("market_fee_cents", 0)
        at = datetime.fromisoformat(body["validated_at"])
        day = date.fromisoformat(body["day"])
        validation = Validation(at, market, day, dict(sales), gap, body.get("payment_mode"))
        self._resolve(validation)
        self.validations.setdefault(key, {})[body["validation_no"]] = validation

    def party(self, producer: str) -> str:
        """Who is invoiced for a producer now."""
        return str(highest(self.producers[producer]).get("billing_party_id") or producer)

    def can_be_invoiced(self, party: str) -> bool:
        """Whether a party has everything that an invoice needs."""
        if party not in self.producers:
            return False
        body = highest(self.producers[party])
        address = body.get("address") or {}
        return bool(body.get("company_number")) and all(address.get(part) for part in NEEDED)

    def pairs(self) -> set[tuple[str, str]]:
        """Every (producer, distribution) that any validation mentions."""
        return {
            (producer, distribution)
            for distribution, numbered in self.validations.items()
            for validation in numbered.values()
            for producer in validation.sales
        }

    def first_validated_at(self, distribution: str) -> datetime:
        """The instant of the lowest number ever told, held ones included."""
        numbered = self.validations[distribution]
        return numbered[min(numbered)].at

    def standing(self, distribution: str) -> Validation | None:
        """The highest-numbered validation whose payments match, unless it was taken back."""
        numbered = self.validations[distribution]
        matching = [n for n, v in numbered.items() if v.mode == ON_SITE or (v.mode and not v.gap)]
        if not matching:
            return None
        number = max(matching)
        back = [n for n in self.unvalidated[distribution] if n in numbered and n >= number]
        return None if back else numbered[number]

    def target(self, producer: str, distribution: str) -> dict[tuple[str, str], int]:
        """What must have been charged, and sold, in all: (kind, channel) → cents."""
        validation = self.standing(distribution)
        if validation is None or validation.mode is None or producer not in self.producers:
            return {}
        market = highest(self.markets[validation.market])
        excluded = market.get("test") or market.get("kind") == "AMAP"
        if excluded or highest(self.producers[producer]).get("pedagogic"):
            return {}
        sales, mode = validation.sales.get(producer, 0), validation.mode
        rate = self.rate_bp[self.formula(producer, validation.day)]
        wanted = {("SERVICE", mode): half_up(sales, rate)}
        if mode == ONLINE:
            wanted["PAYMENT", mode] = half_up(sales, PAYMENT_BP)
            wanted["SALES", mode] = sales
        return wanted

    def formula(self, producer: str, day: date) -> str:
        """The formula in force for a producer on a day."""
        if day < SWITCH:
            return "FLEXIBLE"
        sessions = [s for kind, s, p in self.trainings if kind == "enrolment" and p == producer]
        spans = [span for s in sessions if s in self.sessions for span in self._spans(s, producer)]
        return "ENGAGEE" if any(first <= day <= last for first, last in spans) else "FLEXIBLE"

    def _spans(self, session: str, producer: str) -> list[tuple[date, date]]:
        """The days, both ends included, that one training makes ENGAGEE."""
        eve = timedelta(days=1)
        enrolled = self._day("enrolment", session, producer, "enrolled_on")
        completed = self._day("completion", session, producer, "completed_on")
        cancelled = self._day("cancellation", session, producer, "cancelled_on")
        spans = []
        if enrolled and highest(self.sessions[session])["kind"] == "INTEGRATION":
            last = years_after(enrolled, 1) - eve
            if cancelled and not completed:
                last = min(last, cancelled)
            spans.append((enrolled, last))
        if completed:
            spans.append((completed, years_after(completed, 2) - eve))
            if completed < SWITCH:
                spans.append((SWITCH, TRANSITION_END))
        return spans

    def _day(self, kind: str, session: str, producer: str, name: str) -> date | None:
        numbered = self.trainings.get((kind, session, producer))
        return date.fromisoformat(highest(numbered)[name]) if numbered else None


def mode_on(history: dict[date, tuple[int, str]], day: date) -> str | None:
    """A market's payment mode on a day; None before the first known one."""
    known = [start for start in history if start <= day]
    return history[max(known)][1] if known else None


def control_matches(body: Notice) -> bool:
    """Whether the control figures, and each line within a cent, match what is sent."""
    lines = [line for basket in body["baskets"] for line in basket["lines"]]
    payments = [payment for basket in body["baskets"] for payment in basket["payments"]]
    for line in lines:
        euros = Decimal(str(line["quantity"])) * Decimal(str(line["unit_price"]))
        cents = int((euros * 100).quantize(Decimal(1), ROUND_HALF_UP))
        if abs(cents - line["amount_cents"]) > 1:
            return False
    return bool(
        body["control"]
        == {
            "baskets": len(body["baskets"]),
            "lines": len(lines),
            "amount_cents": sum(line["amount_cents"] for line in lines),
            "payments_cents": sum(payment["amount_cents"] for payment in payments),
        }
    )
