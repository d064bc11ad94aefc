"""The API fuzzed from its own OpenAPI document: all checks of schemathesis, and whole sequences.

50 cases per operation in `make test`, 1 500 by `make fuzz` (CAGETTE_FUZZ_CASES).
"""

import itertools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis import BaseSchema, Case
from schemathesis.specs.openapi.checks import negative_data_rejection
from starlette.types import Receive, Scope, Send

from deploy.cli.web import web_app
from shared.settings import Settings
from tests.support import notices
from tests.support.world import KEY, world

CASES = int(os.environ.get("CAGETTE_FUZZ_CASES", "50"))
TAKEN = ["2xx", "401", "403", "404", "409", "422"]
"""422 too, for what is in shape and means nothing; see our own check."""
JUDGED_BY_LINE: list[Any] = [negative_data_rejection]
"""A file is always taken: its bad lines are refused in the answer, each by itself."""
HEADERS = {"Authorization": f"Bearer {KEY}"}
UNHURRIED = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
GATEWAY = schemathesis.pytest.from_fixture("api")
TOLD = r"^/v1/(producers|markets|distributions|training)"

Served = Callable[[], AbstractContextManager[FastAPI]]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """The gateway's app, each time over a fresh home that knows a little."""
    folder = tmp_path_factory.mktemp("fuzzed")
    with world(folder / "first") as knowing:
        knowing.told(notices.producer(), notices.market(), notices.distribution())
        knowing.told(notices.session(), notices.enrolment("2024-08-01"))
    homes = itertools.count()

    @contextmanager
    def over_a_copy() -> Iterator[FastAPI]:
        home = folder / str(next(homes))
        shutil.copytree(folder / "first", home)
        with world(home) as cagette:
            limits = Settings(home=home, requests_per_second=0)
            yield web_app(cagette.home, limits, KEY, threading.Event())
        shutil.rmtree(home)

    return over_a_copy


@pytest.fixture(autouse=True)
def _named(request: pytest.FixtureRequest) -> None:
    """Schemathesis 4.32.5 reads an attribute that the nodes of pytest 9.2 no longer have."""
    request.node._nodeid = request.node.nodeid


@pytest.fixture(scope="session")
def api(served: Served) -> Iterator[BaseSchema]:
    """The document, as the app serves it."""
    with served() as app:
        yield schemathesis.openapi.from_asgi("/openapi.json", app, config=CONFIG)


CONFIG = schemathesis.Config.from_dict(
    {
        "checks": {"positive_data_acceptance": {"expected-statuses": TAKEN}},
        # Pauses for garbage collection grow with all that hypothesis keeps of 1 500 cases: with
        # other work on the machine, a call took longer than the usual 10 seconds.
        "request-timeout": 60,
        # Each call is sent with the key, whatever was generated: if a case lacked it, the check
        # took that for the fault to be refused. `ignored_auth` calls without it.
        "generation": {"with-security-parameters": False},
    }
)


class Passing:
    """One app for all sequences, over the home of each: schemathesis keeps the app it started."""

    def __init__(self, app: FastAPI) -> None:
        self.first = self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.first if scope["type"] == "lifespan" else self.app
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


def fuzzed(operations: Any) -> Any:
    """A test of some operations, each of which does as the document says."""

    def test(case: Case[Any]) -> None:
        is_file = case.operation.path == "/v1/imports"
        case.call_and_validate(headers=HEADERS, excluded_checks=JUDGED_BY_LINE if is_file else None)

    return operations.parametrize()(UNHURRIED(test))


test_reads = fuzzed(GATEWAY.include(method="GET"))
test_producers = fuzzed(GATEWAY.include(path_regex="^/v1/producers/").exclude(method="GET"))
test_markets = fuzzed(GATEWAY.include(path_regex="^/v1/markets/").exclude(method="GET"))
test_distributions = fuzzed(GATEWAY.include(path_regex="^/v1/distributions/").exclude(method="GET"))
test_trainings = fuzzed(GATEWAY.include(path_regex="^/v1/training").exclude(method="GET"))
test_all_else = fuzzed(GATEWAY.exclude(path_regex=TOLD).exclude(method="GET"))


def test_sequences_of_calls_do_as_the_document_says(api: BaseSchema, served: Served) -> None:
    machine: Any = api.as_state_machine()
    passing = Passing(api.app)

    class Sequences(machine):  # type: ignore[misc]
        """Each begins in the same home, or what one did would decide what the next may do."""

        def setup(self) -> None:
            self.home = ExitStack()
            passing.app = self.home.enter_context(served())

        def teardown(self) -> None:
            self.home.close()

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"headers": HEADERS, "app": passing}

    Sequences.run(settings=settings(UNHURRIED, stateful_step_count=6))
