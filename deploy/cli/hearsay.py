"""What houses claim to have heard, compared with what their neighbours have told."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from deploy.cli.home import Home
from deploy.cli.houses import HOUSES
from shared.facts.envelope import Message, Poison
from shared.messaging.house import House
from shared.messaging.parking import ParkedFacts

CAUSE = re.compile(rb'"cause":"((?:%s)/\d+:\d+)"' % "|".join(HOUSES).encode())
"""A neighbour's fact as the cause of an event, as the logs hold it."""


def hearsay(home: Home) -> Iterator[str]:
    """Facts remembered but never told, or not counted as heard; or counted, but without effect.

    Houses go on meanwhile: what was told and what is counted is read after what is remembered.
    """
    causes = {house.name: _causes_in(house) for house in home.houses}
    positions = {house.name: {row[0] for row in house.log.rows()} for house in home.houses}
    for house in home.houses:
        heard = house.heard()
        for cause in sorted(causes[house.name]):
            stream, _, number = cause.partition(":")
            speaker, position = stream.partition("/")[0], int(number)
            if position not in positions[speaker]:
                yield f"{house.name}: it heard {cause}, but {speaker} has no such position"
            elif position > heard.get(stream, 0):
                yield f"{house.name}: it remembers {cause}, but counts it as not heard yet"
    for house in home.houses:
        yield from _undone(home, house)


def _causes_in(house: House[Any], *, parked: bool = False) -> set[str]:
    """The facts that led to its events; parked ones, which may be nobody's, only if `parked`."""
    return {
        cause.decode()
        for _, _, _, topic, state in house.log.rows()
        if parked or not topic.startswith(ParkedFacts.TOPIC)
        for cause in CAUSE.findall(state)
    }


def _undone(home: Home, house: House[Any]) -> Iterator[str]:
    """Facts that a house counts as heard and that led to nothing, though they would if heard now.

    Each is applied in a transaction that is never committed.
    """
    worker = home.workers.get(house.name)
    if worker is None or worker.source is None:
        return
    heard, followed = house.heard(), _followed(house)
    for speaker in home.houses:
        for message in speaker.all_told(known=followed[speaker.name]):
            is_heard = message.position <= heard.get(worker.source.stream_of(message), 0)
            if is_heard and _leads_on(house, message):
                yield (
                    f"{house.name}: it counts position {message.position} of {message.speaker} as "
                    f"heard, but {message.type} of {message.key} led to nothing"
                )


def _followed(house: House[Any]) -> Mapping[str, set[int]]:
    """By speaker, the positions of the facts that led to something, if only to being parked."""
    found: dict[str, set[int]] = defaultdict(set)
    for cause in _causes_in(house, parked=True):
        stream, _, position = cause.partition(":")
        found[stream.partition("/")[0]].add(int(position))
    return found


def _leads_on(house: House[Any], message: Message) -> bool:
    work = house.log.begin()
    try:
        house.follow(work, message)
    except Poison:
        return True
    return work.kept > 0
