"""The three houses in a test's folder, driven as people drive them."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Table
from starlette.testclient import TestClient

from deploy.cli.forgetting import forgotten
from deploy.cli.home import Home, opened
from deploy.cli.operating import make_topics
from deploy.cli.web import web_app
from services.billing.views.audit import audited
from services.billing.views.documents import DOCUMENTS
from services.billing.views.fees import FEES
from services.billing.views.transfers import TRANSFERS
from services.gateway.api.imports import LineResult, import_lines
from shared.kernel.answers import Answer
from shared.settings import Settings
from tests.support.recount import Bills, Step, nonzero

Notice = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]
LATER = date(2027, 1, 31)
"""A date that documents may bear: it is after all seasons."""


class World:
    """A home, and short names for what people do with it."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def tell(self, *notices: Notice) -> list[LineResult]:
        """Tell notices (lines of an import) and let every house hear them."""
        lines = [json.dumps(notice).encode() for notice in notices]
        results = list(import_lines(self.home.gateway_desk, lines, by="test"))
        self.home.caught_up()
        return results

    def told(self, *notices: Notice) -> list[Answer]:
        """Tell notices that must be taken; raises the first refusal."""
        answers = []
        for result in self.tell(*notices):
            if not isinstance(result.outcome, Answer):
                raise result.outcome
            answers.append(result.outcome)
        return answers

    def payout(self, monday: str) -> Answer:
        """Settle a Monday."""
        return self.home.billing_desk.settle(date.fromisoformat(monday), by="test")

    def close(self, month: str, on: date = LATER) -> Answer:
        """Close a month."""
        return self.home.billing_desk.close(month, on, by="test")

    def forget(self, producer_id: str = "2045", *, dry_run: bool = False) -> Answer:
        """Forget a producer."""
        self.home.caught_up()
        return forgotten(self.home, producer_id, by="test", why="a test", dry_run=dry_run)

    def do(self, steps: Iterable[Step]) -> None:
        """Do the steps of a season; every notice must be taken."""
        waiting: list[Notice] = []
        for step in steps:
            if step[0] == "tell":
                waiting.append(step[1])
                continue
            self.told(*waiting)
            waiting = []
            if step[0] == "payout":
                self.payout(step[1])
            else:
                self.close(step[1])
        self.told(*waiting)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """The rows of a view."""
        self.home.caught_up()
        names = table.columns.keys()
        return [
            dict(zip(names, row, strict=True)) for row in self.home.views["billing"].rows(table)
        ]

    def bills(self) -> Bills:
        """The resulting bills, in the shape of a hard season's `expected.json`."""
        return billed(self.rows(FEES), self.rows(DOCUMENTS), self.rows(TRANSFERS))

    def violations(self) -> list[str]:
        """What the audit finds; nothing when all is well."""
        return list(audited(self.home.billing.log.history()))


def billed(fees: Rows, documents: Rows, transfers: Rows) -> Bills:
    """Exported rows in the shape of the independent model; no document or transfer comes twice."""
    by_fee: dict[str, int] = defaultdict(int)
    by_slot: dict[str, int] = defaultdict(int)
    for fee in fees:
        key = f"{fee['producer_id']}|{fee['distribution_id']}|{fee['kind']}"
        by_fee[key] += int(fee["amount_cents"])
        by_slot[f"{key}|{fee['month']}|{fee['channel']}"] += int(fee["amount_cents"])
    bills = Bills(nonzero(by_fee), nonzero(by_slot))
    for row in documents:
        key = f"{row['party_id']}|{row['month']}|{row['channel']}"
        assert key not in bills.documents, f"two documents for {key}"
        bills.documents[key] = _cents(row, "net", "vat", "gross")
    for row in transfers:
        key = f"{row['monday']}|{row['producer_id']}"
        assert key not in bills.transfers, f"two transfers for {key}"
        bills.transfers[key] = _cents(row, "sales", "withheld", "carried", "net")
    return bills


def _cents(row: Mapping[str, Any], *names: str) -> dict[str, int]:
    return {name: int(row[f"{name}_cents"]) for name in names}


KEY = "the-key-of-this-home"


def web_client(cagette: World, told: threading.Event | None = None) -> TestClient:
    """A client, with its key, of the gateway's HTTP app over a home."""
    settings = Settings(home=cagette.home.folder)
    app = web_app(cagette.home, settings, KEY, told or threading.Event())
    headers = {"Authorization": f"Bearer {KEY}"}
    return TestClient(app, base_url="http://testserver/v1", headers=headers)


@contextmanager
def world(folder: Path, **changes: Any) -> Iterator[World]:
    """A fresh home in a folder, embedded unless the settings say otherwise."""
    settings = Settings(home=folder, **{"patience_seconds": 1, **changes})
    make_topics(settings)
    with opened(settings, check=False) as home:
        home.migrate()
        yield World(home)
