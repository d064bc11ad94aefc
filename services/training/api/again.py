"""Replays asks stored by training: its notices and its daily passes."""

from collections.abc import Callable
from datetime import date

import msgspec

from services.training.api.desk import notice_of, plan_of
from services.training.application import Training
from services.training.domain.learner import Rhythm
from services.training.use_cases.reminders import remind
from services.training.use_cases.sessions import tell_attendee, tell_session
from shared.asks.base import Body
from shared.asks.training import Cancellation, Completion, Enrolment, Session
from shared.eventstore.asks import Ask, Asked
from shared.kernel.answers import Answer
from shared.messaging.house import House

BODIES: dict[str, type[Body]] = {
    "tell-enrolment": Enrolment,
    "tell-completion": Completion,
    "tell-cancellation": Cancellation,
}


class AsksAgain:
    """Replays stored asks on a house."""

    def __init__(self, house: House[Training]) -> None:
        self._house = house

    def __call__(self, made: Asked.Made) -> None:
        """Replay one under the same id; raises the refusals of its use case."""
        self._house.ask(Ask.again(made), use_case_of(made))


def use_case_of(made: Asked.Made) -> Callable[[Training], Answer]:
    """The use case of a stored ask, bound to its stored arguments."""
    given = made.arguments
    if made.use_case == "remind":
        today, rhythm = date.fromisoformat(given["today"]), msgspec.convert(given["rhythm"], Rhythm)
        return lambda training: remind(training, today, rhythm)
    session_id, body = given["session_id"], msgspec.json.encode(given["body"])
    if made.use_case == "tell-session":
        plan = plan_of(Session.model_validate_json(body))
        return lambda training: tell_session(training, session_id, plan)
    notice = notice_of(BODIES[made.use_case].model_validate_json(body))
    return lambda training: tell_attendee(training, session_id, given["producer_id"], notice)
