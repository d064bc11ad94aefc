"""What the topics hold, compared with what the logs of their speakers tell."""

from collections.abc import Iterator
from datetime import UTC
from hashlib import sha256

from deploy.cli.home import Home
from shared.facts.envelope import STRANGER, Message, Poison, enveloped, opened
from shared.messaging.source import BATCH, FactSource


def unlike_logs(home: Home) -> Iterator[str]:
    """A sentence for every fact that a topic lacks, or holds otherwise than its speaker's log.

    The topics are read as by a listener that has heard nothing: of a fact that was published again,
    the first record counts, and a stranger's counts not at all. Houses go on meanwhile: how far
    they have published is read before their logs, and the topics are read last. Raises BrokerAway.
    """
    if home.listener is None:
        return
    published = {house.name: house.relayed() for house in home.houses}
    heads = {house.name: house.head() for house in home.houses}
    told = {house.name: {m.position: _digest(m) for m in house.all_told()} for house in home.houses}
    for message in _all(home.listener()):
        speaker, position = message.speaker, message.position
        expected = told[speaker].pop(position, None)
        if expected is None:
            if position <= heads[speaker]:
                yield f"{speaker}: its topic holds a fact at {position} that its log does not tell"
        elif expected not in (_digest(message), _digest_today(message)):
            yield f"{speaker}: its topic holds another fact at {position} than its log tells"
    for speaker, missing in told.items():
        for position in missing:
            if position <= published[speaker]:
                yield f"{speaker}: its topic lacks the fact at {position}"


def _all(source: FactSource) -> Iterator[Message]:
    """Every message of some topics that their speakers told, once."""
    heard: dict[str, int] = {}
    try:
        while batch := source.poll(heard, BATCH):
            for message in batch:
                if message.position > heard.get(message.stream, 0):
                    heard[message.stream] = message.position
                    if not message.speaker.startswith(STRANGER):
                        yield message
    finally:
        source.close()


def _digest(message: Message) -> bytes:
    words = (message.type, message.key, message.time.astimezone(UTC).isoformat())
    return sha256("\n".join(words).encode() + b"\n" + message.value).digest()


def _digest_today(message: Message) -> bytes | None:
    """The digest if the code of today had told it; None if it is no fact.

    A fact that was told before its type gained a field has other words, and says the same.
    """
    try:
        return _digest(enveloped(opened(message), message.position, message.time))
    except Poison:
        return None
