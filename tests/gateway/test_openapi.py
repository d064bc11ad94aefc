"""The API's document: every body has an example, and every example was a call that was made.

`python -m tests.gateway.test_openapi` makes the calls again and writes them down.
"""

import json
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from services.gateway.api import reads
from tests.support import notices
from tests.support.notices import Notice
from tests.support.world import World, web_client, world

FILE = Path(reads.__file__).parent / "examples.json"
FLEETING = re.compile(r"siv1:[^\"]+|20\d\d-\d\d-\d\dT[0-9:.]+(Z|[+]00:00)")
SESSION = "/training-sessions/{session_id}"
ENROLMENT = f"{SESSION}/enrolments/{{producer_id}}"


class Call(NamedTuple):
    """A call, as the document names it and as it is made."""

    method: str
    template: str
    path: str
    body: dict[str, Any] | None = None


def told(template: str, path: str, notice: Notice, method: str = "PUT") -> Call:
    """A notice."""
    return Call(method, template, path, notice["body"])


def read(template: str, path: str | None = None) -> Call:
    """A read."""
    return Call("GET", template, path or template)


PRODUCER, MARKET = "/producers/{producer_id}", "/markets/{market_id}"
DISTRIBUTION = "/distributions/{distribution_id}"
IN_SESSION = "/training-sessions/UPD-2024-11"
OF_2045 = f"{IN_SESSION}/enrolments/2045"
D1 = notices.distribution("48211", sales={"2045": 1_484})
UNVALIDATION = notices.unvalidation("48211", 1)
PLAN = notices.session("UPD-2024-11", "UPDATE")
COMPLETION, CANCELLATION = notices.completion("2024-12-13"), notices.cancellation("2024-11-20")
FIRST: list[Call] = [
    told(DISTRIBUTION, "/distributions/48211", D1),
    told(f"{DISTRIBUTION}/unvalidation", "/distributions/48212/unvalidation", UNVALIDATION, "POST"),
    told(ENROLMENT, OF_2045, notices.enrolment("2024-10-20")),
    told(f"{ENROLMENT}/completion", f"{IN_SESSION}/enrolments/7/completion", COMPLETION, "POST"),
    told(f"{ENROLMENT}/cancellation", f"{OF_2045}/cancellation", CANCELLATION, "POST"),
    read("/held"),
    told(PRODUCER, "/producers/2045", notices.producer()),
    told(PRODUCER, "/producers/2045", notices.producer()),
    told(MARKET, "/markets/1606", notices.market()),
    told(MARKET, "/markets/1606", notices.market()),
    told(SESSION, IN_SESSION, PLAN),
    told(SESSION, IN_SESSION, PLAN),
    told(ENROLMENT, f"{IN_SESSION}/enrolments/7", notices.enrolment("2024-10-20")),
    told(ENROLMENT, OF_2045, notices.enrolment("2024-10-20")),
    told(f"{ENROLMENT}/completion", f"{OF_2045}/completion", COMPLETION, "POST"),
    told(f"{ENROLMENT}/completion", f"{OF_2045}/completion", COMPLETION, "POST"),
    told(
        f"{ENROLMENT}/cancellation", f"{IN_SESSION}/enrolments/7/cancellation", CANCELLATION, "POST"
    ),
    told(f"{ENROLMENT}/cancellation", f"{OF_2045}/cancellation", CANCELLATION, "POST"),
    told(DISTRIBUTION, "/distributions/48211", D1),
    told(DISTRIBUTION, "/distributions/48213", notices.distribution(sales={"2045": 2_500})),
    told(f"{DISTRIBUTION}/unvalidation", "/distributions/48213/unvalidation", UNVALIDATION, "POST"),
    told(f"{DISTRIBUTION}/unvalidation", "/distributions/48213/unvalidation", UNVALIDATION, "POST"),
]
PREVIEW = {"producer_id": "2045", "payment_mode": "ONLINE", "amount_cents": 4_000}
COUNTED = [{"producer_id": "2045", "lines": 1, "sales_cents": 1_500}]
THEN: list[Call] = [
    read(f"{PRODUCER}/standing", "/producers/2045/standing?on=2024-10-04"),
    read(f"{PRODUCER}/accounting", "/producers/2045/accounting"),
    read(f"{DISTRIBUTION}/billing", "/distributions/48211/billing"),
    read("/fees/{fee_id}/explanation", "/fees/2045:48211:SERVICE:1/explanation"),
    Call("POST", "/fee-previews", "/fee-previews", {**PREVIEW, "on": "2024-10-04"}),
    read("/producers"),
    read("/markets"),
    read("/distributions"),
    read("/events", "/events?limit=2"),
    Call("POST", "/reconciliations", "/reconciliations", {"day": "2024-10-04", "rows": COUNTED}),
    read("/training-sessions"),
    read(SESSION, IN_SESSION),
    read(f"{PRODUCER}/trainings", "/producers/2045/trainings"),
    read("/training-due", "/training-due?on=2027-01-01"),
    read("/training-fundings", "/training-fundings?year=2024"),
    read("/bpf", "/bpf?year=2024"),
]


def made(cagette: World) -> dict[str, dict[str, Any]]:
    """Make the calls: the first request of each operation, and its first answer of each status."""
    client = web_client(cagette)
    found: dict[str, dict[str, Any]] = {"GET /livez": {"200": {"status": "alive"}}}

    def call(one: Call) -> None:
        answer = client.request(one.method, one.path, json=one.body)
        assert answer.is_success, (one, answer.text)
        operation = found.setdefault(f"{one.method} /v1{one.template}", {})
        if one.body:
            operation.setdefault("request", one.body)
        operation.setdefault(str(answer.status_code), answer.json())
        cagette.home.caught_up()

    for one in FIRST:
        call(one)
    cagette.payout("2024-10-07")
    cagette.close("2024-10")
    cagette.home.caught_up()
    for one in THEN:
        call(one)
    text = found["GET /v1/fees/{fee_id}/explanation"]["200"]["text"]
    found["GET /v1/fees/{fee_id}/explanation"]["200 text/plain"] = text
    line = json.dumps(notices.market("1607"), ensure_ascii=False) + "\n"
    found["POST /v1/imports"] = {"request": line}
    return found


def timeless(examples: Any) -> str:
    """Examples as text, without instants and without what only one vault can open."""
    return FLEETING.sub("…", json.dumps(examples, ensure_ascii=False, sort_keys=True))


def test_every_example_of_the_document_is_a_call_that_was_made(cagette: World) -> None:
    written = json.loads(FILE.read_text("utf-8"))
    assert timeless(written) == timeless(made(cagette)), "run python -m tests.gateway.test_openapi"


def test_every_body_of_the_document_has_an_example_that_fits_its_schema(cagette: World) -> None:
    document = web_client(cagette).get("http://testserver/openapi.json").json()
    bodies = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = {s: a for s, a in operation["responses"].items() if s[0] == "2"}
            for name, body in {"request": operation.get("requestBody", {}), **answers}.items():
                for kind, content in body.get("content", {}).items():
                    where = f"{method} {path} {name} {kind}"
                    assert "example" in content, where
                    schema = {**content.get("schema", {}), "components": document["components"]}
                    Draft202012Validator(schema).validate(content["example"])
                    bodies += 1
    assert bodies > 50


def test_the_document_is_openapi_3_1(cagette: World) -> None:
    document = web_client(cagette).get("http://testserver/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    validate(document)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, world(Path(folder) / "home") as fresh:
        text = json.dumps(made(fresh), ensure_ascii=False, indent=1)
    FILE.write_text(text + "\n", "utf-8")
