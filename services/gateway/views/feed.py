"""What happened since, in the order in which the gateway heard it, as CloudEvents."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from services.gateway.publishing import publishing
from shared.eventstore.log import EventLog, Recorded
from shared.messaging.chronicle import HeardFact


class CloudEvent(BaseModel, frozen=True):
    """A fact of one of the three houses, in the JSON format of CloudEvents 1.0.

    `sequence` is its place in this feed; `id` is its speaker's and is the same on Kafka.
    """

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    time: datetime
    subject: str
    sequence: str
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    data: dict[str, Any]


class FeedPage(BaseModel, frozen=True):
    """`next` is the `after` of the following page; at the end, the place to ask from later."""

    events: tuple[CloudEvent, ...]
    next: int


def feed(log: EventLog, after: int, limit: int) -> FeedPage:
    """Up to `limit` events that follow a place in the feed."""
    events: list[CloudEvent] = []
    reached = after
    wanted = limit + limit // 2  # because not every event is told
    while len(events) < limit:
        page = log.page(reached, wanted, {HeardFact.Kept, *publishing.told})
        for recorded in page.events:
            event = _cloud_event(recorded)
            if event:
                events.append(event)
            if len(events) == limit:
                reached = recorded.position
                break
        else:
            reached = page.reached
        if page.size < wanted:
            break
    return FeedPage(events=tuple(events), next=min(reached, log.head()) if not events else reached)


def _cloud_event(recorded: Recorded) -> CloudEvent | None:
    """What the gateway itself told, or heard; None for what it keeps to itself."""
    place, event = recorded
    if isinstance(event, HeardFact.Kept):
        speaker, position, time = event.speaker, event.position, event.told_at
        type_, subject, data = event.type, event.key, event.content
    else:
        fact = publishing.fact(event)
        if fact is None:
            return None
        speaker, position, time = fact.speaker, place, event.timestamp
        type_, subject, data = fact.type(), fact.key, fact.model_dump(mode="json")
    return CloudEvent(
        id=f"{speaker}:{position}",
        source=f"/cagette/{speaker}",
        type=type_,
        time=time,
        subject=subject,
        sequence=str(place),
        dataschema=f"/schemas/{type_}.json",
        data=data,
    )
