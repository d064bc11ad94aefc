"""Route × key × object, from the OpenAPI document: a route without a row here fails."""

import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from fastapi import APIRouter
from httpx2 import Response
from starlette.testclient import TestClient

from deploy.cli.web import web_app
from deploy.cli.web_of_training import training_app
from services.billing.views.fees import FEES
from shared.kernel.errors import NotFound
from shared.settings import Settings
from shared.web.app import create_app
from shared.web.callers import EVERYTHING, Scope
from shared.web.guarded import Guarded, Operating, Reading, ReadingAll
from shared.web.keyring import Keyring
from shared.web.limits import Limits
from tests.support import notices
from tests.support.world import World, world

OWN_KEY = "the-deployment-s-own-key"
SESSION = "/v1/training-sessions/INT-1"
ENROLMENT = f"{SESSION}/enrolments/2045"
PREVIEW = {"payment_mode": "ONLINE", "amount_cents": 100, "on": "2024-10-04"}


class Call(NamedTuple):
    """A path, in which `{own_fee}` and the like are filled in, and a body."""

    path: str
    body: dict[str, Any] | None = None


class Row(NamedTuple):
    """What a route needs (None: no key at all), and calls of it.

    `own` is about an object of producer 2045, `other` about one of producer 7, `nobody` about one
    that does not exist. A route without `other` is about all producers, or tells.
    """

    needs: Scope | None
    own: Call
    other: Call | None = None
    nobody: Call | None = None


def told(path: str) -> Row:
    """The row of a notice; an empty body will do to see who may tell it."""
    return Row(Scope.TELL, Call(path, {}))


def of_all(path: str, body: dict[str, Any] | None = None) -> Row:
    """The row of a route that shows objects of all producers."""
    return Row(Scope.READ, Call(path, body))


def of_one(path: str, *ids: str) -> Row:
    """The row of a route that shows one producer's object: 2045's own, another's, nobody's."""
    own, other, nobody = (Call(path.replace("{}", id_)) for id_ in ids)
    return Row(Scope.READ, own, other, nobody)


SESSIONS: dict[tuple[str, str], Row] = {
    ("PUT", "/v1/training-sessions/{session_id}"): told(SESSION),
    ("PUT", "/v1/training-sessions/{session_id}/enrolments/{producer_id}"): told(ENROLMENT),
    ("POST", "/v1/training-sessions/{session_id}/enrolments/{producer_id}/completion"): told(
        f"{ENROLMENT}/completion"
    ),
    ("POST", "/v1/training-sessions/{session_id}/enrolments/{producer_id}/cancellation"): told(
        f"{ENROLMENT}/cancellation"
    ),
    ("GET", "/v1/training-sessions"): of_all("/v1/training-sessions"),
    ("GET", "/v1/training-sessions/{session_id}"): of_all(SESSION),
    ("GET", "/v1/producers/{producer_id}/trainings"): of_one(
        "/v1/producers/{}/trainings", "2045", "7", "9999"
    ),
    ("GET", "/v1/training-due"): of_all("/v1/training-due"),
    ("GET", "/v1/training-fundings"): of_all("/v1/training-fundings"),
    ("GET", "/v1/bpf"): of_all("/v1/bpf"),
    ("GET", "/v1/held"): of_all("/v1/held"),
    ("GET", "/livez"): Row(None, Call("/livez")),
}
ROWS: dict[tuple[str, str], Row] = {
    **SESSIONS,
    ("PUT", "/v1/producers/{producer_id}"): told("/v1/producers/2045"),
    ("PUT", "/v1/markets/{market_id}"): told("/v1/markets/1606"),
    ("PUT", "/v1/distributions/{distribution_id}"): told("/v1/distributions/D1"),
    ("POST", "/v1/distributions/{distribution_id}/unvalidation"): told(
        "/v1/distributions/D1/unvalidation"
    ),
    ("POST", "/v1/imports"): Row(Scope.TELL, Call("/v1/imports")),
    ("GET", "/v1/producers/{producer_id}/standing"): of_one(
        "/v1/producers/{}/standing", "2045", "7", "9999"
    ),
    ("GET", "/v1/producers/{producer_id}/accounting"): of_one(
        "/v1/producers/{}/accounting", "2045", "7", "9999"
    ),
    ("GET", "/v1/distributions/{distribution_id}/billing"): of_one(
        "/v1/distributions/{}/billing", "D1", "D2", "D9999"
    ),
    ("GET", "/v1/fees/{fee_id}/explanation"): of_one(
        "/v1/fees/{}/explanation", "{own_fee}", "{other_fee}", "fee9999"
    ),
    ("POST", "/v1/fee-previews"): Row(
        Scope.READ,
        *(Call("/v1/fee-previews", {"producer_id": id_, **PREVIEW}) for id_ in ("2045", "7")),
    ),
    ("GET", "/v1/producers"): of_all("/v1/producers"),
    ("GET", "/v1/markets"): of_all("/v1/markets"),
    ("GET", "/v1/distributions"): of_all("/v1/distributions"),
    ("GET", "/v1/events"): of_all("/v1/events"),
    ("POST", "/v1/reconciliations"): of_all(
        "/v1/reconciliations", {"day": "2024-10-04", "rows": []}
    ),
}
"""Every route of the gateway's door. D1 is sold by 2045 and 7, D2 by 7 alone."""


