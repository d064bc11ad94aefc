"""What training shows: sessions, who is in them, and whose update is due."""

import threading
from datetime import date
from itertools import permutations

import pytest
from pydantic import BaseModel

from deploy.cli.houses import VIEWS
from services.training.api.desk import TrainingDesk
from shared.asks import training_figures, training_shown
from shared.asks.training import BODIES
from shared.asks.training_shown import EnrolmentShown
from shared.eventstore.rebuilt import rebuilt
from shared.kernel.errors import NotFound
from tests.support.notices import Notice, cancellation, completion, enrolment, session
from tests.support.world import World

SESSION, ENROLMENT = session(), enrolment("2024-10-20")
COMPLETION, CANCELLATION = completion("2024-12-13"), cancellation("2024-11-10")
WRONG = enrolment("2024-10-20", fundings=[{"fund": "SELF", "amount_cents": 1}])


def shown(cagette: World) -> TrainingDesk:
    """What training shows once its views have caught up."""
    cagette.home.caught_up()
    return cagette.home.training_desk


def only(cagette: World) -> EnrolmentShown:
    """The only producer in the only session."""
    [found] = shown(cagette).session("INT-1").enrolments
    return found


@pytest.mark.parametrize(
    ("told", "state", "waiting_for"),
    [
        ([SESSION, ENROLMENT], "ENROLLED", []),
        ([SESSION, ENROLMENT, COMPLETION], "COMPLETED", []),
        ([SESSION, ENROLMENT, CANCELLATION], "CANCELLED", []),
        ([SESSION, ENROLMENT, CANCELLATION, COMPLETION], "COMPLETED", []),
        ([ENROLMENT], "HELD", ["training-session:INT-1"]),
        ([COMPLETION], "HELD", ["training-session:INT-1"]),
        ([SESSION, COMPLETION], "HELD", ["enrolment:INT-1/2045"]),
        ([SESSION, CANCELLATION], "HELD", ["enrolment:INT-1/2045"]),
        ([WRONG, SESSION], "HELD", ["fundings-that-add-up:INT-1/2045"]),
        ([WRONG, SESSION, enrolment("2024-10-20", seq=2)], "ENROLLED", []),
    ],
)
def test_a_producer_in_a_session_is_shown_as_far_as_he_came(
    cagette: World, told: list[Notice], state: str, waiting_for: list[str]
) -> None:
    cagette.told(*told)
    found = only(cagette)
    assert (found.state, found.waiting_for) == (state, waiting_for)
    [again] = cagette.told(next(notice for notice in reversed(told) if "session_id" in notice))
    assert again.waiting_for == tuple(waiting_for), "the same words as in the answer"


@pytest.mark.parametrize("order", list(permutations([SESSION, ENROLMENT, COMPLETION])))
def test_a_producer_in_a_session_is_shown_with_all_that_was_told_in_whatever_order(
    cagette: World, order: tuple[Notice, ...]
) -> None:
    cagette.told(*order)
    assert only(cagette).model_dump(mode="json") == {
        "session_id": "INT-1",
        "producer_id": "2045",
        "state": "COMPLETED",
        "waiting_for": [],
        "participant": "u:1207",
        "contract": "CONVENTION",
        "price_cents": 85_000,
        "fundings": [{"fund": "VIVEA", "amount_cents": 85_000, "agreement_no": "V1"}],
        "enrolled_on": "2024-10-20",
        "completed_on": "2024-12-13",
        "attended_hours": "14",
        "cancelled_on": None,
    }


def test_an_edited_enrolment_and_a_corrected_day_are_shown_in_place_of_the_first_ones(
    cagette: World,
) -> None:
    halves = [{"fund": "VIVEA", "amount_cents": 42_500}, {"fund": "SELF", "amount_cents": 42_500}]
    cagette.told(SESSION, enrolment("2024-10-20", fundings=halves), COMPLETION)
    cagette.told(enrolment("2024-10-21", seq=2, participant="u:9"))
    cagette.told(completion("2024-12-14", seq=2, attended_hours="13.50"))
    found = only(cagette)
    assert [(share.fund, share.amount_cents) for share in found.fundings] == [("VIVEA", 85_000)]
    assert (found.participant, str(found.enrolled_on)) == ("u:9", "2024-10-21")
    assert (str(found.completed_on), found.attended_hours) == ("2024-12-14", "13.5")


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_the_plan_with_the_highest_number_is_shown(cagette: World, order: tuple[int, ...]) -> None:
    cagette.told(*(session(seq=n, title=f"Plan {n}", hours=n) for n in order))
    plan = shown(cagette).session("INT-1").plan
    assert plan is not None
    assert (plan.seq, plan.title, plan.hours) == (3, "Plan 3", "3")


