"""The `cagette` command."""

import sys

import typer
from pydantic import ValidationError

from deploy.cli.commands import CommandGroup
from deploy.cli.output import refused
from shared.asks.flaws import flaws_of
from shared.eventstore.failures import storage_refusal
from shared.eventstore.mapper import Unreadable
from shared.kernel.errors import NotValid, Refusal

app = typer.Typer(
    name="cagette",
    help="Billing for the Cagette marketplace. Example, to start with: cagette demo",
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)


@app.callback()
def cagette() -> None:
    """Do nothing but lead to the commands."""


class FileRefused(Refusal):
    """A file or folder that cannot be read or written."""

    name = "file-refused"


class LogUnreadable(Refusal):
    """An event that this code cannot read."""

    name = "log-unreadable"


def main() -> None:
    """Run a command; exit code 0 only if all went well."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        refused(refusal, as_json="--json" in sys.argv)
        sys.exit(1)


def _refusal(error: Exception) -> Refusal | None:
    """The refusal that tells people of an error; None for one that is our own fault."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ValidationError):
        return NotValid("A setting (CAGETTE_…) is not valid.", flaws_of(error))
    if isinstance(error, Unreadable):
        return LogUnreadable(f"{error} See `cagette verify`.")
    if isinstance(error, OSError):
        return FileRefused(f"{error.strerror or error}: {error.filename}")
    return storage_refusal(error)


if __name__ == "__main__":
    main()
