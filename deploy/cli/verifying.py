"""`cagette verify`: the whole log audited, or only what follows an earlier audit."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import typer
from rich.markup import escape

from deploy.cli import options
from deploy.cli.forgetting import unsound_keys
from deploy.cli.hearsay import hearsay
from deploy.cli.home import Home, opened
from deploy.cli.houses import HOUSES, VIEWS
from deploy.cli.output import out, progress, shown
from deploy.cli.topics import unlike_logs
from services.billing.views.audit import audited
from shared.eventstore.chain import START
from shared.eventstore.copying import count_of, head_of
from shared.eventstore.rebuilt import rebuilt
from shared.eventstore.work import END_OF_TAGS
from shared.kernel.errors import NotValid
from shared.messaging.house import House
from shared.messaging.source import BrokerAway, RecordCorrupt
from shared.settings import Settings

UNSEEN = ("causes", "tags", "amounts", "views", "persons")
"""What only an audit of the whole log can tell."""
TOPICS = "topics"


class Start(NamedTuple):
    """Where an audit starts: after a position, and the seal there, if it is known."""

    position: int = 0
    seal: str = ""


def _start(text: str) -> tuple[str, Start]:
    """Parse `4711` (of every house: the name is empty), `billing:4711` or `billing:4711:SEAL`."""
    house, _, rest = text.rpartition(":") if text.count(":") < 2 else text.partition(":")
    position, _, seal = rest.partition(":")
    if house not in ("", *HOUSES) or not position.isdecimal():
        raise NotValid(
            f"{text!r} is not a start: write it as 4711, billing:4711 or billing:4711:SEAL."
        )
    return house, Start(int(position), seal)


From = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="[HOUSE:]POSITION[:SEAL]",
        help="Only what follows, of all houses or of one; a seal that was kept is compared.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(verify)


def verify(start: From = None, as_json: options.Json = False) -> None:
    """Audit the whole log: no row was changed, all decode, amounts add up, views equal a rebuild.

    Rows that were changed, added, moved or removed by hand are named by the hash chain; the end of
    a log is compared with how far others have read it, and what a house heard with what was told.
    Persons too: whatever is sealed has had its key, and whoever was forgotten has none. In a
    deployment, the topics hold what the logs tell. With --json, `heads` are worth keeping
    elsewhere: nobody who rewrites a whole log can give it the same heads. --from audits only what
    follows, and says what it did not look at.

    Example: cagette verify --from billing:4711
    """
    given = dict(map(_start, start or ()))
    with opened(Settings()) as home, progress("auditing"):
        begins = {h.name: given.get(h.name, given.get("", Start())) for h in home.houses}
        ends = {house.name: house.log.head() for house in home.houses}
        for name, begin in begins.items():
            _refuse_beyond(name, begin.position, ends[name])
        total = sum(_count(home, name, end) for name, end in ends.items())
        heads = {house.name: house.log.seal() for house in home.houses}
        violations = [*_broken(home, begins), *_cut(home)]
        can_be_read = not violations
        violations += _undecodable(home, begins) if can_be_read else ()
        is_whole = not (given or violations)
        without_topics: tuple[str, ...] = () if home.is_embedded else (TOPICS,)
        if is_whole:
            violations = [*hearsay(home), *_tags(home), *_audit(home)]
            violations += [*_views(home), *unsound_keys(home)]
            unlike, without_topics = _topics(home)
            violations += unlike
    unseen = [f"{name} up to {at.position}" for name, at in begins.items() if at.position]
    unseen += () if can_be_read else ("whether all decode",)
    unseen += () if is_whole else UNSEEN
    unseen += without_topics
    if as_json:
        shown({"events": total, "heads": heads, "violations": violations, "unseen": unseen})
    else:
        _show(total, ends, violations, unseen)
    if violations:
        raise typer.Exit(1)


def _topics(home: Home) -> tuple[list[str], tuple[str, ...]]:
    """What is wrong with the topics, and what of them was not looked at: all, without a broker."""
    try:
        return [*unlike_logs(home)], ()
    except RecordCorrupt as reason:
        return [f"topics: {reason}"], ()
    except BrokerAway:
        return [], (TOPICS,)


def _refuse_beyond(house: str, position: int, head: int) -> None:
    if position > head:
        raise NotValid(
            f"{house} ends at {head}, before {position}: start there, for this house alone (--from "
            f"{house}:{head}); if it was longer once, its end is missing: `cagette verify`."
        )


def _count(home: Home, house: str, end: int) -> int:
    """How many events a house has up to a position: after a restore they are fewer."""
    with home.views[house].engine.connect() as connection:
        return count_of(connection, end)


def _show(total: int, ends: Mapping[str, int], violations: list[str], unseen: list[str]) -> None:
    for violation in violations:
        out.print(f"[red]violation[/]: {escape(violation)}", highlight=False)
    if unseen:
        if not violations:
            upto = ", ".join(f"{name} {end}" for name, end in ends.items())
            out.print(f"up to {upto}: none was changed, all decode", highlight=False)
        out.print(f"not looked at: {', '.join(unseen)}", highlight=False)
    elif not violations:
        out.print(
            f"{total} events: none was changed, all decode, all amounts add up, "
            "views equal their rebuild"
        )


def _broken(home: Home, begins: Mapping[str, Start]) -> Iterator[str]:
    for house in home.houses:
        begin = begins[house.name]
        with home.views[house.name].engine.connect() as connection:
            stood = head_of(connection, begin.position)
        if begin.seal and stood.seal != begin.seal:
            yield (
                f"{house.name}: its seal at {begin.position} has changed: what comes before was "
                "rewritten"
            )
        link = bytes.fromhex(stood.seal) if stood.position else START
        for sentence in house.log.broken(begin.position, link):
            yield f"{house.name}: {sentence}"


def _cut(home: Home) -> Iterator[str]:
    """Logs that end before a position that somebody has read."""
    for house in home.houses:
        readers = [*_readers(home, house)]
        head = house.log.head()
        for reader, position in readers:
            if position > head:
                yield f"{house.name}: it ends at {head}, but {reader} has read it up to {position}"


def _readers(home: Home, house: House[Any]) -> Iterator[tuple[str, int]]:
    """The readers of a house's log, and how far each has read."""
    yield "its relay", house.relayed()
    for view, position in home.views[house.name].positions().items():
        yield f"its view {view}", position
    for listener in home.houses:
        for stream, position in listener.heard().items():
            if stream.startswith(f"{house.name}/"):
                yield listener.name, position


