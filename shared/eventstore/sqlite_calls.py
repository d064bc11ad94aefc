"""What a log on SQLite does within a transaction that its recorder began."""

import sqlite3
from collections.abc import Sequence

from eventsourcing.sqlite import SQLiteCursor

from shared.eventstore.chain import PAGE, START, linked
from shared.eventstore.failures import never_written
from shared.eventstore.recorder import (
    MAXIMUM,
    End,
    LogRow,
    PositionConflict,
    Row,
    Step,
    StreamConflict,
    only_end,
)
from shared.eventstore.sqlite_ids import uuid_as_written

INSERT = (
    "INSERT INTO stored_events "
    "(position, originator_id, originator_version, topic, state, chain) VALUES (?,?,?,?,?,?)"
)


def end_of(cursor: SQLiteCursor) -> End:
    """How far the log was ever written; raises StorageDamaged where nothing says so."""
    cursor.execute("SELECT position, link FROM log_end")
    return only_end(cursor.fetchall())


def insert_rows(cursor: SQLiteCursor, rows: Sequence[Row]) -> list[int]:
    """Write rows at the end of the log; return their positions.

    Raises StreamConflict if another writer was first, StorageDamaged for rows past the end.
    """
    end = end_of(cursor)
    cursor.execute("SELECT max(position) FROM stored_events")
    if (cursor.fetchone()[0] or 0) > end.position:
        raise never_written()
    positions = list(range(end.position + 1, end.position + 1 + len(rows)))
    links = list(linked(end.link, rows))
    numbered = zip(positions, rows, links, strict=True)
    try:
        cursor.executemany(INSERT, [(p, s.hex, *row, link) for p, (s, *row), link in numbered])
    except sqlite3.IntegrityError as conflict:
        raise StreamConflict(str(conflict)) from conflict
    cursor.execute("UPDATE log_end SET position = ?, link = ?", (positions[-1], links[-1]))
    return positions


def store_end(cursor: SQLiteCursor) -> None:
    """Store the end of a log of a schema before `END_STORED_SINCE`, whose positions SQLite counted.

    It counts no further, so that a process of an older version fails where it would write.
    """
    cursor.execute("DELETE FROM log_end")
    cursor.execute(
        "INSERT INTO log_end SELECT coalesce(max(position), 0), coalesce("
        "(SELECT chain FROM stored_events ORDER BY position DESC LIMIT 1), ?) FROM stored_events",
        (START,),
    )
    cursor.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'")
    if cursor.fetchone():
        cursor.execute(
            "UPDATE log_end SET position = seq FROM sqlite_sequence "
            "WHERE name = 'stored_events' AND seq BETWEEN position AND ?",
            (MAXIMUM - 1,),
        )
        cursor.execute("DELETE FROM sqlite_sequence WHERE name = 'stored_events'")
        cursor.execute("INSERT INTO sqlite_sequence VALUES ('stored_events', ?)", (MAXIMUM,))


def chained_rows(
    cursor: SQLiteCursor, after: int, limit: int = PAGE
) -> list[tuple[*LogRow, bytes | None]]:
    """Rows as they stand, even if changed by hand: to be checked against their links."""
    cursor.execute(
        "SELECT position, CAST(originator_id AS BLOB), originator_version, CAST(topic AS BLOB), "
        "CAST(state AS BLOB), chain "
        "FROM stored_events WHERE position > ? ORDER BY position LIMIT ?",
        (after, limit),
    )
    return [
        (position, uuid_as_written(stream), version, topic.decode(errors="replace"), *row)
        for position, stream, version, topic, *row in cursor.fetchall()
    ]


def move(cursor: SQLiteCursor, step: Step) -> None:
    """Move a tracked position; raises PositionConflict if it is not where the writer believed."""
    if step.previous is None:
        cursor.execute(
            "INSERT INTO tracking VALUES (?,?) ON CONFLICT DO NOTHING RETURNING 1",
            (step.name, step.position),
        )
    else:
        cursor.execute(
            "UPDATE tracking SET notification_id = ? "
            "WHERE application_name = ? AND notification_id = ? RETURNING 1",
            (step.position, step.name, step.previous),
        )
    if cursor.fetchone() is None:
        raise PositionConflict(f"{step.name} is no longer at {step.previous}")
