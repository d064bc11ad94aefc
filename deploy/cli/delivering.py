"""Delivering webhooks: beside a worker or a server, or once."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from deploy.cli.clock import now
from deploy.cli.hearing import beside, patience
from deploy.cli.home import Home
from services.gateway.adapters.deliverer import Deliverer, Page
from services.gateway.adapters.deliveries import Deliveries
from services.gateway.adapters.webhooks import Outgoing
from services.gateway.views.feed import feed
from shared.eventstore.lease import HomeBusy


@contextmanager
def delivering(home: Home, end: Callable[[], None]) -> Iterator[None]:
    """Deliver webhooks on a thread meanwhile, so that the work beside it waits for no receiver.

    `end` ends that work: it is called if the thread breaks, and at the end.
    """
    stop = threading.Event()

    def deliver() -> None:
        while not stop.is_set():
            with patience(), home.webhooks_lease.held():
                asyncio.run(deliverer(home).run(stop.is_set))

    def stopped() -> None:
        stop.set()
        end()

    with beside("deliverer", deliver, stopped):
        yield


def deliver_once(home: Home) -> None:
    """Deliver what is due, unless another deliverer is at work."""
    with suppress(HomeBusy), home.webhooks_lease.held():
        asyncio.run(deliverer(home).once())


def deliverer(home: Home) -> Deliverer:
    """The deliverer of a home: it sends what `/v1/events` shows."""

    def page(after: int, limit: int) -> Page:
        found = feed(home.gateway.log, after, limit)
        events = (
            Outgoing(int(e.sequence), e.id, e.type, e.subject, e.model_dump_json())
            for e in found.events
        )
        return Page(tuple(events), found.next)

    return Deliverer(Deliveries(home.views["gateway"].engine), page, now)
