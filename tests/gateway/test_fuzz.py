"""The API fuzzed from its own OpenAPI document: all checks of schemathesis, and whole sequences.

50 cases an operation in `make test`, 1 500 by `make fuzz` (CAGETTE_FUZZ_CASES).
"""

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import negative_data_rejection
from starlette.types import Receive, Scope, Send

from deploy.cli.web import web_app
from shared.settings import Settings
from tests.support import notices
from tests.support.world import KEY, world

CASES = int(os.environ.get("CAGETTE_FUZZ_CASES", "50"))
TAKEN = ["2xx", "401", "403", "404", "409", "422"]
"""422 too, for what is in shape and means nothing; see the check of our own."""
JUDGED_BY_LINE: list[Any] = [negative_data_rejection]
"""A file is always taken: its bad lines are refused in the answer, each by itself."""
HEADERS = {"Authorization": f"Bearer {KEY}"}
UNHURRIED = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
FOLDER = Path(tempfile.mkdtemp(prefix="cagette-fuzz-"))
"""Gone when the process ends."""
FIRST = FOLDER / "first"
"""A home that knows a little, for copies of it to be served."""


@contextmanager
def served() -> Iterator[FastAPI]:
    """The gateway's app over a home of its own."""
    folder = Path(tempfile.mkdtemp(dir=FOLDER))
    shutil.copytree(FIRST, folder / "home")
    with world(folder / "home") as cagette:
        limits = Settings(home=folder / "home", requests_per_second=0)
        yield web_app(cagette.home, limits, KEY, threading.Event())
    shutil.rmtree(folder)


with world(FIRST) as knowing:
    knowing.told(notices.producer(), notices.market(), notices.distribution())
    knowing.told(notices.session(), notices.enrolment("2024-08-01"))
SERVED = ExitStack()
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
atexit.register(SERVED.close)
CONFIG = schemathesis.Config.from_dict(
    {
        "checks": {"positive_data_acceptance": {"expected-statuses": TAKEN}},
        # The collector's pauses grow with all that hypothesis keeps of 1 500 cases: with other
        # work on the machine, a call of one of them took longer than the usual 10 seconds.
        "request-timeout": 60,
        # Each call is sent with the key, whatever was generated: where a case lacked it, the
        # check took that for the fault that had to be refused. `ignored_auth` calls without.
        "generation": {"with-security-parameters": False},
    }
)
API = schemathesis.openapi.from_asgi("/openapi.json", SERVED.enter_context(served()), config=CONFIG)


class Passing:
    """One app for all sequences, over the home of each: schemathesis keeps what it has started."""

    app: FastAPI = API.app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = API.app if scope["type"] == "lifespan" else self.app
        await app(scope, receive, send)


@schemathesis.serializer("application/x-ndjson")
def lines(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """A file of notices: whatever is generated, a line."""
    return str(value).encode("utf-8", "surrogatepass")


@schemathesis.check
def the_shape_is_as_documented(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: Case[Any]
) -> bool | None:
    """A body in shape is never refused for its shape; for its meaning (totals, ends) it may be."""
    mode = case.meta.generation.mode if case.meta else None
    if mode is schemathesis.GenerationMode.POSITIVE and response.status_code == 422:
        assert response.json()["type"] != "urn:cagette:problem:not-valid", response.text
    return None


@API.parametrize()
@UNHURRIED
def test_every_operation_does_as_the_document_says(case: Case[Any]) -> None:
    is_file = case.operation.path == "/v1/imports"
    case.call_and_validate(headers=HEADERS, excluded_checks=JUDGED_BY_LINE if is_file else None)


def test_sequences_of_calls_do_as_the_document_says() -> None:
    machine: Any = API.as_state_machine()
    passing = Passing()

    class Sequences(machine):  # type: ignore[misc]
        """Each begins in the same home: else what one did would decide what the next may do."""

        def setup(self) -> None:
            self.home = ExitStack()
            passing.app = self.home.enter_context(served())

        def teardown(self) -> None:
            self.home.close()

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"headers": HEADERS, "app": passing}

    Sequences.run(settings=settings(UNHURRIED, stateful_step_count=6))
