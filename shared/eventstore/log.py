"""A house's event log."""

import os
import re
from collections.abc import Collection, Iterator
from itertools import takewhile
from typing import ClassVar, NamedTuple
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import JSONTranscoder, Mapper

from shared.eventstore.chain import START, ChainedRow, broken
from shared.eventstore.failures import NotMigrated, UnsafeSetting, WrittenByNewer
from shared.eventstore.mapper import TypedMapper, Unreadable
from shared.eventstore.recorder import MAXIMUM, SCHEMA_VERSION, LogRecorder, LogRow
from shared.eventstore.work import Work
from shared.kernel.aggregate import Remembered

PAGE = 1_000
"""Events read at a time."""


class Recorded(NamedTuple):
    """An event and its position in the log of its house."""

    position: int
    event: Remembered


class Page(NamedTuple):
    """A part of the log: how many events it has, how far it reaches, and the events wanted."""

    size: int
    reached: int
    events: list[Recorded]


class EventLog(Application[UUID]):
    """Everything a house remembers, in the order in which it was remembered.

    `recorder` stores it. No snapshots, because streams are short, and no cache of aggregates except
    what one batch of facts leaves to the next (`Work.go_on_from`). Only `migrate` creates tables.
    The library's own database functions are refused: they drop tracking.
    """

    name = "log"
    env: ClassVar[dict[str, str]] = {"PERSISTENCE_MODULE": "eventsourcing.popo"}
    recorder: LogRecorder
    mapper: TypedMapper

    def __init__(self, recorder: LogRecorder) -> None:
        if os.environ.get("POSTGRES_ENABLE_DB_FUNCTIONS"):
            raise UnsafeSetting("Unset POSTGRES_ENABLE_DB_FUNCTIONS: it would lose events.")
        self._given = recorder
        super().__init__()

    def construct_mapper(self) -> Mapper[UUID]:
        """Our stored format instead of the library's envelopes."""
        return TypedMapper(JSONTranscoder())

    def construct_recorder(self) -> LogRecorder:
        """The recorder given to the constructor."""
        return self._given

    def close(self) -> None:
        """Close the recorder's connections."""
        super().close()
        self._given.close()

    def migrate(self) -> None:
        """Create or upgrade the tables; refuses those of a newer version."""
        self._refuse_newer()
        self.recorder.create_table()

    def check(self) -> None:
        """Refuse tables that this version cannot work with, and say what to do."""
        self._refuse_newer()
        if self.recorder.schema_version() < SCHEMA_VERSION:
            raise NotMigrated("The tables are not up to date: run `cagette migrate` first.")

    def _refuse_newer(self) -> None:
        version = self.recorder.schema_version()
        if version > SCHEMA_VERSION:
            raise WrittenByNewer(
                f"This home was written by a newer version of the product (schema {version}, "
                f"this version knows {SCHEMA_VERSION}): install that version or newer."
            )

    def head(self) -> int:
        """The position of the last event, 0 for an empty log."""
        return self.recorder.max_notification_id() or 0

    def page(
        self, after: int, limit: int, wanted: Collection[type[Remembered]] | None = None
    ) -> Page:
        """The next `limit` events after a position, in order; only those `wanted` are decoded.

        Decoding an event costs more than fetching it. None: all are decoded.
        """
        mapper = self.mapper
        rows = self.recorder.page(after + 1, MAXIMUM, limit)
        events = [
            Recorded(position, mapper.event(stream, version, topic, state))
            for position, stream, version, topic, state in rows
            if wanted is None or mapper.cls(topic) in wanted
        ]
        return Page(len(rows), rows[-1][0] if rows else after, events)

    def history(self) -> Iterator[Remembered]:
        """Every event, in order; each is decoded when the reader comes to it, and not kept."""
        event = self.mapper.event
        for _, stream, version, topic, state in self.rows():
            yield event(stream, version, topic, state)

    def unreadable(self, after: int = 0) -> Iterator[str]:
        """A sentence for every event after a position that today's code cannot read."""
        for position, stream, version, topic, state in self.rows(after=after):
            try:
                self.mapper.event(stream, version, topic, state)
            except Unreadable as reason:
                yield f"event {position}: {reason}"

    def broken(self, after: int = 0, link: bytes = START) -> Iterator[str]:
        """A sentence for every row after a position, with its link, at which the chain breaks.

        And one if the last rows were deleted, and one for every row past the end of the log.
        """
        end = self.recorder.end()  # before the rows: writers go on
        yield from broken(self._chained(after), link, after, end.link)
        last = self.head()
        written = self.recorder.end().position  # after the last row, for the same reason
        for row in takewhile(lambda row: row.position <= last, self._chained(written)):
            yield f"{row} is past the end of the log, {written}"

    def seal(self) -> str:
        """The last link, in hexadecimal: it stands for the whole log. Empty for an empty log."""
        return "".join((row[-1] or b"").hex() for row in self.recorder.chained(self.head(), 1))

    def _chained(self, position: int) -> Iterator[ChainedRow]:
        while page := self.recorder.chained(position + 1, PAGE):
            yield from (ChainedRow(*row) for row in page)
            position = page[-1][0]

    def matches(self, pattern: re.Pattern[bytes]) -> Iterator[bytes]:
        """The first group of every match of a pattern in the stored states, undecoded."""
        for *_, state in self.rows():
            yield from pattern.findall(state)

    def rows(self, until: int = MAXIMUM, after: int = 0) -> Iterator[LogRow]:
        """Every row after one position, up to and including another, in order."""
        while page := self.recorder.page(after + 1, until, PAGE):
            yield from page
            after = page[-1][0]

    def begin(self) -> Work:
        """Begin a transaction."""
        return Work(self.recorder, self.mapper)
