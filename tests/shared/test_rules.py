"""A house's rules: one for each fact, one telling for each event."""

from collections.abc import Callable
from typing import Any

import pytest

from services.gateway.domain.distribution import Distribution
from shared.facts.gateway import SalesValidated
from shared.messaging.rules import Policies, Publishing

POLICIES, PUBLISHING = Policies[Any](), Publishing()


@pytest.mark.parametrize(
    "rule",
    [
        POLICIES.whenever(SalesValidated),
        POLICIES.touching(SalesValidated),
        PUBLISHING.tell(Distribution.Opened),
    ],
    ids=["policy", "foresight", "telling"],
)
def test_a_second_rule_does_not_silently_take_the_place_of_the_first(
    rule: Callable[[Any], Any],
) -> None:
    rule(lambda *_: ())
    with pytest.raises(ValueError, match="already has a rule"):
        rule(lambda *_: ())