def test_numbers_as_high_as_a_clock_in_milliseconds_are_shown(cagette: World) -> None:
    number = 2**53
    cagette.told(session(seq=number, hours=10**9), enrolment("2024-10-20", seq=number))
    found = shown(cagette).session("INT-1")
    assert found.plan is not None
    assert (found.plan.seq, found.plan.hours) == (number, "1000000000")


def test_everyone_in_a_session_is_shown_by_producer(cagette: World) -> None:
    producers = ["9", "10", "a", "B", "_", "2045"]
    cagette.told(SESSION, *(enrolment("2024-10-20", producer_id=who) for who in producers))
    found = [each.producer_id for each in shown(cagette).session("INT-1").enrolments]
    assert found == sorted(producers)


def test_a_session_that_others_only_referred_to_has_no_plan_yet(cagette: World) -> None:
    cagette.told(ENROLMENT)
    found = shown(cagette).session("INT-1")
    assert (found.plan, found.enrolments[0].state) == (None, "HELD")
    [line] = shown(cagette).sessions(10, None).sessions
    assert (line.session_id, line.plan) == ("INT-1", None)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_hold_every_session_once_by_id(cagette: World, limit: int) -> None:
    ids = ["10", "9", "A", "a", "B", "_", "Z.1", "z-1"]
    cagette.told(*(session(told) for told in ids))
    found: list[str] = []
    after: str | None = None
    while True:
        page = shown(cagette).sessions(limit, after)
        assert len(page.sessions) <= limit
        found += [line.session_id for line in page.sessions]
        if page.next is None:
            break
        after = page.next
    assert found == sorted(ids)


def test_all_trainings_of_a_producer_are_shown_by_session(cagette: World) -> None:
    cagette.told(session("UPD", "UPDATE"), enrolment("2024-10-20", "UPD"), SESSION, ENROLMENT)
    cagette.told(completion("2024-12-13", "UPD"), enrolment("2024-10-20", producer_id="7"))
    found = shown(cagette).trainings_of("2045")
    assert [(t.session_id, t.state) for t in found.trainings] == [
        ("INT-1", "ENROLLED"),
        ("UPD", "COMPLETED"),
    ]
    assert (str(found.last_completed_on), str(found.update_due_on)) == ("2024-12-13", "2026-12-13")
    assert found.update_status in ("UP_TO_DATE", "DUE", "LAPSED")
    beginner = shown(cagette).trainings_of("7")
    assert (beginner.last_completed_on, beginner.update_due_on, beginner.update_status) == (
        None,
    ) * 3


def test_a_completion_that_waits_makes_nobody_trained(cagette: World) -> None:
    cagette.told(COMPLETION)
    assert shown(cagette).trainings_of("2045").update_status is None
    assert shown(cagette).due(date(2030, 1, 1), 10, None).due == []


def test_what_nobody_told_of_is_not_found(cagette: World) -> None:
    with pytest.raises(NotFound, match="NOWHERE"):
        shown(cagette).session("NOWHERE")
    with pytest.raises(NotFound, match="9999"):
        shown(cagette).trainings_of("9999")


@pytest.mark.parametrize(
    ("on", "status"),
    [
        ("2024-12-12", None),  # not completed yet
        ("2026-09-13", None),
        ("2026-09-14", "DUE"),  # 90 days before
        ("2026-12-12", "DUE"),
        ("2026-12-13", "LAPSED"),  # the first day that two years do not cover
        ("2199-12-31", "LAPSED"),
    ],
)
def test_a_producer_is_on_the_due_list_of_a_day_as_he_is_reminded(
    cagette: World, on: str, status: str | None
) -> None:
    cagette.told(SESSION, ENROLMENT, COMPLETION)
    found = shown(cagette).due(date.fromisoformat(on), 10, None)
    assert found.on == date.fromisoformat(on)
    assert [(due.producer_id, str(due.due_on), due.status) for due in found.due] == (
        [("2045", "2026-12-13", status)] if status else []
    )


