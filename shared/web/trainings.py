"""The calls about trainings: the gateway offers them, and training takes them from it."""

from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Header, Path, Response

from shared.asks import training
from shared.asks.base import ID_PATTERN, Body
from shared.web.answers import AnswerBody
from shared.web.callers import Caller
from shared.web.guarded import Telling
from shared.web.problems import PROBLEMS

Id = Annotated[
    str,
    Path(pattern=ID_PATTERN, description="The marketplace's own id; for an integer, its digits."),
]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="Optional: the same key and body give the same answer, for ever.",
    ),
]
TAKEN: dict[int | str, dict[str, Any]] = {
    201: {"model": AnswerBody, "description": "Created"},
    **PROBLEMS,
}
"""The answers to a notice that waits for nothing."""
RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": AnswerBody, "description": "Held until what it refers to is told"},
    **TAKEN,
}
"""The answers to a notice that may refer to something not told yet."""
SESSION = "/training-sessions/{session_id}"
ENROLMENT = f"{SESSION}/enrolments/{{producer_id}}"


class Tell(Protocol):
    """Hands a notice to a desk and answers."""

    def __call__(
        self,
        caller: Caller,
        natural_id: str,
        body: Body,
        *,
        session_id: str | None = None,
        key: str | None = None,
    ) -> Response:
        """`natural_id` is the producer's if there is a `session_id`, otherwise the session's."""


def add_trainings(router: APIRouter, tell: Tell) -> None:
    """Add the calls about trainings."""

    @router.put(SESSION, response_model=AnswerBody, responses=TAKEN)
    def tell_session(caller: Telling, session_id: Id, body: training.Session) -> Response:
        """A training session was planned or edited."""
        return tell(caller, session_id, body)

    @router.put(ENROLMENT, response_model=AnswerBody, responses=RESPONSES)
    def tell_enrolment(
        caller: Telling, session_id: Id, producer_id: Id, body: training.Enrolment
    ) -> Response:
        """A producer enrolled, or the enrolment was edited."""
        return tell(caller, producer_id, body, session_id=session_id)

    @router.post(f"{ENROLMENT}/completion", response_model=AnswerBody, responses=RESPONSES)
    def tell_completion(
        caller: Telling,
        session_id: Id,
        producer_id: Id,
        body: training.Completion,
        key: Key = None,
    ) -> Response:
        """A training was completed."""
        return tell(caller, producer_id, body, session_id=session_id, key=key)

    @router.post(f"{ENROLMENT}/cancellation", response_model=AnswerBody, responses=RESPONSES)
    def tell_cancellation(
        caller: Telling,
        session_id: Id,
        producer_id: Id,
        body: training.Cancellation,
        key: Key = None,
    ) -> Response:
        """A training was abandoned."""
        return tell(caller, producer_id, body, session_id=session_id, key=key)
