"""`cagette forget`: a producer's person, erased everywhere but on issued invoices."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import typer

from deploy.cli import options
from deploy.cli.home import Home, opened
from deploy.cli.output import answered, progress
from shared.kernel.answers import Answer, Result
from shared.kernel.errors import NotFound
from shared.settings import Settings
from shared.vault.seal import IN_JSON, SealBroken, taken_apart
from shared.vault.vault import producer_key, producer_of


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(forget)


def forget(
    producer: options.Producer,
    why: options.Why = None,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Forget who a producer is, for ever: name, address, contacts. Repeating it changes nothing.

    Sales, fees and issued invoices stay. Refused while anything of the producer's is open. Name
    nobody in --why and --by: they are remembered.

    Example: cagette forget 2045 --why "asked by letter of 2 March" --by u:991
    """
    reason = options.said(why, " Name nobody in it.")
    with opened(Settings()) as home:
        with progress("hearing the news"):
            home.caught_up()
        answer = forgotten(home, producer, by=by, why=reason, dry_run=dry_run)
    answered(answer, f"forgetting of {producer}", as_json=as_json, dry_run=dry_run)


def forgotten(home: Home, producer_id: str, *, by: str, why: str, dry_run: bool = False) -> Answer:
    """Forget a producer in a home that is caught up; the key goes last, once all have heard it.

    If interrupted, doing it again completes it.
    """
    if not home.gateway_desk.is_forgotten(producer_id):
        home.billing_desk.refuse_unfinished(producer_id)
    answer = home.gateway_desk.forget(producer_id, by=by, why=why, dry_run=dry_run)
    key_name = producer_key(producer_id)
    had_key = home.vault.has_key(key_name)
    if not dry_run:
        home.caught_up()
        home.vault.destroy(key_name, by=by, why=why, at=datetime.now(UTC))
    result = Result.UPDATED if had_key else answer.result
    return Answer(result, warnings=answer.warnings, figures={"keys_destroyed": int(had_key)})


def unsound_keys(home: Home) -> Iterator[str]:
    """A sentence for every key that does not open what it should, or that should be gone."""
    yield from _unopened(home)
    for name in sorted(name for name, has_key in home.vault.keys.names().items() if has_key):
        producer_id = producer_of(name)
        with suppress(NotFound):
            if producer_id and home.gateway_desk.is_forgotten(producer_id):
                yield (
                    f"vault: {producer_id} was forgotten, but the key still exists: "
                    "forget this producer again"
                )


def _unopened(home: Home) -> Iterator[str]:
    known = home.vault.keys.names()
    values = {value.decode() for house in home.houses for value in house.log.matches(IN_JSON)}
    found = set()
    for value in values:
        try:
            name = taken_apart(value).key_name
            home.vault.unseal(value)
        except SealBroken as refusal:
            found.add(refusal.sentence)
        else:
            if name not in known:
                found.add(f"Persons are sealed under {name}, a key that never existed.")
    for sentence in sorted(found):
        yield f"vault: {sentence}"