def test_a_later_training_takes_a_producer_off_the_due_list_from_its_day_on(
    cagette: World,
) -> None:
    cagette.told(SESSION, ENROLMENT, COMPLETION)
    cagette.told(session("UPD", "UPDATE"), enrolment("2026-10-10", "UPD"))
    cagette.told(completion("2026-11-20", "UPD"))
    assert len(shown(cagette).due(date(2026, 11, 19), 10, None).due) == 1
    assert shown(cagette).due(date(2026, 11, 20), 10, None).due == []


def test_the_due_list_goes_by_due_day_then_producer_page_by_page(cagette: World) -> None:
    days = {
        "b": "2024-02-29",
        "c": "2024-02-28",
        "a": "2024-03-01",
        "d": "2023-01-01",
        "B": "2024-02-28",
    }
    for who, day in days.items():
        cagette.told(
            SESSION, enrolment("2022-10-20", producer_id=who), completion(day, producer_id=who)
        )
    whole = shown(cagette).due(date(2027, 1, 1), 200, None)
    rows = [(str(due.due_on), due.producer_id) for due in whole.due]
    leap = "2026-02-28"  # the anniversary of 29 February
    assert rows == [("2025-01-01", "d"), (leap, "B"), (leap, "b"), (leap, "c"), ("2026-03-01", "a")]
    paged, after = [], None
    for _ in rows:
        page = shown(cagette).due(date(2027, 1, 1), 1, after)
        paged += page.due
        after = page.next
    assert (paged, after, whole.next) == (whole.due, None, None)


def test_every_notice_that_waits_is_listed_with_what_it_waits_for(cagette: World) -> None:
    cagette.told(completion("2024-12-13", "S2"), enrolment("2024-10-20", "S2"), SESSION, COMPLETION)
    cagette.told(session("S3"), enrolment("2024-10-20", "S3"))
    found = [(n.kind, n.session_id, n.id, n.waiting_for) for n in shown(cagette).held().held]
    assert found == [
        ("completion", "INT-1", "2045", ["enrolment:INT-1/2045"]),
        ("completion", "S2", "2045", ["training-session:S2"]),
        ("enrolment", "S2", "2045", ["training-session:S2"]),
    ]
    cagette.told(session("S2"), ENROLMENT)
    assert shown(cagette).held().held == []


def test_a_read_says_up_to_which_event_it_takes_everything_into_account(cagette: World) -> None:
    cagette.told(SESSION)
    head = cagette.home.training.log.head()
    assert shown(cagette).session("INT-1").as_of_event == head
    body = BODIES["enrolment"].model_validate(ENROLMENT["body"])
    cagette.home.gateway_desk.tell("2045", body, by="test", session_id="INT-1")
    before = cagette.home.training_desk.session("INT-1")
    assert (before.as_of_event, before.enrolments) == (head, [])
    after = shown(cagette).session("INT-1")
    assert (after.as_of_event, len(after.enrolments)) == (cagette.home.training.log.head(), 1)


def test_reads_wait_for_nobody_who_writes_or_works(cagette: World) -> None:
    cagette.told(SESSION, ENROLMENT)
    answers: list[int] = []
    home = cagette.home
    with home.workers["training"].lease.held(), home.training._lease.held():
        thread = threading.Thread(
            target=lambda: answers.append(len(home.training_desk.session("INT-1").enrolments))
        )
        thread.start()
        thread.join(8)
    assert answers == [1]


def test_the_views_are_made_again_from_the_log_row_by_row(cagette: World) -> None:
    cagette.told(WRONG, SESSION, ENROLMENT | {"id": "7"}, completion("2024-12-13", producer_id="7"))
    cagette.told(cancellation("2024-12-14", "S2"), session(seq=2, title="Autre"))
    live = cagette.home.views["training"]
    fresh = rebuilt(cagette.home.training.log, VIEWS["training"])
    for table in live.tables:
        assert live.rows(table) == fresh.rows(table) != []


def test_the_examples_of_the_documentation_are_in_shape() -> None:
    models = [
        model
        for module in (training_shown, training_figures)
        for model in vars(module).values()
        if isinstance(model, type)
        and issubclass(model, BaseModel)
        and "json_schema_extra" in model.model_config
    ]
    assert len(models) > 15
    for model in models:
        [example] = model.model_json_schema()["examples"]
        assert model.model_validate(example).model_dump(mode="json") == example
