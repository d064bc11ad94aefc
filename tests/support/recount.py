"""An independent model of the bills, written from the contract alone (§2 and §5).

It is compared with the product, so it shares no code with it and prefers being obviously right to
being fast: everything told is kept; before each payout or close, and at the end, the target of
every (producer, distribution) is computed from scratch, and its difference from the frozen amounts
stands in the first place that is still open. Payouts and closes freeze. The only thing decided
while telling is the billing party, at the first fee ever charged.

`recount(steps)` gives the bills, `steps_of(folder)` reads a hard season of `data/`, and
`Recount` can be driven step by step and asked where amounts stand.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from tests.support.recount_told import (
    ON_SITE,
    ONLINE,
    PARIS,
    VAT_BP,
    Notice,
    Told,
    gross,
    half_up,
    monday_after,
)

Tell = tuple[Literal["tell"], Notice]
Payout = tuple[Literal["payout"], str]
Close = tuple[Literal["close"], str]
Step = Tell | Payout | Close


@dataclass
class Bills:
    """What must come out, in the shape of `expected.json`; entries of value zero are left out."""

    fees: dict[str, int] = field(default_factory=dict)
    by_slot: dict[str, int] = field(default_factory=dict)
    documents: dict[str, dict[str, int]] = field(default_factory=dict)
    transfers: dict[str, dict[str, int]] = field(default_factory=dict)


class Entry(NamedTuple):
    """An amount in a place: a Monday (ONLINE) or a month (ON_SITE)."""

    producer: str
    distribution: str
    kind: str  # SERVICE, PAYMENT or SALES
    channel: str
    place: str
    amount: int


def nonzero(totals: dict[str, int]) -> dict[str, int]:
    """The entries that are not zero, sorted by key."""
    return {key: totals[key] for key in sorted(totals) if totals[key]}


class Recount:
    """The books: what was told, what is frozen, and who pays for what."""

    def __init__(self, rate_bp: dict[str, int] | None = None) -> None:
        self.told = Told(rate_bp)
        self.frozen: list[Entry] = []
        self.parties: dict[tuple[str, str], str] = {}
        self.settled_through = date.min
        self.closed_through = ""
        self.withheld: dict[tuple[str, str], int] = defaultdict(int)  # by (party, month)
        self.carried: dict[str, int] = defaultdict(int)
        self.bills = Bills()

    def do(self, step: Step) -> None:
        """One step of a season; ValueError if §6 forbids a payout or a close."""
        if step[0] == "tell":
            self.told.tell(step[1])
            self._fix_parties()
        elif step[0] == "payout":
            self._payout(date.fromisoformat(step[1]))
        else:
            self._close(step[1])

    def _fix_parties(self) -> None:
        """Fix the party that the producer has when the first fee ever is charged; it then stays."""
        for key in self.told.pairs() - self.parties.keys():
            target = self.told.target(*key)
            if any(amount for (kind, _), amount in target.items() if kind != "SALES"):
                self.parties[key] = self.told.party(key[0])

    def open_entries(self) -> list[Entry]:
        """What stands in open places: targets less what is frozen. No entry is zero."""
        left: dict[tuple[str, str, str, str], int] = defaultdict(int)
        for producer, distribution in self.told.pairs():
            for (kind, channel), amount in self.told.target(producer, distribution).items():
                left[producer, distribution, kind, channel] += amount
        for entry in self.frozen:
            left[entry[:4]] -= entry.amount
        return [
            Entry(*key, self._open_place(key[1], key[3]), amount)
            for key, amount in sorted(left.items())
            if amount
        ]

    def _open_place(self, distribution: str, channel: str) -> str:
        """The home, or the first later place that is open."""
        first = self.told.first_validated_at(distribution)
        if channel == ON_SITE:
            month = first.astimezone(PARIS).strftime("%Y-%m")
            return max(month, next_month(self.closed_through)) if self.closed_through else month
        monday = monday_after(first)
        while monday <= self.settled_through or monday.isoformat()[:7] <= self.closed_through:
            monday += timedelta(days=7)
        return monday.isoformat()

    def _payout(self, monday: date) -> None:
        """Settles a Monday: freezes its amounts, withholds, writes the transfer rows."""
        if monday <= self.settled_through:
            return
        mine: list[Entry] = []
        for entry in self.open_entries():
            if entry.channel == ONLINE and entry.place < monday.isoformat():
                raise ValueError(f"payout {monday}: {entry} stands earlier")
            if entry.channel == ONLINE and entry.place == monday.isoformat():
                mine.append(entry)
        self.frozen += mine
        self.settled_through = monday
        sales: dict[str, int] = defaultdict(int)
        fees: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for entry in mine:
            if entry.kind == "SALES":
                sales[entry.producer] += entry.amount
            else:
                fees[self.parties[entry[:2]]][entry.producer] += entry.amount
        withheld: dict[str, int] = defaultdict(int)
        for party, by_producer in fees.items():
            for producer, cents in self._withhold(party, monday, by_producer).items():
                withheld[producer] += cents
        for producer in sorted(sales.keys() | withheld.keys()):
            if sales[producer] or withheld[producer]:
                self._transfer(monday, producer, sales[producer], withheld[producer])

    def _withhold(self, party: str, monday: date, fees: dict[str, int]) -> dict[str, int]:
        """A party's withholding of this Monday, split among its producers."""
        month = monday.isoformat()[:7]
        statement = sum(
            entry.amount
            for entry in self.frozen
            if entry.channel == ONLINE and entry.kind != "SALES"
            if entry.place[:7] == month and self.parties[entry[:2]] == party
        )
        due = gross(statement) - self.withheld[party, month]
        self.withheld[party, month] += due
        shares = {producer: half_up(cents, 10_000 + VAT_BP) for producer, cents in fees.items()}
        largest = min(fees, key=lambda producer: (-abs(fees[producer]), producer))
        shares[largest] += due - sum(shares.values())
        return shares

    def _transfer(self, monday: date, producer: str, sales: int, withheld: int) -> None:
        carried = self.carried[producer]
        net = sales + carried - withheld
        self.carried[producer] = min(net, 0)
        row = {"sales": sales, "withheld": withheld, "carried": carried, "net": net}
        self.bills.transfers[f"{monday}|{producer}"] = row

    def _close(self, month: str) -> None:
        """Closes a month, and with it all earlier ones; issues what can be issued."""
        if month <= self.closed_through:
            return
        for entry in self.open_entries():
            if entry.place < month or (entry.channel == ONLINE and entry.place[:7] <= month):
                raise ValueError(f"close {month}: {entry} stands open")
        for entry in self.frozen:
            if self.closed_through < entry.place[:7] < month and entry.kind != "SALES":
                raise ValueError(f"close {month}: {entry} is in an earlier month not closed")
        self.frozen += [entry for entry in self.open_entries() if entry.place == month]
        self.closed_through = month
        self._issue()

    def _issue(self) -> None:
        """A document for each closed statement that is not zero and whose party is known."""
        statements: dict[tuple[str, str, str], int] = defaultdict(int)
        for entry in self.frozen:
            if entry.kind != "SALES" and entry.place[:7] <= self.closed_through:
                party = self.parties[entry[:2]]
                statements[party, entry.place[:7], entry.channel] += entry.amount
        for (party, month, channel), net in sorted(statements.items()):
            if net and self.told.can_be_invoiced(party):
                row = {"net": net, "vat": half_up(net, VAT_BP), "gross": gross(net)}
                self.bills.documents[f"{party}|{month}|{channel}"] = row

    def result(self) -> Bills:
        """The bills as they are now, open amounts included in the fees."""
        fees: dict[str, int] = defaultdict(int)
        by_slot: dict[str, int] = defaultdict(int)
        for entry in self.frozen + self.open_entries():
            if entry.kind != "SALES":
                fee = "|".join(entry[:3])
                fees[fee] += entry.amount
                by_slot[f"{fee}|{entry.place[:7]}|{entry.channel}"] += entry.amount
        made = self.bills
        return Bills(nonzero(fees), nonzero(by_slot), dict(made.documents), dict(made.transfers))


def next_month(month: str) -> str:
    """The month after `YYYY-MM`."""
    return (date.fromisoformat(f"{month}-28") + timedelta(days=4)).strftime("%Y-%m")


def recount(steps: Iterable[Step], rate_bp: dict[str, int] | None = None) -> Bills:
    """What must come out of a season's steps, at the reference's service rates or at others."""
    books = Recount(rate_bp)
    for step in steps:
        books.do(step)
    return books.result()


def steps_of(folder: Path) -> list[Step]:
    """The steps of a hard season: its `script.json` with the notices it imports."""
    steps: list[Step] = []
    for what, argument in json.loads((folder / "script.json").read_text("utf-8")):
        if what == "import":
            lines = (folder / argument).read_text("utf-8").splitlines()
            steps += [("tell", json.loads(line)) for line in lines if line.strip()]
        elif what == "payout":
            steps.append(("payout", argument))
        else:
            steps.append(("close", argument))
    return steps
