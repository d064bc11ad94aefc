"""`cagette payout`, `close` and `remind`: what operations ask for, each on its day."""

from datetime import date

import typer

from deploy.cli import options
from deploy.cli.clock import today
from deploy.cli.home import opened
from deploy.cli.output import answered, progress
from shared.kernel.calendar import months_later
from shared.kernel.errors import NotValid
from shared.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(payout)
    app.command()(close)
    app.command()(remind)


def payout(
    monday: options.Monday,
    despite: options.Despite = False,
    why: options.Why = None,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Settle a Monday: withhold the fees, ask for the transfers. Repeating it changes nothing.

    Example: cagette payout 2024-10-07
    """
    _check(monday, despite, why)
    with opened(Settings()) as home:
        with progress("hearing the news"):
            home.caught_up()
        answer = home.billing_desk.settle(monday, by=by, why=why, dry_run=dry_run)
        home.caught_up()
    answered(answer, f"settlement of {monday}", as_json=as_json, dry_run=dry_run)


def close(
    month: options.MonthArgument,
    on: options.On = None,
    despite: options.Despite = False,
    why: options.Why = None,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Close a month and issue its documents, dated --on (default: today in Paris).

    Example: cagette close 2024-10 --on 2024-11-01
    """
    day = on or today()
    _check(day, despite, why)
    with opened(Settings()) as home:
        with progress("hearing the news"):
            home.caught_up()
        with progress("closing", unit="documents") as bar:
            answer = home.billing_desk.close(
                month, day, by=by, why=why, dry_run=dry_run, advance=bar.advance
            )
        home.caught_up()
    answered(answer, f"close of {month}, documents dated {day}", as_json=as_json, dry_run=dry_run)


def remind(
    day: options.Day,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Run the daily pass: remind producers of updates due, and say who has lapsed.

    Example: cagette remind 2024-10-07
    """
    _check_day(day)
    with opened(Settings()) as home:
        answer = home.training_desk.remind(day, by=by, dry_run=dry_run)
        home.caught_up()
    answered(answer, f"reminders of {day}", as_json=as_json, dry_run=dry_run)


def _check(day: date, despite: bool, why: str | None) -> None:
    """Refuse --why without --despite, or the reverse, and a day that can only be a typing error."""
    if despite != (why is not None):
        raise NotValid("--despite and --why go together: say why parked facts can wait.")
    _check_day(day)


def _check_day(day: date) -> None:
    if day > months_later(today(), 12):
        raise NotValid(f"{day} is more than a year ahead, and could not be undone: check the year.")