class Keys:
    """A world with things to see, and a key of each sort."""

    def __init__(self, cagette: World) -> None:
        self.world = cagette
        cagette.told(notices.producer(), notices.producer("7"), notices.market())
        cagette.told(notices.session(), notices.distribution("D1", {"2045": 9_000, "7": 500}))
        cagette.told(*[notices.enrolment("2024-10-20", producer_id=p) for p in ("2045", "7")])
        cagette.told(notices.distribution("D2", {"7": 5_000}))
        self.things = {
            f"{whose}_fee": next(
                fee["fee_id"] for fee in cagette.rows(FEES) if fee["producer_id"] == producer
            )
            for whose, producer in (("own", "2045"), ("other", "7"))
        }
        self.revoked = self.of("revoked", *EVERYTHING)
        cagette.home.keys.revoke(self.revoked.split("_")[1], by="test", why="to see it refused")
        self.all = self.of("all", *EVERYTHING)
        self.only = {scope: self.of(scope, scope) for scope in Scope}
        self.without = {scope: self.of(f"not-{scope}", *EVERYTHING - {scope}) for scope in Scope}
        self.of_2045 = self.of("shop", Scope.READ, producer="2045")

    def of(self, holder: str, *scopes: Scope, producer: str | None = None) -> str:
        """A new key."""
        return self.world.home.keys.add(holder, scopes, by="test", producer_id=producer)[1]

    def call(self, http: TestClient, method: str, call: Call, key: str | None) -> Response:
        """A call with a key, or with none."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        path = call.path.format(**self.things)
        return http.request(method, path, json=call.body, headers=headers)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    with world(tmp_path_factory.mktemp("authorization") / "home") as fresh:
        yield Keys(fresh)


@pytest.fixture(scope="module")
def http(keys: Keys) -> TestClient:
    """The gateway's door."""
    home = keys.world.home
    return TestClient(web_app(home, Settings(home=home.folder), OWN_KEY, threading.Event()))


def document(http: TestClient) -> dict[tuple[str, str], list[str]]:
    """The routes of an app and the scopes they ask for, by its OpenAPI document."""
    found = {}
    for path, methods in http.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            asked = [scope for each in operation.get("security", []) for scope in each["key"]]
            found[method.upper(), path] = asked
    return found


def name(response: Response) -> str:
    """Status and name of a problem; the status alone of anything else."""
    if response.headers.get("Content-Type") != "application/problem+json":
        return str(response.status_code)
    return f"{response.status_code} {response.json()['type'].rpartition(':')[2]}"


