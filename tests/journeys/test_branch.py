"""`cagette replay branch`: what the same history would have cost under another tariff."""

import csv
import json
from collections import defaultdict
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from deploy.cli.branching import Branched, branched
from services.billing.domain.tariff import Rates, Tariff
from services.billing.main import REFERENCE_TARIFF, tariff_from
from services.billing.views.compared import COLUMNS
from shared.kernel.errors import NotFound, NotValid
from tests.support import commands, notices
from tests.support.hard_season import hard_season
from tests.support.recount import Bills, nonzero, recount
from tests.support.world import World

FEE = ("producer_id", "distribution_id", "kind")


def tariff(from_on: str | None = None, **rates: int) -> Tariff:
    """The reference tariff with other rates, perhaps from another day."""
    reference = tariff_from()
    on = date.fromisoformat(from_on) if from_on else reference.from_on
    return replace(reference, from_on=on, rates=Rates(**{**vars(reference.rates), **rates}))


def moved(bills: dict[str, int], found: Branched, what: str, *key: str) -> dict[str, int]:
    """Amounts by key as they would have been: what is, plus what moves."""
    moves = {
        "|".join(str(row[name]) for name in key): row["difference_cents"]
        for row in found.moves
        if row["what"] == what
    }
    return nonzero({name: bills.get(name, 0) + moves.get(name, 0) for name in {*bills, *moves}})


def would_be(live: Bills, found: Branched) -> dict[str, dict[str, int]]:
    """The bills of a branch: what is, plus what moves."""
    gross = {key: row["gross"] for key, row in live.documents.items()}
    net = {key: row["net"] for key, row in live.transfers.items()}
    return {
        "fees": moved(live.fees, found, "FEE", *FEE),
        "documents": moved(gross, found, "DOCUMENT", "party_id", "month", "channel"),
        "transfers": moved(net, found, "TRANSFER", "monday", "producer_id"),
    }


def expected(bills: Bills) -> dict[str, dict[str, int]]:
    """The same from the independent model."""
    return {
        "fees": bills.fees,
        "documents": nonzero({key: row["gross"] for key, row in bills.documents.items()}),
        "transfers": nonzero({key: row["net"] for key, row in bills.transfers.items()}),
    }


@pytest.mark.parametrize(("seed", "flexible_bp", "engagee_bp"), [(2, 600, 300), (4, 450, 150)])
def test_a_branch_is_what_an_independent_model_gives_at_those_rates(
    cagette: World, seed: int, flexible_bp: int, engagee_bp: int
) -> None:
    steps = hard_season(seed)
    cagette.do(steps)
    found = branched(cagette.home, tariff(flexible_bp=flexible_bp, engagee_bp=engagee_bp))
    recounted = recount(steps, {"FLEXIBLE": flexible_bp, "ENGAGEE": engagee_bp})
    assert would_be(cagette.bills(), found) == expected(recounted)
    by_producer: dict[str, int] = defaultdict(int)
    for key, cents in recounted.fees.items():
        by_producer[key.split("|")[0]] += cents
    assert {
        row["producer_id"]: row["branch_fees_cents"]
        for row in found.producers
        if row["branch_fees_cents"]
    } == nonzero(by_producer)
    given = [row["sales"] - row["withheld"] for row in recounted.transfers.values()]
    (net,) = (row for row in found.totals if row["name"] == "net_to_producers")
    assert any(row["carried"] for row in recounted.transfers.values())
    assert net["branch_cents"] == sum(given)
    assert sum(row["branch_net_cents"] for row in found.producers) == sum(given)


def test_under_the_tariff_that_was_in_force_nothing_moves_and_nothing_is_ever_written(
    cagette: World,
) -> None:
    cagette.do(hard_season(5))
    before = {house.name: house.log.head() for house in cagette.home.houses}
    found = branched(cagette.home, tariff())
    assert (found.moves, found.besides) == ([], [])
    assert all(row["live_cents"] == row["branch_cents"] for row in found.totals)
    branched(cagette.home, tariff(flexible_bp=0, payment_bp=0))
    assert {house.name: house.log.head() for house in cagette.home.houses} == before
    assert cagette.violations() == []


def sold_in_autumn(cagette: World) -> None:
    """A producer who sold 100 € a month, settled and closed but for the last month."""
    cagette.told(notices.market(), notices.producer())
    for month in (7, 8, 9, 10):
        day = f"2024-{month:02d}-02"
        told = notices.distribution(f"D{month}", validated_at=f"{day}T21:00:00+02:00", day=day)
        cagette.told(told)
    for monday in ("2024-07-08", "2024-08-05", "2024-09-09"):
        cagette.payout(monday)
    for closed in ("2024-07", "2024-08", "2024-09"):
        cagette.close(closed)
    cagette.home.caught_up()


def test_a_tariff_from_a_day_on_moves_only_what_was_sold_from_that_day_on(cagette: World) -> None:
    sold_in_autumn(cagette)
    found = branched(cagette.home, tariff("2024-09-01", flexible_bp=700))
    assert [t.rates.flexible_bp for t in found.tariffs] == [600, 700]
    fees = {m["distribution_id"]: m["difference_cents"] for m in found.moves if m["what"] == "FEE"}
    assert fees == {"D9": 100, "D10": 100}


