"""`cagette serve` and `work`: the HTTP API, and the houses listening to each other."""

import threading
from contextlib import AbstractContextManager, nullcontext, suppress
from enum import StrEnum
from typing import Annotated

import typer

from deploy.cli import options
from deploy.cli.hearing import keep_working, stop_on_sigterm
from deploy.cli.home import Home, opened
from deploy.cli.houses import HOUSES
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

    In a deployment each house is served by itself: gateway for the marketplace, training for the
    gateway.

    Example: cagette serve gateway
    """
    from deploy.cli.door import run  # noqa: PLC0415 - half a second that other commands save

    chosen = houses or [HouseName.GATEWAY]
    if HouseName.BILLING in chosen:
        raise NotFound("Billing has no HTTP API: cagette serve gateway, or training.")
    settings = Settings()
    with opened(settings, houses=chosen) as home:
        run(home, settings, training=HouseName.GATEWAY not in chosen, as_json=as_json)


def work(
    houses: Houses = None,
    once: Annotated[bool, typer.Option("--once", help="Stop when nothing is new.")] = False,
    as_json: options.Json = False,
) -> None:
    """Let houses publish, hear and keep their views up to date, until Ctrl-C or SIGTERM.

    The gateway's worker also delivers webhooks. A second worker of a house waits until the first
    one ends.

    Example: cagette work --once
    """
    stop = stop_on_sigterm()
    wanted = [house.value for house in houses or HouseName]
    with opened(Settings(), houses=HOUSES if once else wanted) as home:
        if once:
            taken_in = sum(home.catch_up())
            from deploy.cli.delivering import deliver_once  # noqa: PLC0415 - as for `serve`

            deliver_once(home)
            if as_json:
                shown({"taken_in": taken_in})
            else:
                out.print(f"{taken_in} events and facts taken in")
            return
        workers = [home.workers[name] for name in HOUSES if name in wanted]
        delivers = HouseName.GATEWAY in wanted
        with suppress(KeyboardInterrupt), _delivering(home, stop) if delivers else nullcontext():
            keep_working(workers, stop)


def _delivering(home: Home, stop: threading.Event) -> AbstractContextManager[None]:
    """Deliver webhooks meanwhile; only the gateway's worker loads what that needs."""
    from deploy.cli.delivering import delivering  # noqa: PLC0415 - as for `serve`

    return delivering(home, stop.set)
