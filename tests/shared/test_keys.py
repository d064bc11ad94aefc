"""Keys: shown once, kept as a hash, two per holder, checked without asking the database."""

import asyncio
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, create_engine, event

from shared.eventstore.engines import postgres_engine
from shared.eventstore.failures import NotMigrated, StorageAway
from shared.kernel.errors import NotFound, NotValid, Refusal
from shared.web.callers import DEPLOYMENT, Caller, Scope
from shared.web.keyring import AGAIN_SECONDS, FRESH_SECONDS, NOTED_SECONDS, Keyring
from shared.web.keys import KeyStore, TwoKeysAlready
from shared.web.limits import Pace
from shared.web.refusals import TooManyRequests, Unauthorized

OWN = "the-deployment-s-own-key"
BOTH = (Scope.TELL, Scope.READ)


class Clock:
    """A clock that a test sets, in seconds since some moment."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 11, 24, 9, tzinfo=UTC) + timedelta(seconds=self.seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the keys, which can be taken away."""
    (tmp_path / "keys").mkdir()
    return tmp_path / "keys"


@pytest.fixture
def engine(folder: Path) -> Engine:
    return create_engine(f"sqlite:///{folder}/gateway.sqlite", poolclass=NullPool)


@pytest.fixture
def store(engine: Engine, clock: Clock) -> KeyStore:
    fresh = KeyStore(engine, clock.now)
    fresh.migrate()
    return fresh


@pytest.fixture
def ring(store: KeyStore, clock: Clock) -> Iterator[Keyring]:
    fresh = Keyring(OWN, store, clock=clock)
    yield fresh
    fresh.close()


def said(engine: Engine) -> list[str]:
    """The first words of the statements that an engine is given from now on."""
    statements: list[str] = []
    event.listen(
        engine, "before_cursor_execute", lambda *given: statements.append(given[2].split()[0])
    )
    return statements


def caller(ring: Keyring, key: str) -> Caller | type[Refusal]:
    """The caller that a key stands for, or why it is refused."""
    try:
        return asyncio.run(ring.caller(key.encode()))
    except Refusal as refusal:
        return type(refusal)


def added(store: KeyStore, holder: str = "marketplace") -> tuple[str, str]:
    """The id of a new key, and the key."""
    made, key = store.add(holder, BOTH, by="anne")
    return made.key_id, key


def test_a_key_is_a_prefix_an_id_and_a_secret_of_which_only_the_hash_is_kept(
    store: KeyStore, folder: Path
) -> None:
    key_id, key = added(store)
    prefix, named, secret = key.split("_")
    assert (prefix, named) == ("ck", key_id)
    assert re.fullmatch(r"[0-9a-f]{48}", secret)
    kept = b"".join(file.read_bytes() for file in folder.iterdir())
    assert key_id.encode() in kept
    assert hashlib.sha256(secret.encode()).digest() in kept
    assert secret.encode() not in kept


def test_a_list_of_keys_says_who_made_what_for_whom_and_no_secret(
    store: KeyStore, clock: Clock
) -> None:
    store.add("shop", [Scope.READ], by="anne", producer_id="2045")
    clock.seconds = 60
    first, _ = added(store)
    clock.seconds = 120
    second, key = added(store)
    store.revoke(first, by="marc", why="lost")
    found = store.all()
    assert [(k.holder, k.scopes, k.producer_id) for k in found] == [
        ("marketplace", ("tell", "read"), None),
        ("marketplace", ("tell", "read"), None),
        ("shop", ("read",), "2045"),
    ]
    assert [k.key_id for k in found[:2]] == [first, second]
    assert (found[0].made_at, found[0].made_by) == ("2026-11-24T09:01:00+00:00", "anne")
    assert (found[0].revoked_by, found[0].revoked_why) == ("marc", "lost")
    assert (found[0].stands, found[1].stands) == (False, True)
    assert key.split("_")[2] not in repr(found)


def test_a_holder_has_two_keys_that_stand_and_a_third_only_after_one_is_revoked(
    store: KeyStore,
) -> None:
    ids = [added(store)[0] for _ in range(2)]
    with pytest.raises(TwoKeysAlready, match=ids[0]) as refused:
        added(store)
    assert ids[1] in str(refused.value)
    assert store.add("another", BOTH, by="anne")
    assert store.revoke(ids[0], by="anne", why="rotated")
    third, _ = added(store)
    assert {k.key_id for k in store.all() if k.stands and k.holder == "marketplace"} == {
        ids[1],
        third,
    }


