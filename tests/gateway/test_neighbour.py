"""Notices about trainings, forwarded to training in another process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from deploy.cli.web import web_app
from deploy.cli.web_of_training import training_app
from services.gateway.adapters.training import HttpTraining
from shared.asks.training import Enrolment
from shared.eventstore.asks import Asked
from shared.settings import Settings
from shared.web.callers import Scope
from tests.gateway.test_door import ENROLMENT, KEY, SESSION, Door, refused
from tests.support import notices
from tests.support.served import served
from tests.support.world import World

COMPLETION = notices.completion("2024-12-13")


class Doors(Door):
    """The gateway's door, with training served apart."""

    def __init__(self, world: World, training: HttpTraining) -> None:
        super().__init__(world)
        home = replace(world.home, training_elsewhere=lambda: training)
        app = web_app(home, Settings(home=home.folder), KEY, self.woken)
        self.http = TestClient(app, headers={"Authorization": f"Bearer {KEY}"})


def asked_by(cagette: World) -> set[str]:
    """Who asked training, as its log remembers it."""
    log = cagette.home.training.log
    return {event.by for event in log.history() if isinstance(event, Asked.Made)}


Training = Callable[..., HttpTraining]


@pytest.fixture
def training(cagette: World) -> Iterator[Training]:
    """Training in another process, called with a key."""
    app = training_app(cagette.home, Settings(home=cagette.home.folder), KEY)
    with ExitStack() as stack:
        port = stack.enter_context(served(app))

        def called(key: str = KEY) -> HttpTraining:
            return stack.enter_context(closing(HttpTraining(f"http://127.0.0.1:{port}", key)))

        yield called


def test_what_training_is_told_through_the_gateway_is_remembered_with_who_told_it(
    cagette: World, training: Training
) -> None:
    doors = Doors(cagette, training())
    _, key = cagette.home.keys.add("marketplace", [Scope.TELL], by="test")
    assert doors.tell(SESSION).status_code == 201
    assert doors.tell(ENROLMENT, Authorization=f"Bearer {key}").status_code == 201
    assert asked_by(cagette) == {"api", "api:marketplace"}


@pytest.mark.parametrize("by", ["anne", "é à ü", "a b\nc: d", "u:991"])
def test_whoever_asks_is_named_as_he_is(cagette: World, training: Training, by: str) -> None:
    body = Enrolment.model_validate(ENROLMENT["body"])
    training().tell("INT-1", "2045", body, by=by, key=None)
    assert asked_by(cagette) == {by}


@pytest.mark.parametrize("apart", [True, False])
def test_an_idempotency_key_belongs_to_its_holder_whichever_of_his_keys_he_sends(
    cagette: World, training: Training, apart: bool
) -> None:
    doors = Doors(cagette, training()) if apart else Door(cagette)
    doors.told(SESSION, ENROLMENT)
    old, new = (cagette.home.keys.add("one", [Scope.TELL], by="test")[1] for _ in range(2))
    _, other = cagette.home.keys.add("two", [Scope.TELL], by="test")
    answers = [
        doors.tell(COMPLETION, Idempotency_Key="k", Authorization=f"Bearer {key}")
        for key in (old, new, other)
    ]
    assert [answer.json()["result"] for answer in answers] == ["created", "created", "unchanged"]
    replayed = ["Idempotency-Replayed" in answer.headers for answer in answers]
    assert replayed == [False, True, False]


def test_a_key_that_training_does_not_know_is_no_fault_of_whoever_tells(
    cagette: World, training: Training
) -> None:
    problem = refused(Doors(cagette, training("another-key")).tell(SESSION), 503, "neighbour-away")
    assert "CAGETTE_KEY" in problem["detail"]


def test_what_training_refuses_comes_back_under_its_name_with_its_fields(
    cagette: World, training: Training
) -> None:
    doors = Doors(cagette, training())
    problem = refused(doors.tell(notices.session(price_cents=85_001)), 422, "price-too-high")
    assert [error["pointer"] for error in problem["errors"]] == ["/price_cents"]
