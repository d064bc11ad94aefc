"""What people do about parked facts: take them in again, drop them, or take them in corrected."""

from dataclasses import replace
from typing import Any

from shared.eventstore.asks import Ask, Asked, remember
from shared.eventstore.work import Work
from shared.facts.envelope import Message, Poison
from shared.kernel.answers import Answer, Result
from shared.kernel.errors import NotFound
from shared.kernel.ids import stable_id
from shared.messaging.house import House
from shared.messaging.parking import ParkedFacts, parked_id


class ParkedDesk:
    """Where people say what becomes of what a house parked. Who said so, and why, is remembered."""

    def __init__(self, house: House[Any]) -> None:
        self._house = house

    def release(
        self, speaker: str, key: str, *, by: str, why: str, drop: bool, dry_run: bool = False
    ) -> Answer:
        """Take in again what is parked for a speaker and key, in order, or `drop` it.

        Raises NotFound, and Poison if one still cannot be taken: then all of them stay parked.
        """
        arguments = {"speaker": speaker, "key": key, "why": why, "drop": drop}
        with self._house.still():
            return self._release(self._asked("release", arguments, by), dry_run=dry_run)

    def fix(
        self, speaker: str, key: str, value: str, *, by: str, why: str, dry_run: bool = False
    ) -> Answer:
        """Take in the first of what is parked with another value (JSON), and what waits behind it.

        What waits is taken in up to the next that cannot be, which is then the first. Raises
        NotFound, and Poison for a value that cannot be taken either: then nothing has changed.
        """
        arguments = {"speaker": speaker, "key": key, "value": value, "why": why}
        with self._house.still():
            return self._fix(self._asked("fix", arguments, by), dry_run=dry_run)

    def again(self, made: Asked.Made) -> bool:
        """Repeat a stored ask, if it was one of these; return whether it was."""
        again = {"release": self._release, "fix": self._fix}.get(made.use_case)
        if again:
            with self._house.still():
                again(Ask.again(made))
        return again is not None

    def _asked(self, use_case: str, arguments: dict[str, Any], by: str) -> Ask:
        """An ask about the present version of what is parked: no two are about the same version."""
        speaker, key = arguments["speaker"], arguments["key"]
        parked = self._parked(self._house.log.begin(), speaker, key)
        nonce = stable_id("parked/ask", speaker, key, str(parked.version))
        return Ask(use_case, arguments, by=by, nonce=nonce)

    def _release(self, ask: Ask, *, dry_run: bool = False) -> Answer:
        given, work = ask.arguments, self._house.log.begin()
        parked = self._parked(work, given["speaker"], given["key"])
        messages = [message for message, _, _ in parked.waiting.values()]
        parked.release(by=ask.by, why=given["why"], dropped=given["drop"])
        work.keep((parked,), ask.cause)
        for message in () if given["drop"] else messages:
            self._house.follow(work, message)
        answer = Answer(Result.UPDATED, figures={"facts": len(messages)})
        remember(ask, answer, work)
        if not dry_run:
            work.commit()
        return answer

    def _fix(self, ask: Ask, *, dry_run: bool = False) -> Answer:
        given = ask.arguments
        parked = self._parked(self._house.log.begin(), given["speaker"], given["key"])
        first, *behind = (message for message, _, _ in parked.waiting.values())
        fixed = replace(first, value=given["value"].encode(), is_spoilt=False)
        work, taken, poison = self._followed([fixed, *behind])
        parked = self._parked(work, given["speaker"], given["key"])
        positions = [message.position for message in (fixed, *behind)]
        parked.fix(fixed, tuple(positions[:taken]), by=ask.by, why=given["why"])
        if poison:
            parked.refuse(positions[taken], poison)
        work.keep((parked,), ask.cause)
        left = len(parked.waiting)
        answer = Answer(Result.UPDATED, figures={"facts": taken, "still_parked": left})
        remember(ask, answer, work)
        if not dry_run:
            work.commit()
        return answer

    def _followed(self, messages: list[Message]) -> tuple[Work, int, Poison | None]:
        """A transaction that takes in as many as it can, how many those are, and why not the next.

        Raises Poison if that is the first.
        """
        taken, poison = len(messages), None
        while True:
            work = self._house.log.begin()
            try:
                for number, message in enumerate(messages[:taken]):  # noqa: B007 - it says where
                    self._house.follow(work, message)
            except Poison as reason:
                if number == 0:
                    raise
                taken, poison = number, reason
            else:
                return work, taken, poison

    def _parked(self, work: Work, speaker: str, key: str) -> ParkedFacts:
        parked = work.find(ParkedFacts, parked_id(speaker, key))
        if parked is None or not parked.waiting:
            raise NotFound(
                f"Nothing of {speaker}/{key} is parked at {self._house.name}: "
                "see `cagette parked list`."
            )
        return parked
