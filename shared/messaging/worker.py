"""A worker: keeps one house going. It publishes, hears, and keeps the views up to date."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.eventstore.lease import Lease
from shared.eventstore.views import Views
from shared.facts.envelope import Message
from shared.messaging.house import House
from shared.messaging.source import BATCH, FactSource, Relay

SILENCE = 1_000
"""How many events that tell nothing are passed at once while there is something to hear."""


@dataclass(frozen=True)
class Worker:
    """The steps of one house, each of which may be repeated. `lease`: one worker at a time."""

    house: House[Any]
    lease: Lease
    relay: Relay | None = None
    source: FactSource | None = None
    views: Views | None = None

    def steps(self, *, surely: bool = True) -> Iterator[int]:
        """Do what there is to do until nothing is new; yield how much was done, step by step.

        What a neighbour waits for comes first, otherwise what readers wait for.
        If not `surely`, what a neighbour has told but has not arrived yet is left for later.
        """
        stands = self.house.tracked()
        while batch := self._news(stands.heard, surely=surely):
            tells = self.house.hear(batch)
            yield len(batch)
            publishing = self.publish(silence=SILENCE)
            showing = self._show() if len(batch) < BATCH else iter(())
            for steps in (publishing, showing) if tells else (showing, publishing):
                yield from steps
            stands = self.house.tracked()
        head = self.house.head()
        if stands.relayed < head:
            yield from self.publish()
            head = self.house.head()
        if self.views and not self.views.shows(head):
            yield from self._show()

    def _news(self, heard: Mapping[str, int], *, surely: bool) -> list[Message]:
        return self.source.poll(heard, BATCH, surely=surely) if self.source else []

    def _show(self) -> Iterator[int]:
        if self.views:
            yield from self.views.catch_up()

    @property
    def waits(self) -> bool:
        """Whether its steps wait a moment if nothing is new; otherwise the caller has to pause."""
        return self.source is not None and self.source.waits

    def publish(self, *, silence: int = 1) -> Iterator[int]:
        """Publish what the log holds beyond the relay's position; yield how much, step by step.

        `silence` events that tell nothing are passed at once, because each pass is a transaction;
        fewer are left for later.
        """
        if self.relay is None:
            return
        position = stood = self.house.relayed()
        while (published := self.relay.publish(position)).reached > position:
            position = published.reached
            if published.facts or position - stood >= silence:
                self.house.mark_relayed(stood, position)
                yield position - stood
                stood = position

    def is_done(self) -> bool:
        """Whether nothing is left to publish, to hear or to show, as far as is known now."""
        stands, head = self.house.tracked(), self.house.head()
        shown = self.views.positions().values() if self.views else ()
        if min(*shown, stands.relayed if self.relay else head, head) < head:
            return False
        tails = self.source.tails() if self.source else {}
        return all(stands.heard.get(name, 0) >= tail for name, tail in tails.items())

    def close(self) -> None:
        """Close the connections to the broker."""
        if self.relay:
            self.relay.close()
        if self.source:
            self.source.close()
