"""The order of facts: as they happened, whatever a clock says."""

from datetime import UTC, datetime, timedelta

from services.gateway.views.heard import FEES, RATINGS
from shared.facts.envelope import Message
from shared.messaging.embedded import EmbeddedSource
from tests.support import notices
from tests.support.world import World

NOON = datetime(2024, 10, 4, 12, tzinfo=UTC)


class Recorded:
    """A speaker that told one fact per position, at given minutes."""

    def __init__(self, name: str, minutes: list[int]) -> None:
        self.name = name
        self._messages = [
            Message(name, position, "t", "k", NOON + timedelta(minutes=minute), b"{}")
            for position, minute in enumerate(minutes, start=1)
        ]

    def head(self) -> int:
        return len(self._messages)

    def told(self, after: int, limit: int) -> tuple[list[Message], int]:
        page = self._messages[after : after + limit]
        return page, page[-1].position if page else after


def test_a_clock_that_was_set_back_loses_no_fact() -> None:
    source = EmbeddedSource([Recorded("gateway", [5, 1, 2, 9, 3]), Recorded("training", [2, 4])])
    heard: dict[str, int] = {}
    found = []
    while batch := source.poll(heard, 2):
        assert all(m.position > heard.get(m.stream, 0) for m in batch)
        for message in batch:
            assert message.position == heard.get(message.stream, 0) + 1
            heard[message.stream] = message.position
        found += batch
    assert heard == {"gateway/0": 5, "training/0": 2}


def test_a_sale_is_told_as_rated_before_the_fees_that_follow_from_it(cagette: World) -> None:
    """Also when one fact rates many sales of one statement anew."""
    days = [f"2024-09-{day:02d}" for day in range(10, 16)]
    sold = [notices.distribution(f"D{d}", validated_at=f"{d}T20:00:00+02:00") for d in days]
    cagette.told(notices.producer(), notices.market(), *sold)
    cagette.told(
        notices.session("U", "UPDATE"),
        notices.enrolment("2024-07-10", "U"),
        notices.completion("2024-09-01", "U"),
    )
    gateway = cagette.home.views["gateway"]
    columns = RATINGS.columns.keys()
    ratings = [dict(zip(columns, row, strict=True)) for row in gateway.rows(RATINGS)]
    fees = [dict(zip(FEES.columns.keys(), row, strict=True)) for row in gateway.rows(FEES)]
    assert (len(ratings), len(fees)) == (12, 18)
    for fee in fees:
        before = [
            rating["fact"]["formula"]
            for rating in ratings
            if rating["distribution_id"] == fee["distribution_id"]
            and rating["position"] < fee["position"]
        ]
        assert before[-1] == fee["fact"]["formula"]
