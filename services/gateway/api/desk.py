"""The gateway's desk: takes what is told, by HTTP or in a file, and hands it to a use case."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from services.gateway.api import bodies
from services.gateway.api.notices import market_notice, producer_notice, validation
from services.gateway.application import Gateway
from services.gateway.domain.distribution import Distribution
from services.gateway.use_cases.distributions import tell_distribution, unvalidate
from services.gateway.use_cases.markets import tell_market
from services.gateway.use_cases.producers import (
    forget_producer,
    known_producer,
    tell_producer,
)
from shared.asks.base import Body
from shared.asks.training import TrainingHouse
from shared.eventstore.asks import Ask
from shared.kernel.answers import Answer
from shared.messaging.house import House
from shared.vault.vault import Vault, producer_key


class GatewayDesk:
    """Where everything the marketplace tells comes in. `training` is the neighbour.

    Persons are sealed here by the `vault`, before anything is remembered.
    """

    def __init__(self, house: House[Gateway], training: TrainingHouse, vault: Vault) -> None:
        self._house = house
        self.training = training
        self._vault = vault

    def tell(
        self,
        natural_id: str,
        body: Body,
        *,
        by: str,
        session_id: str | None = None,
        key: str | None = None,
        dry_run: bool = False,
        look: Callable[[Gateway], None] = lambda _: None,
    ) -> tuple[Answer, bool]:
        """Tell one notice; returns the answer, and whether it replays one for the same key.

        `natural_id` is the id of what the notice is about: for a training notice with a
        `session_id`, the producer's. `look` is shown the gateway once it has answered a notice of
        its own. Raises the refusals of the houses.
        """
        if session_id:
            return self._forward(session_id, natural_id, body, by, key, dry_run=dry_run)
        use_case, arguments, do = self._use_case(natural_id, body, dry_run)
        if do is None:
            return self._forward(natural_id, None, body, by, key, dry_run=dry_run)
        ask = Ask(use_case, arguments, by=by, nonce=uuid4(), key=key)

        def done(gateway: Gateway) -> Answer:
            answer = do(gateway)
            look(gateway)
            return answer

        return self._house.ask(ask, done, dry_run=dry_run)

    def forget(self, producer_id: str, *, by: str, why: str, dry_run: bool = False) -> Answer:
        """Forget a producer's person; the caller destroys the key once every house has heard.

        Raises the refusals of the use case.
        """
        ask = Ask("forget-producer", {"producer_id": producer_id, "why": why}, by=by, nonce=uuid4())
        answer, _ = self._house.ask(
            ask, lambda gateway: forget_producer(gateway, producer_id), dry_run=dry_run
        )
        return answer

    def is_forgotten(self, producer_id: str) -> bool:
        """Whether a producer was forgotten; raises NotFound for one who was never told."""
        return known_producer(Gateway(self._house.log.begin(), ""), producer_id).is_forgotten

    def validate(
        self, distribution_id: str, body: bodies.Distribution, *, by: str
    ) -> tuple[Answer, Distribution]:
        """Tell a validation; returns the answer, and the distribution as it stood then."""
        stood: list[Distribution] = []

        def look(gateway: Gateway) -> None:
            """Copy it before another ask in this transaction, which may be refused, changes it."""
            stood.append(gateway.distribution(distribution_id).as_now())

        answer, _ = self.tell(distribution_id, body, by=by, look=look)
        return answer, stood[0]

    def _forward(
        self,
        session_id: str,
        producer_id: str | None,
        body: Body,
        by: str,
        key: str | None,
        *,
        dry_run: bool,
    ) -> tuple[Answer, bool]:
        """Hand a notice to training; one with a key is remembered here too, with its answer.

        So a key stands for one ask across the whole product, whichever house it went to.
        """
        if key is None:
            return self.training.tell(
                session_id, producer_id, body, by=by, key=None, dry_run=dry_run
            )
        arguments = {"session_id": session_id, "producer_id": producer_id, "body": body.content()}
        use_case = f"forward-{type(body).__name__.lower()}"
        ask = Ask(use_case, arguments, by=by, nonce=uuid4(), key=key)
        earlier = self._house.answered(ask)
        if earlier:
            return earlier, True
        answer, replayed = self.training.tell(
            session_id, producer_id, body, by=by, key=key, dry_run=dry_run
        )
        self._house.ask(ask, lambda _: answer, dry_run=dry_run)
        return answer, replayed

    def _use_case(
        self, natural_id: str, body: Body, dry_run: bool
    ) -> tuple[str, dict[str, Any], Callable[[Gateway], Answer] | None]:
        if isinstance(body, bodies.Producer):
            name, vault = producer_key(natural_id), self._vault
            producer = producer_notice(
                natural_id, body, lambda person: vault.seal(name, person, dry_run=dry_run)
            )
            return (
                "tell-producer",
                {"notice": producer},
                lambda g: tell_producer(g, producer, vault.is_same),
            )
        if isinstance(body, bodies.Market):
            market = market_notice(natural_id, body)
            return "tell-market", {"notice": market}, lambda g: tell_market(g, market)
        arguments = {"distribution_id": natural_id, "body": body.content()}
        if isinstance(body, bodies.Distribution):
            told, warnings = validation(body)
            return (
                "tell-distribution",
                arguments,
                lambda g: tell_distribution(g, natural_id, told, warnings),
            )
        if isinstance(body, bodies.Unvalidation):
            number, at = body.validation_no, body.at
            return "unvalidate", arguments, lambda g: unvalidate(g, natural_id, number, at)
        return "", {}, None