@pytest.mark.parametrize(
    ("from_on", "fees"),
    [
        (None, {"D7": 50, "D8": 50, "D9": -50, "D10": -50}),
        ("2024-08-01", {"D8": 50, "D9": -50, "D10": -50}),
        ("2024-10-01", {"D10": -50}),
    ],
)
def test_versions_that_began_earlier_stay_and_later_ones_are_left_out(
    cagette: World, from_on: str | None, fees: dict[str, int]
) -> None:
    sold_in_autumn(cagette)
    cagette.home.billing_desk.publish(tariff("2024-09-01", flexible_bp=700), by="test")
    cagette.home.caught_up()
    found = branched(cagette.home, tariff(from_on, flexible_bp=650))
    assert {
        m["distribution_id"]: m["difference_cents"] for m in found.moves if m["what"] == "FEE"
    } == fees


def test_what_stands_only_in_the_branch_is_settled_and_closed_before_what_was_asked(
    cagette: World,
) -> None:
    cagette.told(notices.market(payment_mode="ON_SITE"), notices.producer())
    for month, cents in ((7, 5), (8, 10_000)):
        day = f"2024-{month:02d}-02"
        at = f"{day}T21:00:00+02:00"
        cagette.told(notices.distribution(f"D{month}", {"2045": cents}, validated_at=at, day=day))
    cagette.close("2024-08")
    cagette.home.caught_up()
    found = branched(cagette.home, tariff(flexible_bp=2_000))
    assert found.besides == ["close 2024-07"]
    documents = {m["month"]: m["branch_cents"] for m in found.moves if m["what"] == "DOCUMENT"}
    assert documents == {"2024-07": 1, "2024-08": 2_400}


def test_other_conditions_move_the_formula_and_say_so(cagette: World) -> None:
    cagette.told(notices.session(), notices.enrolment("2024-05-02"))
    cagette.told(notices.completion("2024-06-20"))
    sold_in_autumn(cagette)
    never = replace(tariff().conditions, switch_on=date(2030, 1, 1))
    found = branched(cagette.home, replace(tariff(), conditions=never))
    fees = [m for m in found.moves if m["what"] == "FEE"]
    assert fees
    assert {(m["formula"], m["branch_formula"]) for m in fees} == {("ENGAGEE", "FLEXIBLE")}
    assert {m["difference_cents"] for m in fees} == {400}


def run(home: Path, *words: str) -> commands.Run:
    """Runs `cagette replay branch`."""
    return commands.run(home, " ".join(("replay branch", *words)))


@pytest.fixture
def at_seven_percent(tmp_path: Path) -> Path:
    """A tariff file with FLEXIBLE at 7 %."""
    file = tmp_path / "seven.toml"
    file.write_text(REFERENCE_TARIFF.read_text().replace("flexible_bp = 600", "flexible_bp = 700"))
    return file


def test_the_command_writes_what_moves_as_csv_and_says_it_to_machines_and_to_people(
    cagette: World, at_seven_percent: Path, tmp_path: Path
) -> None:
    cagette.told(notices.market(), notices.producer(), notices.producer("7"))
    cagette.told(notices.distribution("D1", {"2045": 10_000, "7": 1_050}))
    cagette.payout("2024-10-07")
    cagette.home.caught_up()
    home = cagette.home.folder
    done = run(home, "--tariff", str(at_seven_percent), "--out", str(tmp_path / "m.csv"), "--json")
    assert done.returncode == 0, done
    found = json.loads(done.stdout)
    rows = list(csv.DictReader((tmp_path / "m.csv").read_text("utf-8").splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert [{k: "" if v is None else str(v) for k, v in m.items()} for m in found["moves"]] == rows
    fees = {
        row["producer_id"]: int(row["difference_cents"]) for row in rows if row["what"] == "FEE"
    }
    assert fees == {"2045": 100, "7": 74 - 63}
    assert found["totals"][0]["difference_cents"] == 111
    one = json.loads(
        run(home, "--tariff", str(at_seven_percent), "--producer", "7", "--json").stdout
    )
    assert {m["producer_id"] or m["party_id"] for m in one["moves"]} == {"7"}
    said = run(home, "--tariff", str(at_seven_percent)).stdout.decode()
    assert "FLEXIBLE 700 bp" in said
    assert "1,11\xa0€" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("from_on = 2024-01-01", "rates"),
        ("from_on = ", "not a valid tariff"),
        (REFERENCE_TARIFF.read_text().replace("gagee_bp = 2", "gagee_bp = -2"), "basis points"),
        (REFERENCE_TARIFF.read_text().replace("= 600", "= 20000"), "basis points"),
    ],
)
def test_a_file_that_is_no_tariff_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "t.toml").write_text(content)
    with pytest.raises(NotValid, match=words):
        tariff_from(tmp_path / "t.toml")


def test_an_unknown_producer_is_refused(cagette: World) -> None:
    sold_in_autumn(cagette)
    with pytest.raises(NotFound, match="999"):
        branched(cagette.home, tariff()).narrowed("999")
