"""A year's trainings in figures: who pays for them, and what the BPF asks for."""

import gzip
import json
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.training.main import REFERENCE_BPF
from services.training.main import desk as training_desk
from shared.asks.training_figures import Bpf, BpfFigures, EnrolmentSum, TrainingFundings
from tests.support.notices import Notice, cancellation, completion, enrolment, session
from tests.support.world import World

SEASON = Path(__file__).parents[2] / "deploy" / "sandbox" / "season.ndjson.gz"
NONE = EnrolmentSum(enrolments=0, amount_cents=0)


def paid(**funds: int) -> list[dict[str, Any]]:
    """Shares by fund, in cents."""
    return [{"fund": fund, "amount_cents": cents} for fund, cents in funds.items()]


def fundings(cagette: World, year: int = 2024) -> TrainingFundings:
    """Who pays for the sessions of a year."""
    cagette.home.caught_up()
    return cagette.home.training_desk.fundings(year)


def bpf(cagette: World, year: int = 2024) -> Bpf:
    """The BPF of a year."""
    cagette.home.caught_up()
    return cagette.home.training_desk.bpf(year)


def by_fund(found: TrainingFundings) -> dict[str, tuple[int, int, int, int]]:
    """Enrolments and cents, then those of cancelled ones, by fund."""
    return {
        fund.fund: (
            fund.enrolments,
            fund.amount_cents,
            fund.cancelled.enrolments,
            fund.cancelled.amount_cents,
        )
        for fund in found.funds
    }


def products(found: BpfFigures) -> dict[str, int]:
    """Cents by line of frame C."""
    return {product.line: product.amount_cents for product in found.products}


def types(found: BpfFigures) -> dict[str, tuple[int, str]]:
    """Trainees and their hours by line of frame F-1."""
    return {each.line: (each.trainees, each.hours) for each in found.types}


def trained(producer_id: str, *shares: dict[str, Any], **changes: Any) -> list[Notice]:
    """A producer who completed the session, paid by shares that add up to its price."""
    enrolled = enrolment("2024-10-20", producer_id=producer_id, **changes)
    if shares:
        enrolled["body"]["fundings"] = list(shares)
    return [enrolled, completion("2024-12-13", producer_id=producer_id)]


def test_every_fund_has_its_enrolments_and_cents_and_what_was_abandoned_apart(
    cagette: World,
) -> None:
    cagette.told(
        session(),
        enrolment("2024-10-20", producer_id="1", fundings=paid(VIVEA=50_000, SELF=35_000)),
        *trained("2", *paid(VIVEA=85_000)),
        enrolment("2024-10-20", producer_id="3", fundings=paid(VIVEA=80_000, OCAPIAT=5_000)),
        cancellation("2024-11-10", producer_id="3"),
    )
    found = fundings(cagette)
    assert by_fund(found) == {
        "OCAPIAT": (0, 0, 1, 5_000),
        "SELF": (1, 35_000, 0, 0),
        "VIVEA": (2, 135_000, 1, 80_000),
    }
    assert [fund.fund for fund in found.funds] == sorted(fund.fund for fund in found.funds)
    assert found.total == EnrolmentSum(enrolments=2, amount_cents=170_000)
    assert found.cancelled == EnrolmentSum(enrolments=1, amount_cents=85_000)


def test_a_fund_is_one_fund_however_it_is_written_and_counts_once_an_enrolment(
    cagette: World,
) -> None:
    shares = [
        {"fund": fund, "amount_cents": cents}
        for fund, cents in (("VIVEA", 40_000), (" vivea ", 30_000), ("Fif  pl", 15_000))
    ]
    cagette.told(session(), enrolment("2024-10-20", fundings=shares))
    assert by_fund(fundings(cagette)) == {"FIF PL": (1, 15_000, 0, 0), "VIVEA": (1, 70_000, 0, 0)}


@pytest.mark.parametrize(
    ("ends_on", "year"),
    [("2024-01-01", 2024), ("2024-12-31", 2024), ("2025-01-01", 2025), ("2023-12-31", 2023)],
)
def test_a_session_belongs_to_the_year_of_its_last_day(
    cagette: World, ends_on: str, year: int
) -> None:
    cagette.told(session(starts_on="2023-06-01", ends_on=ends_on), *trained("1"))
    for each in (2022, 2023, 2024, 2025):
        counted = 1 if each == year else 0
        assert fundings(cagette, each).total.enrolments == counted
        assert bpf(cagette, each).total.trainees == counted


def test_a_session_put_off_to_another_year_moves_with_all_its_figures(cagette: World) -> None:
    cagette.told(session(), *trained("1"), session(seq=2, ends_on="2025-01-31"))
    assert (fundings(cagette).total, bpf(cagette).total.trainees) == (NONE, 0)
    assert bpf(cagette, 2025).total.products_cents == 85_000


def test_what_waits_is_in_no_figure(cagette: World) -> None:
    cagette.told(enrolment("2024-10-20", fundings=paid(SELF=1)), completion("2024-12-13"))
    cagette.told(session())
    assert fundings(cagette).funds == []
    assert (bpf(cagette).total.trainees, bpf(cagette).undecided) == (0, NONE)


def test_the_bpf_counts_who_completed_and_sets_the_others_apart(cagette: World) -> None:
    cagette.told(session(), *trained("1"), enrolment("2024-10-20", producer_id="2"))
    cagette.told(enrolment("2024-10-20", producer_id="3"))
    cagette.told(cancellation("2024-11-10", producer_id="3"))
    found = bpf(cagette)
    assert (found.total.trainees, found.total.hours) == (1, "14")
    assert found.undecided == found.cancelled == EnrolmentSum(enrolments=1, amount_cents=85_000)


