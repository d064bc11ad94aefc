"""Errors of PostgreSQL, as the library's and ours."""

import psycopg
from eventsourcing.persistence import IntegrityError, OperationalError, ProgrammingError

from shared.eventstore.failures import never_written
from shared.eventstore.postgres_schema import POSITION_CONFLICT
from shared.eventstore.recorder import PositionConflict, StreamConflict

POSITIONS = "stored_events_pkey"
"""The constraint by which no two rows have one position."""


def translated(reason: psycopg.Error) -> Exception:
    """What an error of the driver means to whoever uses a log."""
    match reason:
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return OperationalError(str(reason))
        case psycopg.errors.UniqueViolation() if reason.diag.constraint_name == POSITIONS:
            return never_written()
        case psycopg.errors.UniqueViolation():
            return StreamConflict(str(reason))
        case psycopg.IntegrityError():
            return IntegrityError(str(reason))
        case _ if reason.sqlstate == POSITION_CONFLICT:
            return PositionConflict(str(reason))
    return ProgrammingError(str(reason))
