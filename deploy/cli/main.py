"""The `cagette` command."""

import sys

import typer

from deploy.cli import asking, demo, exporting, operating, serving, telling, treaty
from deploy.cli.output import refused
from shared.eventstore.failures import STORAGE_EXCEPTIONS, storage_refusal
from shared.kernel.errors import Refusal

app = typer.Typer(
    name="cagette",
    help="Billing for the Cagette marketplace. Start with: cagette demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
for commands in (demo, serving, telling, asking, exporting, operating, treaty):
    commands.register(app)


def main() -> None:
    """Run a command; exit code 0 only when all went well."""
    try:
        app()
    except Refusal as refusal:
        refused(refusal, as_json="--json" in sys.argv)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except STORAGE_EXCEPTIONS as error:
        failure = storage_refusal(error)
        if failure is None:
            raise
        refused(failure, as_json="--json" in sys.argv)
        sys.exit(1)


if __name__ == "__main__":
    main()
