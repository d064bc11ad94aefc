"""A house at work: it is asked, it hears, it remembers, it tells.

Whatever it does is one transaction: the events, their cause, the tags of their streams and the
positions heard are written together or not at all.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Generic, NamedTuple
from uuid import UUID

from shared.eventstore.asks import Ask, Asked
from shared.eventstore.lease import Lease
from shared.eventstore.log import EventLog
from shared.eventstore.recorder import Step
from shared.eventstore.work import Work, heard_of
from shared.facts.base import Fact
from shared.facts.envelope import Message, Poison, enveloped, opened
from shared.kernel.answers import Answer
from shared.messaging.asking import App, Asking, do_all, same_again
from shared.messaging.chronicle import kept
from shared.messaging.line import Line
from shared.messaging.parking import ParkedFacts, parked_id
from shared.messaging.rules import Policies, Publishing

RELAY = "relay"
"""The tracked position of what was published; unlike those of what is heard, it has no slash."""

ALL_TOLD = 1_000
"""Events read at a time when all are wanted."""


class Tracked(NamedTuple):
    """How far a house has published its log, and heard every topic-partition."""

    relayed: int
    heard: dict[str, int]


class House(Generic[App]):
    """One house over its log. `lease` is the right to write, acquired for every transaction.

    If it `chronicles`, it remembers every fact as it came, besides what follows from it.
    """

    def __init__(
        self,
        name: str,
        log: EventLog,
        lease: Lease,
        *,
        application: type[App],
        policies: Policies[App],
        publishing: Publishing,
        chronicles: bool = False,
    ) -> None:
        self.name = name
        self.log = log
        self._lease = lease
        self._line = Line(lease, self._do_all)
        self._application = application
        self._policies = policies
        self._publishing = publishing
        self._chronicles = chronicles
        self._last_heard: Work | None = None
        """The last batch of facts: what it touched, the next one of a backlog will touch too."""

    def ask(
        self, ask: Ask, use_case: Callable[[App], Answer], *, dry_run: bool = False
    ) -> tuple[Answer, bool]:
        """Do what is asked, once, and remember who asked.

        Returns the answer, and whether it is a replay. A refusal leaves nothing behind. `dry_run`
        answers and writes nothing. Asks that threads make while somebody else writes are done
        together, in one transaction.
        """
        asking = Asking(ask, use_case)
        if dry_run:
            with self._lease.held():
                asking.do(self.log.begin(), self._application)
        else:
            self._line.take(asking)
        return asking.answer, asking.is_replay

    def _do_all(self, asked: Sequence[Asking[App]]) -> None:
        do_all(asked, self.log, self._application)

    def still(self) -> AbstractContextManager[None]:
        """Keep every writer of this house out meanwhile; raises HomeBusy when patience runs out."""
        return self._lease.held()

    def answered(self, ask: Ask) -> Answer | None:
        """The answer that an ask with this key got before, if any; refuses one of other content."""
        earlier = self.log.begin().find(Asked, ask.id) if ask.key else None
        return same_again(earlier, ask) if earlier else None

    def hear(self, messages: Sequence[Message]) -> bool:
        """Take facts in, each exactly once, in one transaction for all of them.

        Poison among them is parked, and so is what comes after it under its key. Returns whether
        any of it led to something that this house may tell.
        """
        with self._lease.held():
            work = self._begun()
            stood = work.heard()
            heard = dict(stood)
            fresh = []
            for message in messages:
                if message.position > heard.get(message.stream, 0):
                    fresh.append((message, _opened(message)))
                    heard[message.stream] = message.position
            work.fetch(self._foreseen(fresh))
            for message, fact in fresh:
                self._take(work, message, fact)
            steps = [
                Step(name, stood.get(name), position)
                for name, position in sorted(heard.items())
                if position != stood.get(name)
            ]
            tells = not work.happened.isdisjoint(self._publishing.told)
            work.commit(steps)
            self._last_heard = work
        return tells

    def _begun(self) -> Work:
        """A transaction that goes on from the last batch heard, unless that one failed."""
        work, last = self.log.begin(), self._last_heard
        self._last_heard = None
        if last:
            work.go_on_from(last)
        return work

    def _foreseen(self, fresh: Sequence[tuple[Message, Fact | Poison]]) -> Iterator[UUID]:
        """The streams that facts will most likely touch, and those that may hold up their keys."""
        for message, fact in fresh:
            yield parked_id(message.speaker, message.key)
            if isinstance(fact, Fact):
                yield from self._policies.foreseen(fact)

    def _take(self, work: Work, message: Message, fact: Fact | Poison) -> None:
        parked = work.find(ParkedFacts, parked_id(message.speaker, message.key))
        if parked and parked.waiting:
            _park(work, message, None)
        elif isinstance(fact, Poison):
            _park(work, message, fact)
        else:
            self._follow(work, message, fact)

    def follow(self, work: Work, message: Message) -> None:
        """Do what follows from the fact in a message; raises Poison if there is none."""
        self._follow(work, message, opened(message))

    def _follow(self, work: Work, message: Message, fact: Fact) -> None:
        if self._chronicles:
            work.keep((kept(message),), message.cause)
        policy = self._policies.by_fact.get(type(fact))
        if policy:
            at_work = self._application(work, message.cause)
            for aggregate in policy(fact, at_work):
                at_work.keep(aggregate)

    def tracked(self) -> Tracked:
        """Where this house stands."""
        positions = self.log.recorder.positions()
        return Tracked(positions.get(RELAY, 0), heard_of(positions))

    def heard(self) -> dict[str, int]:
        """How far every topic-partition has been heard."""
        return self.tracked().heard

    def relayed(self) -> int:
        """How far the log has been published."""
        return self.tracked().relayed

    def mark_relayed(self, before: int, reached: int) -> None:
        """Remember that the log was published up to a position, or is to be again from there."""
        with self._lease.held():
            is_tracked = RELAY in self.log.recorder.positions()
            step = Step(RELAY, before if is_tracked else None, reached)
            self.log.begin().commit([step])

    def head(self) -> int:
        """The position of the last event, 0 for an empty log."""
        return self.log.head()

    def all_told(self, after: int = 0, known: Collection[int] = ()) -> Iterator[Message]:
        """Every fact after a position, except those at `known` positions."""
        end = -1
        while after > end:
            end = after
            messages, after = self.told(end, ALL_TOLD, known=known)
            yield from messages

    def told(
        self, after: int, limit: int, *, known: Collection[int] = ()
    ) -> tuple[list[Message], int]:
        """The facts among the next `limit` events of the log, and how far that reaches.

        Leaves out `known` positions: making a fact costs more than reading its event.
        """
        page = self.log.page(after, limit, self._publishing.told)
        messages = [
            enveloped(fact, position, event.timestamp)
            for position, event in page.events
            if position not in known and (fact := self._publishing.fact(event))
        ]
        return messages, page.reached


def _opened(message: Message) -> Fact | Poison:
    """The fact in a message, or why there is none."""
    try:
        return opened(message)
    except Poison as reason:
        return reason


def _park(work: Work, message: Message, poison: Poison | None) -> None:
    stream = parked_id(message.speaker, message.key)
    facts = work.get(
        ParkedFacts, stream, lambda: ParkedFacts(speaker=message.speaker, key=message.key)
    )
    facts.park(message, poison)
    work.keep((facts,), message.cause)
