"""Options that many commands share, each defined once."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from shared.kernel.calendar import Month, first_day
from shared.kernel.errors import NotValid


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as reason:
        raise NotValid(f"{text!r} is not a day: write it as 2024-10-07.") from reason


def _month(text: str) -> Month:
    try:
        first_day(text)
    except ValueError as reason:
        raise NotValid(f"{text!r} is not a month: write it as 2024-10.") from reason
    return text


Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")]
By = Annotated[str, typer.Option("--by", help="Who asks; it is remembered.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write to this file instead.")]
On = Annotated[date | None, typer.Option("--on", parser=_day, metavar="DAY", help="A day.")]
Producer = Annotated[str, typer.Argument(metavar="PRODUCER", help="The producer's id, like 2045.")]
Monday = Annotated[date, typer.Argument(parser=_day, metavar="MONDAY", help="Like 2024-10-07.")]
Day = Annotated[date, typer.Argument(parser=_day, metavar="DAY", help="Like 2024-10-07.")]
MonthArgument = Annotated[str, typer.Argument(parser=_month, metavar="MONTH", help="Like 2024-10.")]

Despite = Annotated[
    bool, typer.Option("--despite", help="Go on although facts are parked; needs --why.")
]
Why = Annotated[str | None, typer.Option("--why", help="The reason; it is remembered.")]


def said(why: str | None, more: str = "") -> str:
    """The reason given, which will be remembered; raises NotValid if there is none."""
    if why is None or not why.strip():
        raise NotValid(f"Say --why: it is remembered.{more}")
    return why


SYSTEM = "system"
"""Who asks, if nobody says."""
