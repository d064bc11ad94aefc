"""The gateway's desk: what a validation is answered with."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.gateway.api.again import use_case_of
from services.gateway.api.bodies import Distribution as Told
from services.gateway.application import Gateway
from services.gateway.domain.distribution import Distribution
from shared.eventstore.asks import Ask, Asked
from shared.kernel.answers import Answer
from shared.kernel.errors import NumberReused
from tests.support import notices
from tests.support.world import World

BODY = Told.model_validate(notices.distribution()["body"])
NOW = datetime(2024, 10, 5, tzinfo=UTC)


def changes_and_refuses(gateway: Gateway) -> Answer:
    """Change and then refuse, as no use case of ours does; if one did, nothing would stay."""
    gateway.distribution("D1").unvalidate(1, NOW)
    raise NumberReused("It was told otherwise.")


def test_a_validation_is_answered_with_what_became_durable_not_with_what_a_neighbour_tried(
    cagette: World,
) -> None:
    house, desk = cagette.home.gateway, cagette.home.gateway_desk
    refused = Ask("refused", {}, by="b", nonce=uuid4())
    with ThreadPoolExecutor(2) as threads:
        with house.still():
            told = threads.submit(desk.validate, "D1", BODY, by="a")
            _until_they_stand_in_line(cagette, 1)
            refusal = threads.submit(house.ask, refused, changes_and_refuses)
            _until_they_stand_in_line(cagette, 2)
        _, stood = told.result()
        with pytest.raises(NumberReused):
            refusal.result()
    kept = house.log.begin().find(Distribution, Distribution.create_id("D1"))
    assert kept is not None
    assert (stood.unvalidated, kept.unvalidated) == (set(), set())
    assert stood.validations == kept.validations


def _until_they_stand_in_line(cagette: World, number: int) -> None:
    while len(cagette.home.gateway._line._waiting) < number:
        time.sleep(0.001)


def test_a_validation_is_remembered_as_an_ask_that_can_be_made_again(cagette: World) -> None:
    cagette.home.gateway_desk.validate("D1", BODY, by="key:marketplace")
    (made,) = (e for e in cagette.home.gateway.log.history() if isinstance(e, Asked.Made))
    assert (made.use_case, made.by) == ("tell-distribution", "key:marketplace")
    again = use_case_of(made)(Gateway(cagette.home.gateway.log.begin(), "again"))
    assert (again.waiting_for, again.warnings) == (made.answer.waiting_for, made.answer.warnings)
