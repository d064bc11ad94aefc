"""Kills of everything: nothing is lost, nothing doubled, no cent wrong, no gap in the numbers."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from tests.reliability.chaos import (
    BACKWARDS,
    GAPS,
    VICTIMS,
    Chaos,
    differences,
    flaws_of_numbers,
    planned,
    verified,
    wrong,
)
from tests.support.hard_season import hard_season
from tests.support.processes import Servers, beginning
from tests.support.recount import recount

SEED, ASKS, KILLS = 1, 3, 10


def test_ten_kills_of_everything_lose_nothing_and_double_nothing(servers: Servers) -> None:
    steps, chance = beginning(SEED, ASKS), Random(SEED)
    assert {step[0] for step in steps} == {"tell", "payout", "close"}
    chaos = Chaos(servers, chance)
    chaos.do(planned(steps, KILLS, chance))
    assert chaos.killed.total() == KILLS
    assert chaos.killed.keys() == set(VICTIMS)
    assert wrong(servers.deployment, steps) == []
    audit = verified(servers.deployment)
    assert audit.returncode == 0, audit.stdout


@pytest.mark.parametrize("kills", [8, 10, 50, 200])
def test_a_plan_tells_every_step_in_order_and_kills_everybody(kills: int) -> None:
    asks = sum(step[0] != "tell" for step in hard_season(SEED))
    steps = beginning(SEED, min(asks, kills // 2))
    moves = planned(steps, kills, Random(SEED))
    assert [step for move in moves for step in move.steps] == steps
    killed = Counter(victim for move in moves for victim in move.victims)
    assert killed.total() == kills
    assert min(killed[victim] for victim in VICTIMS) >= kills // len(VICTIMS) - 1
    assert killed.keys() == set(VICTIMS)
    asked = [move for move in moves if move.steps[0][0] != "tell"]
    assert len(asked) == min(asks, kills // 2)
    assert all(len({*move.victims}) == len(move.victims) > 0 for move in asked)


@pytest.mark.parametrize(
    ("numbers", "flaws"),
    [
        ({"F2026-000001": "2026-12-31", "F2026-000002": "2026-12-31"}, []),
        ({"F2026-000001": "2026-12-31", "F2027-000001": "2027-01-01"}, []),
        ({"F2026-000001": "2026-12-31", "F2026-000003": "2026-12-31"}, [GAPS.format(2026)]),
        ({"F2026-000002": "2026-12-31"}, [GAPS.format(2026)]),
        ({"F2026-000001": "2026-12-31", "F2027-000002": "2027-01-01"}, [GAPS.format(2027)]),
        ({"F2026-000001": "2026-12-31", "F2026-000002": "2026-12-30"}, [BACKWARDS]),
    ],
)
def test_gaps_and_steps_back_in_the_numbers_are_seen(
    numbers: dict[str, str], flaws: list[str]
) -> None:
    documents = [{"number": number, "issued_on": day} for number, day in numbers.items()]
    assert flaws_of_numbers(documents) == flaws


def test_a_cent_a_document_and_a_transfer_that_differ_are_seen() -> None:
    bills = recount(beginning(SEED, ASKS))
    assert list(differences(bills, bills)) == []
    fee, document, transfer = (
        next(iter(b)) for b in (bills.fees, bills.documents, bills.transfers)
    )
    others = replace(
        bills,
        fees=bills.fees | {fee: bills.fees[fee] + 1},
        documents={key: row for key, row in bills.documents.items() if key != document},
        transfers={**bills.transfers, "2030-01-07|1": bills.transfers[transfer]},
    )
    assert [sentence.split(":")[0] for sentence in differences(others, bills)] == [
        f"fees {fee}",
        f"documents {document}",
        "transfers 2030-01-07|1",
    ]
