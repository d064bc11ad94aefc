"""`cagette replay house`: each house comes out of its causes, or the command says what differs."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from deploy.cli.houses import HOUSES
from deploy.cli.reliving import Relived, relived
from services.gateway.api.again import use_case_of as at_gateway
from shared.eventstore.asks import Asked
from shared.messaging.replaying import CauseMissing
from tests.support import commands, notices
from tests.support.hard_season import hard_season
from tests.support.world import World


@pytest.fixture
def lived(in_each_world: World) -> World:
    """A home in which a season was told, settled and closed, in each world."""
    in_each_world.do(hard_season(6))
    return in_each_world


def made_again(cagette: World) -> dict[str, Relived]:
    """Every house, replayed."""
    return {name: relived(cagette.home, name) for name in HOUSES}


def test_every_house_comes_out_of_its_causes_as_it_stands(lived: World) -> None:
    for name, found in made_again(lived).items():
        assert (found.differences, found.refusals, found.bills) == ([], [], []), name
        assert found.events == next(h for h in lived.home.houses if h.name == name).log.head()


def change(cagette: World, house: str, topic: str, old: str, new: str, about: str = "") -> int:
    """Overwrites the first such event of a log, as nobody may; its position."""
    select = "SELECT position, state FROM stored_events WHERE topic = :topic ORDER BY position"
    with cagette.home.views[house].engine.begin() as connection:
        for position, state in connection.execute(text(select), {"topic": topic}):
            said = bytes(state).decode()
            if old in said and about in said:
                changed = said.replace(old, new, 1).encode()
                update = text("UPDATE stored_events SET state = :state WHERE position = :position")
                connection.execute(update, {"state": changed, "position": position})
                return int(position)
    raise AssertionError(f"no {topic} says {old}")


def a_month(cagette: World) -> None:
    """Two producers sold online; the Monday is settled, the month closed."""
    cagette.told(notices.market(), notices.producer(), notices.producer("7"))
    cagette.told(notices.distribution("D1", {"2045": 10_000, "7": 5_000}))
    cagette.payout("2024-10-07")
    cagette.close("2024-10")
    cagette.home.caught_up()


def test_a_changed_amount_in_the_log_is_named_with_its_producer_and_its_cents(
    cagette: World,
) -> None:
    a_month(cagette)
    position = change(
        cagette,
        "billing",
        "billing.statement.fee-charged",
        '"amount_cents":600',
        '"amount_cents":601',
    )
    found = relived(cagette.home, "billing")
    (difference,) = found.differences
    assert difference.position == position
    assert difference.fields == {"line.amount_cents": (601, 600)}
    assert "producer 2045 distribution D1" in str(difference)
    assert {
        (m["what"], m["producer_id"] or m["party_id"], m["difference_cents"]) for m in found.bills
    } == {
        ("FEE", "2045", -1),
        ("STATEMENT", "2045", -1),
    }
    assert found.events == cagette.home.billing.log.head()


@pytest.mark.parametrize(
    ("house", "topic", "old", "new", "said"),
    [
        ("gateway", "gateway.distribution.sales-validated", "[550,10000]", "[550,10001]", "2045"),
        ("training", "training.session.planned", "85000", "84000", "INT-1"),
        ("billing", "billing.transfer.settled", "2024-10-07", "2024-10-14", "2045"),
    ],
)
def test_any_changed_event_of_any_house_is_named(
    cagette: World, house: str, topic: str, old: str, new: str, said: str
) -> None:
    cagette.told(notices.session(), notices.enrolment("2024-05-02"))
    a_month(cagette)
    position = change(cagette, house, topic, old, new)
    differing = [d for d in relived(cagette.home, house).differences if d.position == position]
    assert [said in str(d) for d in differing] == [True]


def test_a_sentence_that_older_code_worded_otherwise_is_no_difference(cagette: World) -> None:
    cagette.told(notices.market(), notices.producer())
    unpaid = notices.distribution("D1", {"2045": 10_000})
    unpaid["body"]["baskets"][0]["payments"][0]["amount_cents"] -= 1
    unpaid["body"]["control"]["payments_cents"] -= 1
    (answer,) = cagette.told(unpaid)
    assert any("held until told again" in warning for warning in answer.warnings)
    change(cagette, "gateway", "ask.made", "held until told again", "held until told anew")
    assert relived(cagette.home, "gateway").is_same


def test_an_event_that_was_taken_out_is_named(cagette: World) -> None:
    a_month(cagette)
    with cagette.home.views["billing"].engine.begin() as connection:
        connection.execute(
            text("DELETE FROM stored_events WHERE topic = 'billing.transfer.settled'")
        )
    found = relived(cagette.home, "billing")
    assert {str(d).partition(",")[0] for d in found.differences} == {"only in the replay"}
    assert {m["what"] for m in found.bills} == {"TRANSFER"}


def test_an_ask_that_would_be_refused_now_is_named(cagette: World) -> None:
    a_month(cagette)
    change(cagette, "billing", "ask.made", "2024-10-07", "2024-10-08")
    (refusal,) = relived(cagette.home, "billing").refusals[:1]
    assert "not-a-monday" in refusal


def test_a_cause_that_is_gone_is_refused_by_name(cagette: World) -> None:
    a_month(cagette)
    with cagette.home.views["gateway"].engine.begin() as connection:
        connection.execute(text("DELETE FROM stored_events WHERE topic LIKE '%sales-validated'"))
    with pytest.raises(CauseMissing, match="gateway no longer has the fact at position"):
        relived(cagette.home, "billing")


def test_a_forgotten_producer_and_forwarded_notices_come_out_the_same(cagette: World) -> None:
    a_month(cagette)
    cagette.forget("2045")
    cagette.told(notices.producer("2045", seq=2))
    for name, found in made_again(cagette).items():
        assert found.is_same, (name, found)


def test_an_ask_that_nobody_knows_how_to_ask_is_no_silence() -> None:
    made: Any = Asked.Made.__new__(Asked.Made)
    vars(made).update(use_case="new", arguments={"distribution_id": "1", "body": {}})
    with pytest.raises(LookupError, match="new"):
        at_gateway(made)


def test_the_command_ends_well_only_when_all_is_the_same(cagette: World) -> None:
    a_month(cagette)
    home = cagette.home.folder
    done = commands.run(home, "replay house billing")
    assert (done.returncode, b"identical" in done.stdout) == (0, True), done
    change(
        cagette,
        "billing",
        "billing.statement.fee-charged",
        '"amount_cents":600',
        '"amount_cents":601',
    )
    done = commands.run(home, "replay house billing --json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["same"]) == (1, False)
    assert found["differences"][0]["fields"] == {"line.amount_cents": [601, 600]}
    done = commands.run(home, "replay house billing")
    assert (done.returncode, b"601, not 600" in done.stdout) == (1, True)