@pytest.mark.parametrize(
    ("contract", "shares", "lines", "trainee"),
    [
        ("CONVENTION", paid(VIVEA=85_000), {"2g": 85_000}, "e"),
        ("CONTRAT", paid(VIVEA=50_000, SELF=35_000), {"2g": 50_000, "9": 35_000}, "e"),
        ("CONVENTION", paid(VIVEA=50_000, SELF=35_000), {"2g": 50_000, "1": 35_000}, "e"),
        ("CONTRAT", paid(SELF=85_000), {"9": 85_000}, "d"),
        ("CONVENTION", paid(SELF=85_000), {"1": 85_000}, "e"),
        ("CONVENTION", paid(OCAPIAT=85_000), {"2h": 85_000}, "e"),
    ],
)
def test_the_bpf_says_where_money_came_from_and_who_was_trained(
    cagette: World,
    contract: str,
    shares: list[dict[str, Any]],
    lines: dict[str, int],
    trainee: str,
) -> None:
    cagette.told(session(), *trained("1", *shares, contract=contract))
    found = bpf(cagette).total
    assert products(found) == lines
    assert types(found) == {trainee: (1, "14")}
    assert (found.products_cents, found.unplaced) == (85_000, [])


def test_a_fund_of_which_nobody_said_its_line_is_counted_and_named(cagette: World) -> None:
    cagette.told(session(), *trained("1", *paid(VIVEA=50_000, Mairie=35_000)))
    found = bpf(cagette).total
    assert products(found) == {"2g": 50_000}
    assert [(each.fund, each.amount_cents) for each in found.unplaced] == [("MAIRIE", 35_000)]
    assert found.products_cents == 85_000


def test_hours_are_those_attended_or_where_not_told_those_planned(cagette: World) -> None:
    cagette.told(session(hours=14), enrolment("2024-10-20", producer_id="1"))
    cagette.told(completion("2024-12-13", producer_id="1", attended_hours="13.25"))
    cagette.told(enrolment("2024-10-20", producer_id="2"))
    cagette.told(completion("2024-12-13", producer_id="2", attended_hours=None))
    found = bpf(cagette).total
    assert (found.trainees, found.hours, found.planned_hours_of) == (2, "27.25", 1)


def test_a_person_who_follows_two_trainings_is_two_trainees_and_one_person(cagette: World) -> None:
    cagette.told(session(), *trained("1"), session("UPD", "UPDATE", mode="ON_SITE"))
    cagette.told(enrolment("2024-10-20", "UPD", "1"), completion("2024-12-13", "UPD", "1"))
    found = bpf(cagette)
    assert (found.total.trainees, found.total.persons) == (2, 1)
    assert (found.total.remote_trainees, found.total.remote_hours) == (1, "14")
    assert [(kind.kind, kind.trainees) for kind in found.kinds] == [
        ("INTEGRATION", 1),
        ("UPDATE", 1),
    ]


def test_the_bpf_names_what_our_data_cannot_fill(cagette: World) -> None:
    found = {part.frame.partition(",")[0] for part in bpf(cagette).not_filled}
    assert found == {"C", "D", "E", "F-1", "F-2", "F-3", "F-4", "G"}
    assert all(part.why.endswith(".") for part in bpf(cagette).not_filled)


def test_every_line_that_a_fund_stands_on_has_its_label(cagette: World) -> None:
    form = training_desk(cagette.home.training, cagette.home.views["training"])._form
    assert {*form.own.values(), *form.funds.values()} <= set(form.products)
    assert {line for line in form.products if line not in form.funds.values()} == {"1", "9"}
    assert all(fund == " ".join(fund.split()).upper() for fund in form.funds)
    assert "ASSUMPTION" in REFERENCE_BPF.read_text("utf-8")


def test_the_figures_of_the_real_season_are_those_counted_from_its_notices(cagette: World) -> None:
    lines = gzip.decompress(SEASON.read_bytes()).decode().splitlines()
    told = [json.loads(line) for line in lines]
    cagette.told(*(n for n in told if n["kind"] == "training-session" or n.get("session_id")))
    sessions = {n["id"]: n["body"] for n in told if n["kind"] == "training-session"}
    of: dict[str, dict[tuple[str, str], Any]] = defaultdict(dict)
    for notice in told:
        if session_id := notice.get("session_id"):
            of[notice["kind"]][session_id, notice["id"]] = notice["body"]
    for year in range(2020, 2027):
        enrolled = {
            key: body
            for key, body in of["enrolment"].items()
            if sessions[key[0]]["ends_on"][:4] == str(year)
        }
        completed = {key: body for key, body in enrolled.items() if key in of["completion"]}
        lost = {k for k in enrolled if k in of["cancellation"] and k not in completed}
        cents: Counter[str] = Counter()
        for key in enrolled.keys() - lost:
            for share in enrolled[key]["fundings"]:
                cents[share["fund"]] += share["amount_cents"]
        found, figures = fundings(cagette, year), bpf(cagette, year)
        assert {fund.fund: fund.amount_cents for fund in found.funds if fund.enrolments} == cents
        assert found.total.enrolments == len(enrolled) - len(lost)
        assert figures.total.trainees == len(completed)
        hours = [Decimal(of["completion"][key]["attended_hours"]) for key in completed]
        assert Decimal(figures.total.hours) == sum(hours)
        for name in ("trainees", "products_cents", "remote_trainees", "planned_hours_of"):
            parts = sum(getattr(kind, name) for kind in figures.kinds)
            assert getattr(figures.total, name) == parts
        assert sum(products(figures.total).values()) == figures.total.products_cents
        assert sum(count for count, _ in types(figures.total).values()) == len(completed)
    assert len(of["completion"]) > 50
