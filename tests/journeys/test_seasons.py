"""Whole seasons, from the first notice to the last document, to the cent."""

import gzip
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pytest

from deploy.cli.demo import SEASON
from services.billing.views.documents import DOCUMENTS
from services.billing.views.fees import FEES
from services.billing.views.transfers import TRANSFERS
from tests.support.hard_season import hard_season, shuffled
from tests.support.recount import recount, steps_of
from tests.support.world import World

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("name", ["hard-season-1", "hard-season-2"])
def test_a_hard_season_gives_the_bills_that_were_expected(cagette: World, name: str) -> None:
    cagette.do(steps_of(DATA / name))
    expected = json.loads((DATA / name / "expected.json").read_text())
    assert asdict(cagette.bills()) == expected
    assert cagette.violations() == []


@pytest.mark.parametrize("seed", range(4))
def test_any_hard_season_gives_what_an_independent_model_gives(cagette: World, seed: int) -> None:
    steps = hard_season(seed)
    cagette.do(steps)
    assert asdict(cagette.bills()) == asdict(recount(steps))
    assert cagette.violations() == []


@pytest.mark.parametrize("seed", range(2))
def test_the_same_things_told_in_any_order_give_the_same_bills(cagette: World, seed: int) -> None:
    steps = hard_season(seed)
    cagette.do(shuffled(steps, seed + 1))
    assert asdict(cagette.bills()) == asdict(recount(steps))


def test_everything_told_twice_gives_the_same_bills(cagette: World) -> None:
    steps = hard_season(7)
    cagette.do([step for step in steps for _ in range(2 if step[0] == "tell" else 1)])
    assert asdict(cagette.bills()) == asdict(recount(steps))


def test_the_real_season_gives_the_totals_of_its_account(cagette: World) -> None:
    with gzip.open(SEASON) as season:
        cagette.told(*map(json.loads, season))
    fees = cagette.rows(FEES)
    for monday in sorted({fee["monday"] for fee in fees if fee["monday"]}):
        cagette.payout(monday.isoformat())
    for month in sorted({fee["month"] for fee in fees}):
        cagette.close(month, on=date(2024, 12, 31))
    documents, transfers = cagette.rows(DOCUMENTS), cagette.rows(TRANSFERS)
    assert sum(fee["amount_cents"] for fee in fees) == 355_128
    assert len(cagette.bills().fees) == 3_563
    assert len(documents) == 696
    assert sum(document["gross_cents"] for document in documents) == 426_148
    assert {document["month"] for document in documents} == {
        "2024-05", "2024-06", "2024-07", "2024-08", "2024-09",
    }  # fmt: skip
    assert len(transfers) == 727
    assert sum(transfer["net_cents"] for transfer in transfers) == 1_964_201
    assert cagette.violations() == []
