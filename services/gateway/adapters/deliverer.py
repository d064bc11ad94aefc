"""Delivers the feed to the endpoints: at least once, and in order per key.

Each endpoint has two tasks of its own, one along the feed and one for what waits, so that neither
a receiver that hangs nor an event that fails holds up any other. The outcome of a sending is
stored after it: a deliverer killed in between sends the event again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from services.gateway.adapters.deliveries import Deliveries, Endpoint
from services.gateway.adapters.webhooks import TIMEOUT_SECONDS, Outgoing, Sender

POLL_SECONDS = 0.5
PAGE = 100
"""Feed events read at a time."""
MAXIMUM_WAITING = 1_000
"""Once this many events wait for an endpoint, it goes no further along the feed."""


@dataclass(frozen=True)
class Page:
    """Events that follow a place in the feed, and the place that the page reaches."""

    events: tuple[Outgoing, ...]
    reached: int


Feed = Callable[[int, int], Page]
"""Called with a place and a limit: up to that many events that follow the place."""


class Deliverer:
    """Delivers webhooks; one runs at a time, under a lease. `clock` gives the current instant."""

    def __init__(
        self,
        deliveries: Deliveries,
        feed: Feed,
        clock: Callable[[], datetime],
        *,
        timeout_seconds: int = TIMEOUT_SECONDS,
        maximum_waiting: int = MAXIMUM_WAITING,
    ) -> None:
        self._deliveries = deliveries
        self._feed = feed
        self._clock = clock
        self._seconds = timeout_seconds
        self._maximum = maximum_waiting

    async def run(self, stop: Callable[[], bool]) -> None:
        """Deliver until told to stop; then cancel what is under way."""
        running: dict[tuple[str, int], asyncio.Task[None]] = {}
        async with Sender(self._seconds) as sender:
            try:
                while not stop():
                    self._begin(running, sender)
                    await asyncio.sleep(POLL_SECONDS)
            finally:
                for task in running.values():
                    task.cancel()
                await asyncio.gather(*running.values(), return_exceptions=True)

    async def once(self) -> None:
        """Deliver what is due now, and the feed to its end."""
        async with Sender(self._seconds) as sender:

            async def both(id_: int) -> None:
                await self._retry(sender, id_)
                await self._go_on(sender, id_)

            await asyncio.gather(*(both(endpoint.id) for endpoint in self._deliveries.active()))

    def _begin(self, running: dict[tuple[str, int], asyncio.Task[None]], sender: Sender) -> None:
        """Start the tasks that are not running; one that failed fails the deliverer."""
        for name, task in list(running.items()):
            if task.done():
                running.pop(name).result()
        for endpoint in self._deliveries.active():
            for work in (self._retry, self._go_on):
                name = (work.__name__, endpoint.id)
                if name not in running:
                    running[name] = asyncio.create_task(work(sender, endpoint.id))

    async def _retry(self, sender: Sender, id_: int) -> None:
        """Send what waits and is due, the first event of each key."""
        began = self._clock()
        while (endpoint := self._deliveries.find(id_)) and (
            waiting := self._deliveries.due(id_, began)
        ):
            (event,) = self._feed(waiting.place - 1, 1).events
            outcome = await sender.send(endpoint.url, endpoint.secret, event, self._clock())
            if outcome.is_gone:
                self._deliveries.disable(id_, outcome, self._clock())
            elif outcome.error:
                self._deliveries.fail(id_, waiting, outcome, self._clock())
            else:
                self._deliveries.take(id_, waiting)

    async def _go_on(self, sender: Sender, id_: int) -> None:
        """Go along the feed, to its end or until there is no room for what waits."""
        while endpoint := self._deliveries.find(id_):
            if not await self._page(sender, endpoint):
                return

    async def _page(self, sender: Sender, endpoint: Endpoint) -> bool:
        """Send a page of the feed; returns whether there may be more to send now."""
        page = self._feed(endpoint.place, PAGE)
        keys = self._deliveries.keys(endpoint.id)
        for event in page.events:
            if endpoint.types and event.type not in endpoint.types:
                continue
            if len(keys) >= self._maximum or not await self._pass(sender, endpoint, event, keys):
                return False
            endpoint = replace(endpoint, place=event.place)
        if page.reached == endpoint.place:
            return bool(page.events)
        return self._deliveries.move(endpoint, page.reached)

    async def _pass(
        self, sender: Sender, endpoint: Endpoint, event: Outgoing, keys: list[str]
    ) -> bool:
        """Send an event, or let it wait; False if the endpoint goes no further.

        `keys` are those that wait. They may be fewer by now: then an event waits in vain until
        the endpoint's other task sends it.
        """
        if event.key in keys:
            keys.append(event.key)
            return self._deliveries.let_wait(endpoint, event, None, self._clock())
        outcome = await sender.send(endpoint.url, endpoint.secret, event, self._clock())
        if outcome.is_gone:
            self._deliveries.disable(endpoint.id, outcome, self._clock())
            return False
        if outcome.error:
            keys.append(event.key)
            return self._deliveries.let_wait(endpoint, event, outcome, self._clock())
        return self._deliveries.move(endpoint, event.place)