def _undecodable(home: Home, begins: Mapping[str, Start]) -> Iterator[str]:
    for house in home.houses:
        for sentence in house.log.unreadable(begins[house.name].position):
            yield f"{house.name}: {sentence}"


def _tags(home: Home) -> Iterator[str]:
    """Tags that events say but that are not stored, and stored tags that no event says.

    Events that come meanwhile may bring tags that were not stored before; no tag is ever removed.
    """
    for house in home.houses:
        before = set(house.log.recorder.tagged("", END_OF_TAGS))
        said = {(t, e.originator_id) for e in house.log.history() for t in e.tags()}
        now = set(house.log.recorder.tagged("", END_OF_TAGS))
        stored = before | (now & said)
        for tag, stream in sorted(stored ^ said):
            verb = "is missing from" if (tag, stream) in said else "does not come from"
            yield f"{house.name}: the tag {tag} {verb} stream {stream}"


def _audit(home: Home) -> Iterator[str]:
    yield from audited(home.billing.log.history())


def _views(home: Home) -> Iterator[str]:
    """Views that differ from their rebuild, as of one moment, while their workers go on."""
    for house in home.houses:
        stood = home.views[house.name].snapshot()
        fresh = rebuilt(house.log, VIEWS[house.name], stood.positions)
        for t, rows in stood.rows.items():
            if rows != fresh.rows(t):
                yield (
                    f"{house.name}: view table {t.name} differs from what the log says: "
                    f"see `cagette replay views {house.name} --diff`"
                )
