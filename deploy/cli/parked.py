"""`cagette parked`: facts that a house could not take, and what waits behind them."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from deploy.cli import options
from deploy.cli.home import Home, opened
from deploy.cli.output import answered, out, shown, table
from deploy.cli.serving import HouseName
from shared.facts.envelope import Message
from shared.kernel.errors import NotFound, NotValid
from shared.messaging.house import House
from shared.messaging.parking import ParkedFacts, all_parked, done_about, parked_facts
from shared.messaging.releasing import ParkedDesk
from shared.settings import Settings

parked = typer.Typer(help="Facts that a house could not take, and what waits behind them.")
Key = Annotated[
    str, typer.Argument(metavar="SPEAKER/KEY", help="Like gateway/2045, or the stream's id.")
]
SHOWN = {
    "house": "house",
    "speaker/key": "key",
    "position": "position",
    "type": "type",
    "reason": "reason",
    "what is wrong": "sentence",
}
"""What the list shows people, by column heading."""
At = Annotated[
    HouseName | None, typer.Option("--house", help="Which house, if it is parked in more than one.")
]
FactFile = Annotated[
    Path, typer.Option("--fact", help="The value as it should have been, in JSON.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(parked, name="parked")


@parked.command("list")
def list_(as_json: options.Json = False) -> None:
    """List what is parked, by house, speaker and key, in the order in which it was told.

    Example: cagette parked list
    """
    with opened(Settings()) as home:
        found = [
            {"house": house.name, **vars(fact)}
            for house in home.houses
            for fact in parked_facts(house.log.begin())
        ]
    if as_json:
        shown(found)
        return
    table("parked", tuple(SHOWN), [tuple(fact[name] for name in SHOWN.values()) for fact in found])


@parked.command()
def show(key: Key, house: At = None, as_json: options.Json = False) -> None:
    """Show in full what is parked of SPEAKER/KEY: values, reasons, what waits, what was done.

    Persons stay sealed.

    Example: cagette parked show gateway/2045
    """
    with opened(Settings()) as home:
        at, facts = _parked(home, key, house)
        found = {
            "house": at.name,
            "key": facts.name,
            "stream": facts.id,
            "waiting": [_whole(*each) for each in facts.waiting.values()],
            "done": [done._asdict() for done in done_about(at.log, facts.id)],
        }
    if as_json:
        shown(found)
    else:
        _show(found)


@parked.command()
def fix(
    key: Key,
    fact: FactFile,
    why: options.Why = None,
    house: At = None,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Take in the first fact of SPEAKER/KEY with the value in a file, and what waits behind it.

    Of what waits, the first that cannot be taken in stays parked, with all behind it. The value as
    it came stays on record.

    Example: cagette parked fix gateway/2045 --fact mended.json --why "baskets were missing"
    """
    value, reason = _text(fact), options.said(why)
    with opened(Settings()) as home:
        at, facts = _parked(home, key, house)
        desk = ParkedDesk(at)
        answer = desk.fix(facts.speaker, facts.key, value, by=by, why=reason, dry_run=dry_run)
        home.caught_up()
    answered(answer, f"{key} fixed and taken in", as_json=as_json, dry_run=dry_run)


@parked.command()
def replay(
    key: Key,
    why: options.Why = None,
    house: At = None,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Take in what is parked of SPEAKER/KEY again, in order.

    Example: cagette parked replay gateway/2045 --why "mended by 1.4"
    """
    _release(key, by, options.said(why), house, drop=False, dry_run=dry_run, as_json=as_json)


@parked.command()
def drop(
    key: Key,
    why: options.Why = None,
    house: At = None,
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Drop what is parked of SPEAKER/KEY, for ever.

    Example: cagette parked drop gateway/2045 --why "sent by mistake"
    """
    _release(key, by, options.said(why), house, drop=True, dry_run=dry_run, as_json=as_json)


def _release(
    key: str,
    by: str,
    why: str,
    house: HouseName | None,
    *,
    drop: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    with opened(Settings()) as home:
        at, facts = _parked(home, key, house)
        answer = ParkedDesk(at).release(
            facts.speaker, facts.key, by=by, why=why, drop=drop, dry_run=dry_run
        )
        home.caught_up()
    sentence = f"{key} {'dropped' if drop else 'taken in'}"
    answered(answer, sentence, as_json=as_json, dry_run=dry_run)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as reason:
        raise NotValid(f"{file} is not text in UTF-8: a fact's value is JSON.") from reason


def _parked(home: Home, key: str, chosen: HouseName | None) -> tuple[House[Any], ParkedFacts]:
    """What is parked of a key, and where; raises NotFound for nowhere, NotValid for several houses.

    A key that no shell can pass is named by its stream.
    """
    found = [
        (house, facts)
        for house in home.houses
        if chosen in (None, house.name)
        for facts in all_parked(house.log.begin())
        if key in (facts.name, str(facts.id))
    ]
    if not found:
        raise NotFound(f"Nothing of {key} is parked: see `cagette parked list`.")
    if len(found) > 1:
        names = " and ".join(house.name for house, _ in found)
        raise NotValid(f"{key} is parked at {names}: say --house.")
    return found[0]


def _whole(message: Message, reason: str, sentence: str) -> dict[str, Any]:
    """A fact as it came, its value decoded as far as possible."""
    value: Any = message.value.decode("utf-8", "backslashreplace")
    with suppress(ValueError):
        value = json.loads(value)
    return {
        "position": message.position,
        "type": message.type,
        "told_at": message.time,
        "reason": reason,
        "sentence": sentence,
        "value": value,
    }


def _show(found: dict[str, Any]) -> None:
    out.print(f"[bold]{escape(found['key'])}[/] at {found['house']}, stream {found['stream']}")
    for number, fact in enumerate(found["waiting"]):
        place = f"{number} behind it" if number else "first"
        for line in (
            f"{place}: position {fact['position']}, {fact['type']}, told {fact['told_at']}",
            f"  {fact['reason']}: {fact['sentence']}",
            f"  {json.dumps(fact['value'], ensure_ascii=False)}",
        ):
            out.print(f"  {line}", highlight=False, markup=False)
    for done in found["done"]:
        line = f"{done['at']:%Y-%m-%d %H:%M} UTC, {done['what']} by {done['by']}: {done['why']}"
        out.print(f"  {line}", highlight=False, markup=False)