def breaches(keys: Keys, http: TestClient, method: str, row: Row) -> list[str]:
    """The keys that a route treats otherwise than its row says."""
    if row.needs is None:
        return [] if keys.call(http, method, row.own, None).is_success else ["it is not open"]
    expected: dict[str, dict[str, str | None]] = {
        "401 unauthorized": {
            "no key": None,
            "a key never given out": f"ck_{'0' * 12}_{'0' * 48}",
            "another secret": f"{keys.all[:-1]}{'0' if keys.all[-1] != '0' else '1'}",
            "a revoked key": keys.revoked,
        },
        "403 scope-missing": {"a key without the scope": keys.without[row.needs]},
    }
    found = [
        f"{who}: {got}"
        for wanted, callers in expected.items()
        for who, key in callers.items()
        if (got := name(keys.call(http, method, row.own, key))) != wanted
    ]
    for key in (keys.only[row.needs], keys.all, OWN_KEY):
        got = name(keys.call(http, method, row.own, key))
        if got.startswith(("401", "403", "404", "405")):
            found.append(f"a key with the scope: {got}")
    return found + list(_breaches_of_one(keys, http, method, row))


def _breaches_of_one(keys: Keys, http: TestClient, method: str, row: Row) -> Iterator[str]:
    """What the key of one producer may do but should not, or should but may not."""
    own = keys.call(http, method, row.own, keys.of_2045)
    if row.needs is not Scope.READ:
        if name(own) != "403 scope-missing":
            yield f"a producer's key may {row.needs}: {name(own)}"
        return
    if row.other is None:
        nowhere = keys.call(http, method, Call("/v1/nowhere"), keys.of_2045)
        if _told_apart(own, row.own, nowhere, Call("/v1/nowhere")):
            yield f"a producer's key sees what is of all: {own.text[:80]}"
        return
    if not own.is_success:
        yield f"a producer may not see his own: {name(own)}"
    if '"7"' in own.text:
        yield "a producer sees another one beside himself"
    other = keys.call(http, method, row.other, keys.of_2045)
    if name(other) != "404 not-found":
        yield f"a producer sees another's: {name(other)}"
    if not keys.call(http, method, row.other, keys.all).is_success:
        yield "there is nothing of another to see"
    if row.nobody:
        nobody = keys.call(http, method, row.nobody, keys.of_2045)
        calls = (Call(c.path.format(**keys.things)) for c in (row.other, row.nobody))
        if _told_apart(other, next(calls), nobody, next(calls)):
            yield f"another's is told from nobody's: {other.text} {nobody.text}"


def _told_apart(one: Response, call: Call, other: Response, other_call: Call) -> bool:
    """Whether two answers differ in more than the path or id that was asked about."""
    return _blurred(one, call) != _blurred(other, other_call)


def _blurred(response: Response, call: Call) -> tuple[int, str, list[str]]:
    text = response.text.replace(call.path, "…")
    for word in call.path.split("/")[3:]:
        text = text.replace(word, "…")
    headers = [n for n in response.headers if n not in ("date", "content-length")]
    return response.status_code, text, sorted(headers)


def undecided(
    asked: dict[tuple[str, str], list[str]], rows: dict[tuple[str, str], Row]
) -> list[str]:
    """Routes without a row, rows without a route, and routes that ask for another scope."""
    found = [f"{method} {path} has no row" for method, path in asked.keys() - rows.keys()]
    found += [f"{method} {path} is no route" for method, path in rows.keys() - asked.keys()]
    for route in asked.keys() & rows.keys():
        wanted = [rows[route].needs] if rows[route].needs else []
        if asked[route] != wanted:
            found.append(f"{' '.join(route)} asks for {asked[route]}, not {wanted}")
    return found


def test_every_route_of_the_gateway_has_its_row_and_asks_for_the_scope_in_it(
    http: TestClient,
) -> None:
    assert undecided(document(http), ROWS) == []


@pytest.mark.parametrize("route", ROWS, ids=" ".join)
def test_a_route_lets_in_whom_its_row_says_and_nobody_else(
    keys: Keys, http: TestClient, route: tuple[str, str]
) -> None:
    assert breaches(keys, http, route[0], ROWS[route]) == []


