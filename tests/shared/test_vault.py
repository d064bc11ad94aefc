"""The vault: one key per person, the same seal each time, and keys destroyed for good."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from shared.eventstore.engines import postgres_engine, sqlite_engine
from shared.kernel.persons import ERASED, FORGOTTEN, Person
from shared.vault.keys import KEYS, SCHEMA, Keys
from shared.vault.seal import SealBroken
from shared.vault.vault import REMEMBERED_SECONDS, Vault, documents_key, producer_key

PERSON = Person("GAEC du Vallon", "83244353700015", street="1 rue du Marché", city="Crest")
OTHER = Person("Ferme de l'Étang")
NAME = producer_key("2045")
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Clock:
    """Seconds that pass when a test says so."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database for keys, each kind in turn."""
    if request.param == "sqlite":
        made = sqlite_engine(tmp_path / "vault.sqlite")
    else:
        made = postgres_engine(request.getfixturevalue("database_url"), SCHEMA)
    yield made
    made.dispose()


@pytest.fixture
def keys(engine: Engine) -> Keys:
    made = Keys(engine)
    assert not made.are_there()
    made.migrate()
    made.migrate()
    assert made.are_there()
    return made


@pytest.fixture
def vault(keys: Keys) -> Vault:
    return Vault(keys)


def destroy(vault: Vault, name: str = NAME) -> bool:
    return vault.destroy(name, by="u:991", why="asked by letter", at=AT)


def test_a_sealed_person_is_opened_again_and_nothing_of_him_can_be_read(vault: Vault) -> None:
    sealed = vault.seal(NAME, PERSON)
    assert re.fullmatch(r"siv1:producer/2045:[A-Za-z0-9_-]+", sealed)
    assert vault.unseal(sealed) == PERSON


def test_the_same_person_under_the_same_key_is_the_same_value_even_years_later(
    keys: Keys,
) -> None:
    first, later = Vault(keys).seal(NAME, PERSON), Vault(keys).seal(NAME, PERSON)
    assert first == later
    assert Vault(keys).seal(NAME, OTHER) != first
    assert Vault(keys).is_same(first, later)
    assert not Vault(keys).is_same(first, Vault(keys).seal(NAME, OTHER))


def test_every_person_has_a_key_of_his_own(vault: Vault) -> None:
    sealed, other = vault.seal(NAME, PERSON), vault.seal(producer_key("7"), PERSON)
    assert sealed.rpartition(":")[2] != other.rpartition(":")[2]
    destroy(vault)
    assert vault.unseal(sealed) is ERASED
    assert vault.unseal(other) == PERSON


def test_a_value_moved_under_another_name_or_changed_is_refused(vault: Vault) -> None:
    sealed, _ = vault.seal(NAME, PERSON), vault.seal(producer_key("7"), PERSON)
    last = sealed[-3]
    changed = f"{sealed[:-3]}{'A' if last != 'A' else 'B'}{sealed[-2:]}"
    strange = [sealed.replace("2045", "7"), changed, sealed[:-20], f"{sealed}:", f"{sealed}AAAA"]
    strange += ["siv2:producer/2045:AAAA", f"siv1:{NAME}:", "GAEC du Vallon", ""]
    for value in strange:
        with pytest.raises(SealBroken) as refusal:
            vault.unseal(value)
        assert "Vallon" not in str(refusal.value)


def test_a_destroyed_key_leaves_who_and_when_and_why_and_is_never_made_again(
    vault: Vault, engine: Engine
) -> None:
    vault.seal(NAME, PERSON)
    assert destroy(vault)
    assert not vault.destroy(NAME, by="u:1", why="again", at=datetime(2027, 1, 1, tzinfo=UTC))
    assert vault.seal(NAME, PERSON) == FORGOTTEN
    assert Vault(vault.keys).seal(NAME, PERSON) == FORGOTTEN
    with engine.begin() as connection:
        (row,) = connection.execute(select(KEYS))
    assert (row.name, row.key, row.destroyed_by, row.why) == (
        NAME, None, "u:991", "asked by letter",
    )  # fmt: skip
    assert row.destroyed_at.date() == AT.date()