def many_at_once(store: KeyStore) -> tuple[int, int]:
    """Eight threads add a key for one holder at once: how many may, how many are refused."""
    together = threading.Barrier(8)
    outcomes: list[str] = []

    def add() -> None:
        together.wait()
        try:
            added(store)
        except TwoKeysAlready:
            outcomes.append("refused")
        else:
            outcomes.append("made")

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes.count("made"), outcomes.count("refused")


def test_of_many_who_add_at_once_two_do(store: KeyStore) -> None:
    assert many_at_once(store) == (2, 6)
    assert len(store.standing()) == 2


def test_on_postgresql_it_is_the_same(database_url: str, clock: Clock) -> None:
    engine = postgres_engine(database_url, "public")
    store = KeyStore(engine, clock.now)
    with pytest.raises(NotMigrated):
        store.check()
    store.migrate()
    store.migrate()
    store.check()
    assert many_at_once(store) == (2, 6)
    first, key = added(store, "another")
    store.used(first)
    assert store.all()[0].last_used_at == "2026-11-24T09:00:00+00:00"
    assert store.opens(key)
    assert store.revoke(first, by="anne", why="rotated")
    assert not store.opens(key)
    engine.dispose()


@pytest.mark.parametrize(
    ("holder", "scopes", "producer_id", "word"),
    [
        ("", BOTH, None, "holder"),
        ("Market Place", BOTH, None, "holder"),
        ("x" * 41, BOTH, None, "holder"),
        ("marketplace\n", BOTH, None, "holder"),
        ("marketplace", (), None, "scope"),
        ("shop", BOTH, "2045", "may only read"),
        ("shop", [Scope.OPERATE], "2045", "may only read"),
        ("shop", [Scope.READ], "a b", "producer"),
    ],
)
def test_a_key_that_no_one_should_have_is_refused_with_a_sentence(
    store: KeyStore, holder: str, scopes: list[Scope], producer_id: str | None, word: str
) -> None:
    with pytest.raises(NotValid, match=word):
        store.add(holder, scopes, by="anne", producer_id=producer_id)
    assert store.all() == []


def test_a_dry_run_says_what_would_be_and_makes_and_revokes_nothing(store: KeyStore) -> None:
    would, key = store.add("marketplace", BOTH, by="anne", dry_run=True)
    assert (would.holder, store.all(), store.opens(key)) == ("marketplace", [], False)
    key_id, key = added(store)
    assert store.revoke(key_id, by="anne", why="rotated", dry_run=True)
    assert store.opens(key)
    added(store)
    with pytest.raises(TwoKeysAlready):
        store.add("marketplace", BOTH, by="anne", dry_run=True)


def test_a_key_is_revoked_once_and_a_key_that_never_was_is_not_found(store: KeyStore) -> None:
    key_id, _ = added(store)
    assert store.revoke(key_id, by="anne", why="lost")
    assert not store.revoke(key_id, by="marc", why="lost again")
    assert store.all()[0].revoked_by == "anne"
    with pytest.raises(NotFound, match="cagette keys list"):
        store.revoke("000000000000", by="anne", why="lost")


def test_a_key_tells_who_calls_and_what_is_remembered_of_it(store: KeyStore, ring: Keyring) -> None:
    key_id, key = added(store)
    expected = Caller("marketplace", frozenset(BOTH), None, key_id, "api:marketplace")
    assert caller(ring, key) == expected
    assert caller(ring, OWN) == DEPLOYMENT


def test_what_is_no_key_opens_nothing(store: KeyStore, ring: Keyring) -> None:
    _, key = added(store)
    prefix, key_id, secret = key.split("_")
    for wrong in (
        "",
        "ck__",
        f"{key}\n",
        f" {key}",
        key.upper(),
        f"{prefix}_{key_id}_{'0' * 48}",
        f"{prefix}_{'0' * 12}_{secret}",
        f"{prefix}_{key_id}_{hashlib.sha256(secret.encode()).hexdigest()}",
        OWN[:-1],
        f"{OWN}x",
    ):
        assert caller(ring, wrong) is Unauthorized, wrong


@pytest.mark.parametrize("own", ["", None])
def test_without_a_key_of_its_own_a_deployment_is_opened_by_no_empty_one(
    store: KeyStore, own: str | None
) -> None:
    for given in ("", "None", "null"):
        assert caller(Keyring(own, store), given) is Unauthorized
        assert caller(Keyring(own), given) is Unauthorized


