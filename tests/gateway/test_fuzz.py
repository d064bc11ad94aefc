"""The API fuzzed from its own OpenAPI document: all checks of schemathesis, and whole sequences.

50 cases an operation in `make test`, 1 500 by `make fuzz` (CAGETTE_FUZZ_CASES).
"""

import atexit
import os
import shutil
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import negative_data_rejection

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


def served() -> FastAPI:
    """The gateway's app over a home that knows a little, gone when the process ends."""
    folder, stack = Path(tempfile.mkdtemp(prefix="cagette-fuzz-")), ExitStack()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(stack.close)
    cagette = stack.enter_context(world(folder / "home"))
    cagette.told(notices.producer(), notices.market(), notices.distribution())
    cagette.told(notices.session(), notices.enrolment("2024-08-01"))
    limits = Settings(home=folder / "home", requests_per_second=0)
    return web_app(cagette.home, limits, KEY, threading.Event())


CONFIG = schemathesis.Config.from_dict(
    {"checks": {"positive_data_acceptance": {"expected-statuses": TAKEN}}}
)
API = schemathesis.openapi.from_asgi("/openapi.json", served(), config=CONFIG)


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

    class Sequences(machine):  # type: ignore[misc]
        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"headers": HEADERS}

    Sequences.run(settings=settings(UNHURRIED, stateful_step_count=6))