def test_training_takes_the_deployment_s_own_key_and_no_other(keys: Keys) -> None:
    home = keys.world.home
    http = TestClient(training_app(home, Settings(home=home.folder), OWN_KEY))
    assert undecided(document(http), SESSIONS) == []
    for (method, _), row in SESSIONS.items():
        if row.needs:
            for key in (None, "x", keys.all, keys.revoked, keys.only[row.needs]):
                assert name(keys.call(http, method, row.own, key)) == "401 unauthorized"
            assert name(keys.call(http, method, row.own, OWN_KEY)) in ("200", "422 not-valid")


def planted(keys: Keys) -> TestClient:
    """An app with three routes that keep to their rows, and three that do not."""
    router = APIRouter(prefix="/v1", route_class=Guarded)

    @router.get("/kept/{producer_id}")
    def kept(caller: Reading, producer_id: str) -> str:
        caller.must_see(producer_id, "producer", producer_id)
        return "a secret"

    @router.get("/leaking/{producer_id}")
    def leaking(caller: Reading, producer_id: str) -> str:
        return "a secret"

    @router.get("/telling/{producer_id}")
    def telling(caller: Reading, producer_id: str) -> str:
        if producer_id == "7" and not caller.may_see(producer_id):
            raise NotFound("This is another's.")
        caller.must_see(producer_id, "producer", producer_id)
        return "a secret"

    @router.get("/all")
    def of_everybody(caller: Reading) -> str:
        return "a secret"

    @router.get("/all-kept")
    def of_everybody_kept(_: ReadingAll) -> str:
        return "a secret"

    @router.post("/operated")
    def operated(_: Operating) -> str:
        return "done"

    keyring = Keyring(OWN_KEY, keys.world.home.keys)
    return TestClient(create_app("planted", [router], keys=keyring, limits=Limits(1_000)))


PLANTED = {
    ("GET", "/v1/kept/{producer_id}"): (of_one("/v1/kept/{}", "2045", "7", "9999"), ""),
    ("GET", "/v1/leaking/{producer_id}"): (
        of_one("/v1/leaking/{}", "2045", "7", "x"),
        "sees another",
    ),
    ("GET", "/v1/telling/{producer_id}"): (
        of_one("/v1/telling/{}", "2045", "7", "9999"),
        "is told from",
    ),
    ("GET", "/v1/all"): (of_all("/v1/all"), "sees what is of all"),
    ("GET", "/v1/all-kept"): (of_all("/v1/all-kept"), ""),
    ("POST", "/v1/operated"): (Row(Scope.OPERATE, Call("/v1/operated")), ""),
}


@pytest.mark.parametrize(("route", "row", "said"), [(r, *x) for r, x in PLANTED.items()], ids=str)
def test_a_route_that_shows_too_much_is_noticed_and_one_that_keeps_to_its_row_passes(
    keys: Keys, route: tuple[str, str], row: Row, said: str
) -> None:
    found = breaches(keys, planted(keys), route[0], row)
    assert said in " ".join(found)
    assert bool(found) == bool(said)


def test_a_route_without_a_row_and_one_with_another_scope_are_noticed(keys: Keys) -> None:
    asked = document(planted(keys))
    assert "GET /v1/telling/{producer_id} has no row" in undecided(asked, {})
    rows = {("GET", "/v1/all"): told("/v1/all"), ("GET", "/v1/gone"): of_all("/v1/gone")}
    found = undecided(asked, rows)
    assert "GET /v1/gone is no route" in found
    assert any(each.startswith("GET /v1/all asks for") for each in found)


def test_an_app_with_a_route_that_asks_for_no_scope_does_not_start() -> None:
    plain, silent = APIRouter(prefix="/v1"), APIRouter(prefix="/v1", route_class=Guarded)

    @plain.get("/plain")
    def open_to_all(_: Reading) -> str:
        return "a secret"

    @silent.get("/silent")
    def says_nothing() -> str:
        return "a secret"

    for router in (plain, silent):
        with pytest.raises(TypeError, match="is open to everybody"):
            create_app("planted", [router], keys=Keyring(OWN_KEY), limits=Limits(1_000))
