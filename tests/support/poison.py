"""Facts that cannot be taken, and what people then do about them."""

from shared.facts.envelope import EPOCH, Message
from shared.messaging.releasing import ParkedDesk
from tests.support.world import World

SALES = "cagette.gateway.SalesValidated.v1"


def parked_dropped_and_fixed(told: World) -> None:
    """A sale of 2045 is parked and dropped; two more are parked, of which the first is fixed."""
    position = told.home.gateway.log.head()
    poison = [Message("gateway", position + n, SALES, "2045", EPOCH, b"{}") for n in (1, 2, 3)]
    desk = ParkedDesk(told.home.billing)
    told.home.billing.hear(poison[:1])
    desk.release("gateway", "2045", by="test", why="a test", drop=True)
    told.home.billing.hear(poison[1:])
    (fact, *_) = (m for m in told.home.gateway.told(0, 1_000)[0] if m.type == SALES)
    desk.fix("gateway", "2045", fact.value.decode(), by="test", why="a test")
