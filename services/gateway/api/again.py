"""Replays asks stored by the gateway: its notices."""

from collections.abc import Callable

import msgspec

from services.gateway.api import bodies
from services.gateway.api.notices import validation
from services.gateway.application import Gateway
from services.gateway.domain.market import MarketNotice
from services.gateway.domain.producer import ProducerNotice
from services.gateway.use_cases.distributions import tell_distribution, unvalidate
from services.gateway.use_cases.markets import tell_market
from services.gateway.use_cases.producers import forget_producer, tell_producer
from shared.eventstore.asks import Ask, Asked
from shared.kernel.answers import Answer
from shared.kernel.persons import Sealed
from shared.messaging.house import House
from shared.messaging.releasing import ParkedDesk

FORWARDED = "forward-"


class AsksAgain:
    """Replays stored asks on a house. Persons stay sealed: no vault is needed."""

    def __init__(self, house: House[Gateway]) -> None:
        self._house = house

    def __call__(self, made: Asked.Made) -> None:
        """Replay one under the same id; raises the refusals of its use case."""
        if not ParkedDesk(self._house).again(made):
            self._house.ask(Ask.again(made), use_case_of(made))


def use_case_of(made: Asked.Made) -> Callable[[Gateway], Answer]:
    """The use case of a stored ask, bound to its stored arguments."""
    given = made.arguments
    if made.use_case.startswith(FORWARDED):
        return lambda _: made.answer  # training's answer, kept here beside its key
    if made.use_case == "tell-producer":
        producer = msgspec.convert(given["notice"], ProducerNotice)
        return lambda gateway: tell_producer(gateway, producer, _taken_as_same)
    if made.use_case == "tell-market":
        market = msgspec.convert(given["notice"], MarketNotice)
        return lambda gateway: tell_market(gateway, market)
    if made.use_case == "forget-producer":
        return lambda gateway: forget_producer(gateway, given["producer_id"])
    distribution_id, body = given["distribution_id"], msgspec.json.encode(given["body"])
    if made.use_case == "tell-distribution":
        told, warnings = validation(bodies.Distribution.model_validate_json(body))
        return lambda gateway: tell_distribution(gateway, distribution_id, told, warnings)
    if made.use_case == "unvalidate":
        taken_back = bodies.Unvalidation.model_validate_json(body)
        number, at = taken_back.validation_no, taken_back.at
        return lambda gateway: unvalidate(gateway, distribution_id, number, at)
    raise LookupError(f"cannot replay the gateway's ask {made.use_case!r}: unknown use case")


def _taken_as_same(_: Sealed, __: Sealed) -> bool:
    """A notice refused for another person was never stored: those left are of the same one."""
    return True
