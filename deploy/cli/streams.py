"""`cagette stream`: what happened to one aggregate, and its resulting state."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import typer

from deploy.cli import options
from deploy.cli.home import Home, opened
from deploy.cli.houses import HOUSES
from deploy.cli.output import out, shown
from shared.eventstore.streams import Happened, happened
from shared.kernel.calendar import paris_day
from shared.kernel.errors import NotFound, NotValid
from shared.kernel.french import euros, percent
from shared.kernel.ids import stable_id
from shared.kernel.persons import FORGOTTEN, IN_CLEAR
from shared.settings import Settings
from shared.vault.seal import SEALED, taken_apart
from shared.vault.vault import Vault


class Kind(NamedTuple):
    """Streams of one kind: their house, the prefix of their ids, and what names one of them."""

    house: str
    prefix: str
    parts: tuple[str, ...] = ()


KINDS: dict[str, tuple[Kind, ...]] = {
    "producer": (
        Kind("gateway", "gateway/producer", ("PRODUCER",)),
        Kind("training", "training/learner", ("PRODUCER",)),
        Kind("billing", "billing/contract", ("PRODUCER",)),
    ),
    "market": (Kind("gateway", "gateway/market", ("MARKET",)),),
    "distribution": (Kind("gateway", "gateway/distribution", ("DISTRIBUTION",)),),
    "session": (Kind("training", "training/session", ("SESSION",)),),
    "sale": (Kind("billing", "billing/sale", ("PRODUCER", "DISTRIBUTION")),),
    "statement": (Kind("billing", "billing/statement", ("PARTY", "MONTH", "CHANNEL")),),
    "transfer": (Kind("billing", "billing/transfer", ("PRODUCER", "MONDAY")),),
    "document": (Kind("billing", "billing/document", ("NUMBER",)),),
    "tariff": (Kind("billing", "billing/tariff"),),
    "books": (Kind("billing", "billing/books"),),
    "parked": tuple(Kind(house, "parked", ("SPEAKER", "KEY")) for house in HOUSES),
    "heard-fact": (Kind("gateway", "heard-fact", ("SPEAKER", "POSITION")),),
}
"""What the streams of the houses are called; a producer has one in each house."""


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(stream)


def stream(
    key: Annotated[
        str, typer.Argument(metavar="ID|KEY", help="Like producer:2045, books, or a stream's id.")
    ],
    at: Annotated[
        str | None, typer.Option("--at", metavar="VERSION|INSTANT", help="As it was then.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show what happened to one aggregate, event by event with its cause, and its resulting state.

    All houses are searched, or one: HOUSE/KEY. An unknown key is refused with the forms that keys
    take. Persons stay sealed.

    Example: cagette stream distribution:48211 --at 3
    """
    until = _moment(at)
    with opened(Settings()) as home:
        found = [
            (house, name, events)
            for house, name in _streams(key)
            if (events := _until(_events(home, house, name), until))
        ]
        if not found:
            raise NotFound(f"There is no stream {key}{' then' if at else ''}. {_shapes()}")
        if as_json:
            shown([_as_json(house, name, events) for house, name, events in found])
            return
        for house, name, events in found:
            _show(house, name, events)


def _streams(key: str) -> Iterator[tuple[str, UUID]]:
    """The streams that a key may mean, by house."""
    house, slash, natural = key.rpartition("/")
    houses = (house,) if slash else HOUSES
    try:
        yield from ((each, UUID(natural)) for each in houses if each in HOUSES)
    except ValueError:
        word, *parts = natural.split(":")
        for kind in KINDS.get(word, ()):
            if kind.house in houses and len(parts) == len(kind.parts):
                yield kind.house, stable_id(kind.prefix, *parts)


def _events(home: Home, house: str, name: UUID) -> Iterator[Happened]:
    log = next(each for each in home.houses if each.name == house).log
    for event in happened(log, home.views[house].engine, name):
        hidden = {key: _sealed(value, home.vault) for key, value in event.fields.items()}
        state = {key: _sealed(value, home.vault) for key, value in event.state.items()}
        yield event._replace(fields=hidden, state=state)


def _sealed(value: Any, vault: Vault) -> Any:
    """A value with each person replaced by whether it is sealed or erased, and under which key."""
    if isinstance(value, dict):
        return {key: _sealed(inner, vault) for key, inner in value.items()}
    if isinstance(value, list):
        return [_sealed(inner, vault) for inner in value]
    if not isinstance(value, str):
        return value
    if value == FORGOTTEN:
        return "(erased)"
    if value.startswith(IN_CLEAR):
        return "(a person in clear, not shown)"
    if SEALED.fullmatch(value):
        name = taken_apart(value).key_name
        return f"(sealed under {name})" if vault.has_key(name) else f"(erased: {name} is destroyed)"
    return value


def _moment(at: str | None) -> int | datetime | None:
    if at is None or at.isdecimal():
        return int(at) if at else None
    try:
        instant = datetime.fromisoformat(at)
    except ValueError as reason:
        raise NotValid(f"--at {at!r} is neither a version, like 3, nor an instant.") from reason
    if instant.tzinfo is None:
        raise NotValid(f"--at {at!r} has no offset: write it as 2024-10-04T21:12:09+02:00.")
    return instant


def _until(events: Iterator[Happened], until: int | datetime | None) -> list[Happened]:
    if isinstance(until, datetime):
        return [event for event in events if event.at <= until]
    return [event for event in events if until is None or event.version <= until]


def _shapes() -> str:
    shapes = dict.fromkeys(
        ":".join((word, *kind.parts)) for word, kinds in KINDS.items() for kind in kinds
    )
    return f"Keys are {', '.join(shapes)}, or the id of a stream; in one house: HOUSE/KEY."


def _as_json(house: str, name: UUID, events: list[Happened]) -> dict[str, Any]:
    told = [{n: v for n, v in event._asdict().items() if n != "state"} for event in events]
    return {"house": house, "stream": name, "events": told, "state": events[-1].state}


def _show(house: str, name: UUID, events: list[Happened]) -> None:
    out.print(f"[bold]{house}[/] {name}")
    for event in events:
        when = f"{paris_day(event.at)} {event.at:%H:%M:%S} UTC"
        out.print(
            f"  {event.version}. position {event.position}, {when}, [bold]{event.topic}[/]: "
            f"{event.what}\n     because of: {event.cause}",
            highlight=False,
        )
        for line in _lines("", event.fields):
            out.print(f"     {line}", highlight=False, markup=False)
    out.print(f"  [bold]state[/] after version {events[-1].version}:", highlight=False)
    for line in _lines("", events[-1].state):
        out.print(f"     {line}", highlight=False, markup=False)


def _lines(path: str, value: Any) -> Iterator[str]:
    """Every field on its own line, amounts in euros and rates in percent."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _lines(f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list) and any(isinstance(inner, (dict, list)) for inner in value):
        for number, inner in enumerate(value):
            yield from _lines(f"{path}[{number}]", inner)
    elif value not in (None, [], {}):
        yield f"{path}: {_with_unit(path, value)}"


def _with_unit(path: str, value: Any) -> str:
    if isinstance(value, int) and path.endswith("_cents"):
        return euros(value)
    if isinstance(value, int) and path.endswith("_bp"):
        return percent(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
