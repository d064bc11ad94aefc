"""`cagette forget`: a producer's person, erased wherever it was written but on invoices."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import typer

from deploy.cli import options
from deploy.cli.home import Home, opened
from deploy.cli.output import answered, progress
from shared.kernel.answers import Answer, Result
from shared.kernel.errors import NotFound, NotValid
from shared.settings import Settings
from shared.vault.seal import KEY_NAMES
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
    """Forget who a producer is, for ever: his name, address and contacts. Twice changes nothing.

    His sales, fees and issued invoices stay. Refused while anything of his is open. Name nobody
    in --why and --by: they are remembered.

    Example: cagette forget 2045 --why "asked by letter of 2 March" --by u:991
    """
    if not why:
        raise NotValid("Say --why: it is remembered. Name nobody in it.")
    with opened(Settings()) as home:
        with progress("hearing the news"):
            home.caught_up()
        answer = forgotten(home, producer, by=by, why=why, dry_run=dry_run)
    answered(answer, f"forgetting of {producer}", as_json=as_json, dry_run=dry_run)


def forgotten(home: Home, producer_id: str, *, by: str, why: str, dry_run: bool = False) -> Answer:
    """Forget a producer in a home that has heard all; the key goes last, when all have heard that.

    Broken off in between, it is finished by doing it again.
    """
    if not home.gateway_desk.is_forgotten(producer_id):
        home.billing_desk.refuse_unfinished(producer_id)
    answer = home.gateway_desk.forget(producer_id, by=by, why=why, dry_run=dry_run)
    key_name = producer_key(producer_id)
    if dry_run:
        destroyed = home.vault.has_key(key_name)
    else:
        home.caught_up()
        destroyed = home.vault.destroy(key_name, by=by, why=why, at=datetime.now(UTC))
    result = Result.UPDATED if destroyed else answer.result
    return Answer(result, warnings=answer.warnings, figures={"keys_destroyed": int(destroyed)})


def unsound_keys(home: Home) -> Iterator[str]:
    """A sentence for every key that should be there and is not, or is there and should not be."""
    known = home.vault.keys.names()
    used = {name.decode() for house in home.houses for name in house.log.matches(KEY_NAMES)}
    for name in sorted(used - known.keys()):
        yield f"vault: persons are sealed under {name}, a key that it never had"
    for name in sorted(name for name, has_key in known.items() if has_key):
        producer_id = producer_of(name)
        with suppress(NotFound):
            if producer_id and home.gateway_desk.is_forgotten(producer_id):
                yield f"vault: {producer_id} was forgotten, his key is there: forget him again"
