"""Asks that wait for the right to write: whoever gets it does them all, with one commit."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from shared.eventstore.asks import Ask, Asked, remember
from shared.eventstore.log import EventLog
from shared.eventstore.work import AtWork, Work
from shared.kernel.answers import Answer
from shared.kernel.errors import KeyReused
from shared.messaging.line import Turn

App = TypeVar("App", bound=AtWork)

MAXIMUM_EVENTS, MAXIMUM_SECONDS = 500, 0.2
"""Events that fill a transaction, and seconds with the lease until it is somebody else's turn."""


class Asking(Turn, Generic[App]):
    """An ask in line, and the use case that answers it."""

    answer: Answer
    is_replay = False
    refusal: Exception | None = None
    """What the use case refused with; raised once all that it knew by then is durable."""

    def __init__(self, ask: Ask, use_case: Callable[[App], Answer]) -> None:
        super().__init__()
        self.ask = ask
        self._use_case = use_case

    def do(self, work: Work, application: type[App]) -> None:
        """Answer it, once, and remember who asked; raises what the use case refuses with."""
        ask = self.ask
        earlier = work.find(Asked, ask.id) if ask.key else None
        if earlier:
            self.answer, self.is_replay = same_again(earlier, ask), True
            return
        self.answer = self._use_case(application(work, ask.cause))
        if work.kept or ask.key:
            remember(ask, self.answer, work)

    def end(self) -> None:
        """End the turn: it was answered, or refused, and that is durable."""
        if self.refusal:
            self.fail(self.refusal)
        else:
            self.succeed()


def same_again(earlier: Asked, ask: Ask) -> Answer:
    """The answer that an ask got before; raises KeyReused if its content was different."""
    if (earlier.use_case, earlier.arguments) != (ask.use_case, ask.arguments):
        raise KeyReused("This Idempotency-Key was used before with another body: use a new key.")
    return earlier.answer


def do_all(asked: Sequence[Asking[App]], log: EventLog, application: type[App]) -> None:
    """Do several asks in their order; when time is up, the rest are left undone, never the first.

    None learns how it ended until what it rests on is durable: a refusal may rest on others too.
    """
    for work, portion in _portions(asked, log, application):
        try:
            work.commit()
        except Exception as error:
            for asking in portion:
                asking.fail(error)
        else:
            for asking in portion:
                asking.end()


def _portions(
    asked: Sequence[Asking[App]], log: EventLog, application: type[App]
) -> Iterator[tuple[Work, list[Asking[App]]]]:
    """Asks to commit together. A refusal leaves nothing behind and ends a portion."""
    until = time.monotonic() + MAXIMUM_SECONDS
    work, portion = log.begin(), list[Asking[App]]()
    work.fetch(asking.ask.id for asking in asked if asking.ask.key)
    for asking in asked:
        portion.append(asking)
        try:
            asking.do(work, application)
            is_whole = work.settle() >= MAXIMUM_EVENTS
        except Exception as refusal:
            asking.refusal = refusal
            work.take_back()
            is_whole = True
        is_late = time.monotonic() > until
        if is_whole or is_late:
            yield work, portion
            work, portion = log.begin(), []
        if is_late:
            return
    yield work, portion