def test_a_request_costs_the_database_nothing_while_keys_are_fresh(
    store: KeyStore, ring: Keyring, engine: Engine
) -> None:
    _, key = added(store)
    statements = said(engine)
    for _ in range(500):
        assert isinstance(caller(ring, key), Caller)
    ring.close()
    assert statements == ["SELECT", "UPDATE"]


def test_whoever_guesses_keys_gives_the_database_no_work(
    store: KeyStore, ring: Keyring, engine: Engine
) -> None:
    statements = said(engine)
    for guess in range(500):
        assert caller(ring, f"ck_{guess:012x}_{'0' * 48}") is Unauthorized
    assert statements == ["SELECT"]


def test_a_revocation_counts_within_seconds_and_a_new_key_sooner(
    store: KeyStore, ring: Keyring, clock: Clock
) -> None:
    first, key = added(store)
    assert isinstance(caller(ring, key), Caller)
    store.revoke(first, by="anne", why="lost")
    clock.seconds += FRESH_SECONDS + 0.1
    assert caller(ring, key) is Unauthorized
    _, second = added(store)
    clock.seconds += AGAIN_SECONDS + 0.1
    assert isinstance(caller(ring, second), Caller)


def test_last_use_is_written_at_once_and_then_once_a_minute_at_most(
    store: KeyStore, ring: Keyring, clock: Clock, engine: Engine
) -> None:
    _, key = added(store)
    assert store.all()[0].last_used_at is None
    statements = said(engine)
    for _ in range(int(NOTED_SECONDS * 1.5)):
        clock.seconds += 1
        caller(ring, key)
    ring.close()
    assert statements.count("UPDATE") == 2
    written = store.all()[0].last_used_at
    assert written is not None
    assert written > "2026-11-24T09:01:00"


@pytest.fixture
def away(folder: Path) -> Iterator[Callable[[], None]]:
    """Takes the database away."""
    elsewhere = folder.with_name("elsewhere")

    def take() -> None:
        folder.rename(elsewhere)

    yield take
    if elsewhere.exists():
        elsewhere.rename(folder)


def test_where_the_database_is_away_a_key_is_believed_for_seconds_and_then_no_door_opens(
    store: KeyStore, ring: Keyring, clock: Clock, away: Callable[[], None]
) -> None:
    _, key = added(store)
    assert isinstance(caller(ring, key), Caller)
    away()
    assert isinstance(caller(ring, key), Caller)
    clock.seconds += AGAIN_SECONDS + 0.1
    assert caller(ring, f"ck_{'0' * 12}_{'0' * 48}") is StorageAway
    assert isinstance(caller(ring, key), Caller)
    clock.seconds += FRESH_SECONDS
    assert caller(ring, key) is StorageAway
    assert caller(ring, OWN) == DEPLOYMENT


def test_a_database_that_is_away_is_not_asked_by_every_request(
    store: KeyStore, ring: Keyring, engine: Engine, away: Callable[[], None], clock: Clock
) -> None:
    _, key = added(store)
    away()
    tried: list[object] = []

    @event.listens_for(engine, "do_connect")
    def connecting(*given: object) -> None:
        tried.append(given)

    for _ in range(20):
        assert caller(ring, key) is StorageAway
    assert len(tried) == 1
    clock.seconds += AGAIN_SECONDS + 0.1
    assert caller(ring, key) is StorageAway
    assert len(tried) == 2


@pytest.mark.parametrize("per_second", [1, 5, 200])
def test_a_key_may_be_used_at_its_pace_and_twice_that_at_once_after_a_rest(
    clock: Clock, per_second: int
) -> None:
    pace = Pace(per_second, clock)
    assert taken(pace, 1_000) == 2 * per_second
    for _ in range(10):
        clock.seconds += 1
        assert taken(pace, 1_000) == per_second
    clock.seconds += 3_600
    assert taken(pace, 1_000) == 2 * per_second
    assert taken(pace, 1, "another") == 1


def test_who_is_too_fast_is_told_when_to_go_on(clock: Clock) -> None:
    pace = Pace(1, clock)
    taken(pace, 2)
    with pytest.raises(TooManyRequests) as refused:
        pace.take("a")
    assert refused.value.wait_seconds == 1
    clock.seconds += 1
    assert taken(pace, 1) == 1


def test_without_a_pace_as_many_come_as_like(clock: Clock) -> None:
    assert taken(Pace(0, clock), 10_000) == 10_000


def taken(pace: Pace, requests: int, key_id: str = "a") -> int:
    """How many of these requests may pass at one moment."""
    passed = 0
    for _ in range(requests):
        try:
            pace.take(key_id)
        except TooManyRequests:
            break
        passed += 1
    return passed