def test_who_never_had_a_key_can_be_forgotten_and_will_never_get_one(vault: Vault) -> None:
    assert destroy(vault)
    assert not destroy(vault)
    assert vault.seal(NAME, PERSON) == FORGOTTEN


def test_nothing_of_a_destroyed_key_is_left_in_its_database(engine: Engine, keys: Keys) -> None:
    vault = Vault(keys)
    for number in range(200):
        vault.seal(producer_key(str(number)), PERSON)
    name = producer_key("100")
    key, other = keys.find(name)[1], keys.find(producer_key("101"))[1]
    assert key
    assert other
    assert key in stored(engine)
    vault.destroy(name, by="x", why="y", at=AT)
    assert [n for n in range(57) if key[n : n + 8] in stored(engine)] == []
    assert other in stored(engine)


def stored(engine: Engine) -> bytes:
    """The bytes of the file that holds the table."""
    if engine.dialect.name == "sqlite":
        file = Path(str(engine.url.database))
        assert file.stat().st_mode & 0o777 == 0o600
        return b"".join(found.read_bytes() for found in file.parent.glob("vault.sqlite*"))
    with engine.connect() as connection:
        alone = connection.execution_options(isolation_level="AUTOCOMMIT")
        alone.exec_driver_sql("CHECKPOINT")
        query = "SELECT pg_read_binary_file(pg_relation_filepath('vault.keys'))"
        return bytes(alone.exec_driver_sql(query).scalar_one())


def test_another_process_uses_a_destroyed_key_for_a_minute_at_most(keys: Keys) -> None:
    clock = Clock()
    here, elsewhere = Vault(keys, clock), Vault(keys)
    sealed = here.seal(NAME, PERSON)
    destroy(elsewhere)
    assert elsewhere.unseal(sealed) is ERASED
    clock.seconds = REMEMBERED_SECONDS - 1
    assert here.unseal(sealed) == PERSON
    clock.seconds = REMEMBERED_SECONDS
    assert here.unseal(sealed) is ERASED
    assert here.seal(NAME, PERSON) == FORGOTTEN


def test_a_buyer_sealed_for_his_documents_outlives_his_own_key(vault: Vault) -> None:
    sealed = vault.reseal(vault.seal(NAME, PERSON), documents_key(2024))
    destroy(vault)
    assert vault.unseal(sealed) == PERSON
    destroy(vault, documents_key(2024))
    assert vault.unseal(sealed) is ERASED


def test_who_is_erased_is_sealed_as_forgotten_and_needs_no_key(vault: Vault) -> None:
    assert vault.seal(NAME, ERASED) == FORGOTTEN
    assert vault.reseal(FORGOTTEN, documents_key(2024)) == FORGOTTEN
    assert vault.keys.names() == {}
    assert (ERASED.name, ERASED.is_erased, PERSON.is_erased) == ("effacé", True, False)
    assert ERASED.missing_for_invoice() == ("company_number", "street", "postcode", "city")


def test_a_dry_run_makes_no_key_and_still_compares_persons(vault: Vault) -> None:
    told = vault.seal(NAME, PERSON, dry_run=True)
    assert told.startswith("siv1:")
    assert vault.keys.names() == {}
    assert vault.is_same(told, vault.seal(NAME, PERSON, dry_run=True))
    assert vault.is_same(told, 'plain:{"name":"GAEC du Vallon"}') is False
    sealed = vault.seal(NAME, PERSON)
    assert vault.keys.names() == {NAME: True}
    assert vault.unseal(sealed) == PERSON


def test_what_the_first_version_wrote_in_clear_is_read_and_compared(vault: Vault) -> None:
    in_clear = 'plain:{"name":"Ferme de l\'Étang","company_number":null}'
    assert vault.unseal(in_clear) == OTHER
    assert vault.is_same(in_clear, vault.seal(NAME, OTHER))
    assert not vault.is_same(in_clear, vault.seal(NAME, PERSON))


def test_two_processes_that_seal_for_the_same_new_person_meet_in_one_key(keys: Keys) -> None:
    assert keys.make(NAME) == keys.make(NAME)


def test_a_person_is_not_shown_where_a_value_is_printed() -> None:
    assert "Vallon" not in f"{PERSON} {PERSON!r} {[PERSON]}"
