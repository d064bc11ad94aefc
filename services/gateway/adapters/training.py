"""Training in another process: notices are forwarded over HTTP, the key included."""

from http import HTTPStatus
from urllib.parse import quote

import httpx2 as httpx

from shared.asks.base import Body
from shared.asks.training import Cancellation, Completion
from shared.kernel.answers import Answer, Result
from shared.kernel.errors import Flaw, Refusal
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
"""Statuses that are about how the gateway calls, not about what it was told."""

POSTED: dict[type[Body], str] = {Completion: "completion", Cancellation: "cancellation"}


class NeighbourAway(Refusal):
    """A neighbour does not answer: nothing was done, telling it again will do."""

    name = "neighbour-away"


class NeighbourRefused(Refusal):
    """What a neighbour refused, under the name that it gave it, where we know that name."""

    name = "neighbour-refused"

    def __init__(self, name: str, sentence: str, flaws: list[Flaw]) -> None:
        super().__init__(sentence, flaws)
        if name in TABLE:
            self.name = name  # type: ignore[misc]


class HttpTraining:
    """Training, as the gateway asks it over HTTP."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS)

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
        """Forward a notice. Raises what training refuses, and NeighbourAway."""
        if dry_run:
            raise NeighbourAway("Training is another process: it is not asked in a dry run.")
        path = f"/v1/training-sessions/{session_id}"
        if producer_id is not None:
            path += f"/enrolments/{producer_id}"
        posted = POSTED.get(type(body))
        method, path = ("POST", f"{path}/{posted}") if posted else ("PUT", path)
        headers = {ASKER: quote(by), **({"Idempotency-Key": key} if key else {})}
        try:
            told = self._client.request(method, path, json=body.content(), headers=headers)
        except httpx.HTTPError as reason:
            raise NeighbourAway(f"Training does not answer ({reason}): tell it again.") from reason
        if told.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise NeighbourAway(f"Training answers {told.status_code}: tell it again.")
        if told.status_code in OUR_CALL:
            raise NeighbourAway(
                f"Training does not take the gateway's own call ({told.status_code}): "
                "mind CAGETTE_KEY and CAGETTE_TRAINING_URL, then tell it again."
            )
        content = told.json()
        if told.is_error:
            flaws = [Flaw(**flaw) for flaw in content.get("errors", ())]
            raise NeighbourRefused(content["type"].rpartition(":")[2], content["detail"], flaws)
        answer = Answer(
            Result(content["result"]),
            tuple(content.get("waiting_for", ())),
            tuple(content.get("warnings", ())),
        )
        return answer, told.headers.get(REPLAYED) == "true"
