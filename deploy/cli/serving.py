"""`cagette serve` and `work`: the HTTP API, and the houses listening to each other."""

import time
from enum import StrEnum
from typing import Annotated

import typer

from deploy.cli import options
from deploy.cli.hearing import POLL_SECONDS, hear
from deploy.cli.home import opened
from deploy.cli.output import out, shown
from shared.kernel.errors import NotFound
from shared.settings import Settings


class HouseName(StrEnum):
    """The three houses."""

    GATEWAY = "gateway"
    TRAINING = "training"
    BILLING = "billing"


Houses = Annotated[list[HouseName] | None, typer.Argument(help="Default: all of them.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)
    app.command()(work)


def serve(houses: Houses = None, as_json: options.Json = False) -> None:
    """Serve the HTTP API until Ctrl-C; its documentation is at /docs.

    Example: cagette serve gateway
    """
    if houses and HouseName.GATEWAY not in houses:
        raise NotFound("Only the gateway has an HTTP API: cagette serve gateway.")
    from deploy.cli.web import run  # noqa: PLC0415 - half a second that other commands save

    settings = Settings()
    with opened(settings) as home:
        run(home, settings, as_json=as_json)


def work(
    houses: Houses = None,
    once: Annotated[bool, typer.Option("--once", help="Stop when nothing is new.")] = False,
    as_json: options.Json = False,
) -> None:
    """Let the houses hear each other and keep their views, until Ctrl-C.

    Example: cagette work --once
    """
    if houses and HouseName.BILLING not in houses:
        raise NotFound("Only billing hears its neighbours by now: cagette work billing.")
    with opened(Settings()) as home:
        taken_in = sum(home.catch_up())
        if as_json:
            shown({"taken_in": taken_in})
        else:
            out.print(f"{taken_in} facts and events taken in")
        while not once:
            time.sleep(POLL_SECONDS)
            hear(home)
