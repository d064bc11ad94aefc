"""`cagette parked`: facts that a house could not take, and what waits behind them."""

import typer

from deploy.cli import options
from deploy.cli.home import opened
from deploy.cli.output import answered, shown, table
from shared.kernel.errors import NotValid
from shared.messaging.parking import parked_facts
from shared.settings import Settings

parked = typer.Typer(help="Facts that billing could not take, and what waits behind them.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(parked, name="parked")


@parked.command("list")
def list_(as_json: options.Json = False) -> None:
    """List what is parked, by speaker and key, in the order in which it was told.

    Example: cagette parked list
    """
    with opened(Settings()) as home:
        found = parked_facts(home.billing.log.begin())
    if as_json:
        shown([vars(fact) for fact in found])
        return
    header = ("speaker/key", "position", "type", "reason", "what is wrong")
    table("parked", header, [tuple(vars(fact).values()) for fact in found])


@parked.command()
def replay(
    key: str,
    why: options.Why = None,
    by: options.By = options.SYSTEM,
    as_json: options.Json = False,
) -> None:
    """Take in again, in order, what is parked of SPEAKER/KEY.

    Example: cagette parked replay gateway/2045 --why "mended by 1.4"
    """
    _release(key, by, why, drop=False, as_json=as_json)


@parked.command()
def drop(
    key: str,
    why: options.Why = None,
    by: options.By = options.SYSTEM,
    as_json: options.Json = False,
) -> None:
    """Let go for ever of what is parked of SPEAKER/KEY.

    Example: cagette parked drop gateway/2045 --why "sent by mistake"
    """
    _release(key, by, why, drop=True, as_json=as_json)


def _release(key: str, by: str, why: str | None, *, drop: bool, as_json: bool) -> None:
    speaker, _, name = key.partition("/")
    if not why:
        raise NotValid("Say --why: it is remembered.")
    with opened(Settings()) as home:
        answer = home.billing_desk.release(speaker, name, by=by, why=why, drop=drop)
        home.caught_up()
    answered(answer, f"{key} {'dropped' if drop else 'taken in'}", as_json=as_json)
