"""How far a house is behind its neighbours: facts that it has not heard, and how old they are."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from deploy.cli.home import Home
from shared.facts.envelope import Message
from shared.messaging.house import House
from shared.messaging.source import FactSource

LOOK = 20_000
"""Events at the end of a log that are searched, although most of them were heard."""


class Lag(NamedTuple):
    """Facts told and not heard, by stream, and when the oldest of them was told."""

    facts: dict[str, int]
    since: datetime | None


def lag_of(home: Home, house: str, heard: Mapping[str, int]) -> Lag:
    """How far a house is behind; raises BrokerAway if Kafka does not say what was told."""
    worker = home.workers.get(house)
    source = worker.source if worker else None
    tails = source.tails() if source else {}
    behind = {s: heard.get(s, 0) for s, tail in tails.items() if tail > heard.get(s, 0)}
    facts = Counter(dict.fromkeys(behind, 0))
    since: datetime | None = None
    for speaker in home.houses:
        stood = {s: at for s, at in behind.items() if s.partition("/")[0] == speaker.name}
        if not stood or source is None:
            continue
        for message in _unheard(speaker, source, heard, stood):
            facts[source.stream_of(message)] += 1
            since = min(since or message.time, message.time)
    return Lag({stream: max(1, count) for stream, count in sorted(facts.items())}, since)


def _unheard(
    speaker: House[Any], source: FactSource, heard: Mapping[str, int], stood: Mapping[str, int]
) -> Iterator[Message]:
    """What a speaker has told on some streams since the positions where they stood.

    A stream may stand far back because little is told on it. So only the end of the log, and what
    follows all that was heard from the speaker, is searched: the rest has been heard.
    """
    furthest = max(at for s, at in {**heard, **stood}.items() if s.startswith(f"{speaker.name}/"))
    begin = max(min(stood.values()), min(furthest, speaker.head() - LOOK))
    for message in speaker.all_told(begin):
        if message.position > stood.get(source.stream_of(message), message.position):
            yield message
