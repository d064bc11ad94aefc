"""Imports: one notice per line, in NDJSON; a bad line is reported and stops nothing."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Literal

from pydantic import TypeAdapter, ValidationError

from services.gateway.api import bodies
from services.gateway.api.desk import GatewayDesk
from shared.asks import training
from shared.asks.base import Body, Id
from shared.asks.flaws import flaws_of
from shared.asks.training import NeighbourAway
from shared.asks.written import parsed
from shared.eventstore.failures import (
    STORAGE_EXCEPTIONS,
    DiskFull,
    StorageAway,
    storage_refusal,
)
from shared.eventstore.lease import HomeBusy
from shared.kernel.answers import Answer
from shared.kernel.errors import NotValid, Refusal
from shared.web.answers import answer_body, status_of
from shared.web.problems import problem_body

MAXIMUM_LINE_BYTES = 4 * 1024 * 1024

BODIES: dict[str, type[Body]] = {
    "producer": bodies.Producer,
    "market": bodies.Market,
    "distribution": bodies.Distribution,
    "unvalidation": bodies.Unvalidation,
    **training.BODIES,
}
"""The body of a line, by its kind."""

UNAVAILABLE = (HomeBusy, DiskFull, StorageAway)
"""Refusals that are not about the line: it can be told again later."""

_ID: TypeAdapter[str] = TypeAdapter(Id)

IN_A_SESSION = ("enrolment", "completion", "cancellation")


class ImportLine(Body):
    """One line: what it is about, and the body of the call it stands for."""

    kind: Literal[
        "producer",
        "market",
        "distribution",
        "unvalidation",
        "training-session",
        "enrolment",
        "completion",
        "cancellation",
    ]
    id: Id
    session_id: Id | None = None
    body: dict[str, Any]


class LineTooLong(Refusal):
    """A line of an import has 4 MB at most."""

    name = "line-too-long"


@dataclass(frozen=True)
class LineResult:
    """What became of a line: the answer to its notice, or its refusal."""

    number: int
    kind: str | None
    natural_id: str | None
    outcome: Answer | Refusal


def import_lines(
    desk: GatewayDesk, lines: Iterable[bytes], *, by: str, dry_run: bool = False
) -> Iterator[LineResult]:
    """Tell every line in order; yields one result per line, in order. Blank lines are skipped.

    Once nothing can be written, the remaining lines are not tried: they get the same refusal.
    Once training does not answer, so do the remaining lines about trainings.
    """
    unanswered: NeighbourAway | None = None

    def tell(line: ImportLine, body: Body) -> Answer:
        nonlocal unanswered
        if unanswered and line.kind in training.BODIES:
            raise unanswered
        try:
            return desk.tell(line.id, body, by=by, session_id=line.session_id, dry_run=dry_run)[0]
        except NeighbourAway as reason:
            unanswered = reason
            raise

    away: Refusal | None = None
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        if away:
            yield LineResult(number, None, None, away)
            continue
        result = _result(number, raw, tell)
        away = result.outcome if isinstance(result.outcome, UNAVAILABLE) else None
        yield result


def bounded(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file; of one that is too long, only enough to show that it is."""
    while line := file.readline(MAXIMUM_LINE_BYTES + 2):
        yield line
        while len(line) == MAXIMUM_LINE_BYTES + 2 and not line.endswith(b"\n"):
            line = file.readline(MAXIMUM_LINE_BYTES + 2)


def line_answer(result: LineResult) -> dict[str, Any]:
    """A result as the NDJSON line that is sent back."""
    head = {"line": result.number, "kind": result.kind, "id": result.natural_id}
    outcome = result.outcome
    if isinstance(outcome, Answer):
        return {**head, "status": status_of(outcome), **answer_body(outcome)}
    return {**head, **problem_body(outcome)}


def _result(number: int, raw: bytes, tell: Callable[[ImportLine, Body], Answer]) -> LineResult:
    kind = natural_id = None
    try:
        content = _content(raw)
        kind, natural_id = _named(content)
        line = _line(content)
        outcome: Answer | Refusal = tell(line, _body(line))
    except Refusal as refusal:
        outcome = refusal
    except STORAGE_EXCEPTIONS as error:
        failure = storage_refusal(error)
        if failure is None:
            raise
        outcome = failure
    return LineResult(number, kind, natural_id, outcome)


def _content(raw: bytes) -> Any:
    if len(raw.rstrip(b"\r\n")) > MAXIMUM_LINE_BYTES:
        raise LineTooLong(f"A line has {MAXIMUM_LINE_BYTES} bytes at most.")
    try:
        return parsed(raw)
    except (ValueError, RecursionError) as reason:
        raise NotValid(f"The line is not JSON in UTF-8: {reason}") from reason


def _named(content: Any) -> tuple[str | None, str | None]:
    """The kind and the id of what a line is about, each None unless given in valid form."""
    said = content if isinstance(content, dict) else {}
    kind = said.get("kind")
    natural_id = None
    with suppress(ValidationError):
        natural_id = _ID.validate_python(said.get("id"))
    return kind if isinstance(kind, str) and kind in BODIES else None, natural_id


def _line(content: Any) -> ImportLine:
    try:
        line = ImportLine.model_validate(content)
    except ValidationError as reason:
        raise NotValid("The line does not match the contract.", flaws_of(reason)) from reason
    if (line.kind in IN_A_SESSION) != (line.session_id is not None):
        needs = "needs the" if line.kind in IN_A_SESSION else "has no"
        raise NotValid(f"A line of kind {line.kind} {needs} session_id.")
    return line


def _body(line: ImportLine) -> Body:
    try:
        return BODIES[line.kind].model_validate(line.body)
    except ValidationError as reason:
        raise NotValid(
            "The body does not match the contract.", flaws_of(reason, ("body",))
        ) from reason
