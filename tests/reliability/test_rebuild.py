"""A house that lost its database hears the topics and its asks again: the same documents."""

from dataclasses import asdict
from datetime import date
from pathlib import Path

import msgspec
import pytest

from services.billing import main as billing
from services.billing.api.desk import BillingDesk
from services.billing.domain.tariff import Tariff
from shared.eventstore.asks import Asked
from shared.eventstore.lease import FileLease
from shared.eventstore.log import EventLog
from shared.eventstore.rebuilt import rebuilt
from shared.eventstore.sqlite import SQLiteLogRecorder
from shared.facts.envelope import Message
from shared.messaging.source import FactSource
from tests.support.hard_season import hard_season
from tests.support.world import World

EVERYTHING = 1_000_000


@pytest.fixture
def lived(in_each_world: World) -> World:
    """A home in which a season was told, settled and closed, in each world."""
    steps = hard_season(3)
    asks = [number for number, step in enumerate(steps) if step[0] != "tell"]
    in_each_world.do(steps[: asks[14] + 1])
    return in_each_world


def told(source: FactSource) -> dict[str, Message]:
    """Everything on the topics, by its name as a cause."""
    found: dict[str, Message] = {}
    heard: dict[str, int] = {}
    while batch := source.poll(heard, EVERYTHING):
        found |= {message.cause: message for message in batch}
        heard |= {message.stream: message.position for message in batch}
    return found


def asked(desk: BillingDesk, ask: Asked.Made) -> None:
    """Repeat an ask."""
    given = ask.arguments
    if ask.use_case == "publish":
        desk.publish(msgspec.convert(given["tariff"], Tariff), by=ask.by)
    elif ask.use_case == "settle":
        desk.settle(date.fromisoformat(given["monday"]), by=ask.by, why=given["why"])
    else:
        on = date.fromisoformat(given["on"])
        desk.close(given["month"], on, by=ask.by, why=given["why"])


def test_causes_in_their_stored_order_give_the_same_house_again(
    lived: World, tmp_path: Path
) -> None:
    source = lived.home.workers["billing"].source
    assert source is not None
    source.close()
    messages = told(source)
    log = EventLog(SQLiteLogRecorder(tmp_path / "again.sqlite"))
    log.migrate()
    again = billing.build(log, FileLease(tmp_path / "again.lease"))
    desk = BillingDesk(again, lived.home.vault)
    asks = {e.cause: e for e in lived.home.billing.log.history() if isinstance(e, Asked.Made)}
    for cause in dict.fromkeys(event.cause for event in lived.home.billing.log.history()):
        if cause in asks:
            asked(desk, asks[cause])
        else:
            again.hear([messages[cause]])
    live, made = lived.home.views["billing"], rebuilt(log, billing.VIEWS)
    for table in live.tables:
        assert made.rows(table) == live.rows(table)
    assert asdict(lived.bills())["documents"]
    log.close()
