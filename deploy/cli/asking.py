"""`cagette payout`, `close` and `remind`: what operations ask on their days."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from deploy.cli import options
from deploy.cli.home import opened
from deploy.cli.output import answered, progress
from shared.kernel.calendar import paris_day
from shared.kernel.errors import NotValid
from shared.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(payout)
    app.command()(close)
    app.command()(remind)


def payout(
    monday: options.Monday,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Settle a Monday: withhold the fees, ask for the transfers. Twice changes nothing.

    Example: cagette payout 2024-10-07
    """
    with opened(Settings()) as home:
        with progress("hearing the news"):
            home.caught_up()
        answer = home.billing_desk.settle(monday, by=by, dry_run=dry_run)
        home.caught_up()
    answered(answer, f"settlement of {monday}", as_json=as_json, dry_run=dry_run)


def close(
    month: options.MonthArgument,
    on: options.On = None,
    despite: Annotated[
        bool, typer.Option("--despite", help="Close although facts are parked; needs --why.")
    ] = False,
    why: Annotated[str | None, typer.Option("--why", help="The reason, remembered.")] = None,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Close a month and issue its documents, dated --on (default: today in Paris).

    Example: cagette close 2024-10 --on 2024-11-01
    """
    if despite != (why is not None):
        raise NotValid("--despite and --why go together: say why parked facts can wait.")
    with opened(Settings()) as home:
        with progress("hearing the news"):
            home.caught_up()
        day = on or paris_day(datetime.now(UTC))
        answer = home.billing_desk.close(month, day, by=by, why=why, dry_run=dry_run)
        home.caught_up()
    answered(answer, f"close of {month}, documents dated {day}", as_json=as_json, dry_run=dry_run)


def remind(
    day: options.Day,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """The daily pass: remind producers of updates due, and say who lapsed.

    Example: cagette remind 2024-10-07
    """
    with opened(Settings()) as home:
        answer = home.training_desk.remind(day, by=by, dry_run=dry_run)
        home.caught_up()
    answered(answer, f"reminders of {day}", as_json=as_json, dry_run=dry_run)
