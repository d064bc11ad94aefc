"""Training in another process: notices, with their keys, and reads are forwarded over HTTP."""

from datetime import date
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2 as httpx
from pydantic import BaseModel, ValidationError

from shared.asks.base import Body
from shared.asks.training import Cancellation, Completion, NeighbourAway
from shared.asks.training_figures import Bpf, TrainingFundings
from shared.asks.training_shown import (
    DueList,
    HeldTrainings,
    ProducerTrainings,
    SessionPage,
    SessionShown,
)
from shared.kernel.answers import Answer
from shared.kernel.errors import Flaw, Refusal
from shared.web.answers import AnswerBody
from shared.web.gate import ASKER
from shared.web.table import TABLE

TIMEOUT_SECONDS = 5
REPLAYED = "Idempotency-Replayed"
OUR_CALL = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.TOO_MANY_REQUESTS,
)
"""Statuses about how the gateway calls, not about what it was told."""

POSTED: dict[type[Body], str] = {Completion: "completion", Cancellation: "cancellation"}
Shown = TypeVar("Shown", bound=BaseModel)


class NeighbourRefused(Refusal):
    """What a neighbour refused, under the neighbour's name for it if we know that name."""

    name = "neighbour-refused"

    def __init__(self, name: str, sentence: str, flaws: list[Flaw]) -> None:
        super().__init__(sentence, flaws)
        if name in TABLE:
            self.name = name  # type: ignore[misc]


class HttpTraining:
    """Training, as the gateway asks it over HTTP. Raises its refusals, and NeighbourAway."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx.Client(base_url=f"{url}/v1", headers=headers, timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def tell(
        self,
        session_id: str,
        producer_id: str | None,
        body: Body,
        *,
        by: str,
        key: str | None,
        dry_run: bool = False,
    ) -> tuple[Answer, bool]:
        """Forward a notice."""
        if dry_run:
            raise NeighbourAway("Training runs in another process: a dry run does not reach it.")
        path = f"/training-sessions/{_step(session_id)}"
        if producer_id is not None:
            path += f"/enrolments/{_step(producer_id)}"
        posted = POSTED.get(type(body))
        method, path = ("POST", f"{path}/{posted}") if posted else ("PUT", path)
        headers = {ASKER: quote(by), **({"Idempotency-Key": key} if key else {})}
        told = self._answer(method, path, json=body.content(), headers=headers)
        said = _read(told, AnswerBody)
        answer = Answer(said.result, said.waiting_for, said.warnings)
        return answer, told.headers.get(REPLAYED) == "true"

    def sessions(self, limit: int, after: str | None) -> SessionPage:
        """Up to `limit` sessions that follow an id, by id."""
        return self._get(SessionPage, "/training-sessions", limit=limit, after=after)

    def session(self, session_id: str) -> SessionShown:
        """A session and everyone in it."""
        return self._get(SessionShown, f"/training-sessions/{_step(session_id)}")

    def trainings_of(self, producer_id: str) -> ProducerTrainings:
        """All trainings of a producer, and their update status today."""
        return self._get(ProducerTrainings, f"/producers/{_step(producer_id)}/trainings")

    def due(self, on: date | None, limit: int, after: str | None) -> DueList:
        """Producers whose update is due or lapsed by a day (default: today in Paris)."""
        return self._get(DueList, "/training-due", on=on, limit=limit, after=after)

    def fundings(self, year: int) -> TrainingFundings:
        """Who pays for the sessions that end in a year, by fund."""
        return self._get(TrainingFundings, "/training-fundings", year=year)

    def bpf(self, year: int) -> Bpf:
        """What the *bilan pédagogique et financier* of a year asks for."""
        return self._get(Bpf, "/bpf", year=year)

    def held(self) -> HeldTrainings:
        """Every notice about a training that waits for another."""
        return self._get(HeldTrainings, "/held")

    def _get(self, shown: type[Shown], path: str, **query: Any) -> Shown:
        given = {name: str(value) for name, value in query.items() if value is not None}
        return _read(self._answer("GET", path, params=given), shown)

    def _answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **request)
        except httpx.HTTPError as reason:
            raise NeighbourAway(f"Training does not answer ({reason}): try again.") from reason
        if answer.is_success:
            return answer
        if answer.status_code in OUR_CALL:
            raise NeighbourAway(
                f"Training rejects the gateway's own call ({answer.status_code}): check "
                "CAGETTE_KEY and CAGETTE_TRAINING_URL, then try again."
            )
        if answer.is_client_error:
            raise _refusal(_read(answer, _Problem))
        raise NeighbourAway(f"Training answers {answer.status_code}: try again.")


class _Flaw(BaseModel):
    pointer: str
    detail: str


class _Problem(BaseModel):
    type: str
    detail: str
    errors: tuple[_Flaw, ...] = ()


def _read(answer: httpx.Response, shape: type[Shown]) -> Shown:
    try:
        return shape.model_validate_json(answer.content)
    except ValidationError as reason:
        raise NeighbourAway(
            f"The server answering ({answer.status_code}) at training's address is not training, "
            "or runs another version."
        ) from reason


def _refusal(problem: _Problem) -> NeighbourRefused:
    flaws = [Flaw(flaw.pointer, flaw.detail) for flaw in problem.errors]
    return NeighbourRefused(problem.type.rpartition(":")[2], problem.detail, flaws)


def _step(natural_id: str) -> str:
    """An id as a path segment; `..` is an id too."""
    return natural_id.replace(".", "%2E")
