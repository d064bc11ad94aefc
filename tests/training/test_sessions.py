"""Sessions: who enrolled, completed, abandoned, told in any order."""

from datetime import date
from itertools import permutations
from typing import Any

import pytest

from services.training.domain.learner import Learner
from services.training.domain.notices import FundingsDiffer
from shared.facts.envelope import opened
from shared.kernel.answers import Result
from tests.support.notices import cancellation, completion, enrolment, session
from tests.support.world import World


def facts(cagette: World) -> list[str]:
    """What training told, by name."""
    messages, _ = cagette.home.training.told(0, 1_000)
    return [type(opened(message)).__name__ for message in messages]


@pytest.mark.parametrize(
    "order", list(permutations([session(), enrolment("2024-10-20"), completion("2024-12-13")]))
)
def test_told_in_any_order_it_is_told_on_in_the_right_one(
    cagette: World, order: tuple[dict[str, Any], ...]
) -> None:
    cagette.told(*order)
    assert facts(cagette) == ["TrainingEnrolled", "TrainingCompleted"]


@pytest.mark.parametrize(
    ("notice", "waiting_for"),
    [
        (enrolment("2024-10-20"), "training-session:INT-1"),
        (completion("2024-12-13"), "training-session:INT-1"),
        (cancellation("2024-12-13"), "training-session:INT-1"),
    ],
)
def test_what_refers_to_an_unknown_session_is_held(
    cagette: World, notice: dict[str, Any], waiting_for: str
) -> None:
    [answer] = cagette.told(notice)
    assert (answer.result, answer.waiting_for) == (Result.HELD, (waiting_for,))
    assert facts(cagette) == []


def test_a_completion_waits_for_its_enrolment(cagette: World) -> None:
    [_, answer] = cagette.told(session(), completion("2024-12-13"))
    assert answer.waiting_for == ("enrolment:INT-1/2045",)


def test_a_higher_number_corrects_the_day(cagette: World) -> None:
    cagette.told(session(), enrolment("2024-10-20"), completion("2024-12-13"))
    [answer] = cagette.told(completion("2024-12-14", seq=2))
    assert answer.result is Result.UPDATED
    assert facts(cagette)[-2:] == ["TrainingCompleted", "TrainingCompleted"]


def test_fundings_that_do_not_add_up_are_refused_or_wait_if_told_before_the_price(
    cagette: World,
) -> None:
    wrong = enrolment("2024-10-20", fundings=[{"fund": "SELF", "amount_cents": 1}])
    cagette.told(wrong)
    cagette.told(session())
    assert facts(cagette) == []
    with pytest.raises(FundingsDiffer):
        cagette.told({**wrong, "body": {**wrong["body"], "seq": 2}})
    cagette.told(enrolment("2024-10-20", seq=3))
    assert facts(cagette) == ["TrainingEnrolled"]


CHEAPER = session(seq=2, price_cents=80_000)
ENROLMENT = enrolment("2024-10-20")


@pytest.mark.parametrize(
    "order",
    [
        (session(), CHEAPER, ENROLMENT),
        (session(), ENROLMENT, CHEAPER),
        (CHEAPER, session(), ENROLMENT),
        (ENROLMENT, session(), CHEAPER),
        (ENROLMENT, CHEAPER, session()),  # the other way round it is refused, for all to see
    ],
)
def test_an_enrolment_adds_up_to_the_price_it_was_made_at_whatever_came_first(
    cagette: World, order: tuple[dict[str, Any], ...]
) -> None:
    cagette.told(*order)
    told = [m for m in cagette.home.training.told(0, 1_000)[0] if b"80000" in m.value]
    assert told[-1].type == "cagette.training.TrainingEnrolled.v1"


def test_a_session_whose_kind_changes_is_told_again_for_everyone_in_it(cagette: World) -> None:
    cagette.told(session(), enrolment("2024-10-20"), enrolment("2024-10-21", producer_id="2"))
    cagette.told(session(kind="UPDATE", seq=2))
    assert facts(cagette) == ["TrainingEnrolled"] * 4


@pytest.mark.parametrize(
    ("today", "reminder"),
    [
        ("2026-09-13", None),
        ("2026-09-14", "TrainingUpdateDue"),  # 90 days before
        ("2026-12-12", "TrainingUpdateDue"),
        ("2026-12-13", "TrainingLapsed"),  # the first day that two years do not cover
    ],
)
def test_a_producer_is_reminded_of_his_update_once(
    cagette: World, today: str, reminder: str | None
) -> None:
    cagette.told(session(), enrolment("2024-10-20"), completion("2024-12-13"))
    desk = cagette.home.training_desk
    for _ in range(2):
        desk.remind(date.fromisoformat(today), by="test")
    assert facts(cagette)[2:] == ([reminder] if reminder else [])


def test_a_later_training_puts_the_reminder_off(cagette: World) -> None:
    cagette.told(session(), enrolment("2024-10-20"), completion("2024-12-13"))
    cagette.told(session("UPD", "UPDATE"), enrolment("2026-01-10", "UPD"))
    cagette.told(completion("2026-02-01", "UPD"))
    cagette.home.training_desk.remind(date(2026, 12, 13), by="test")
    reminded = [
        event
        for event in cagette.home.training.log.history()
        if isinstance(event, (Learner.Lapsed, Learner.UpdateDue))
    ]
    assert reminded == []
