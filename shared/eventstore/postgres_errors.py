"""Errors of the PostgreSQL driver translated into the library's and ours."""

import psycopg
from eventsourcing.persistence import IntegrityError, OperationalError, ProgrammingError

from shared.eventstore.failures import never_written, without_end
from shared.eventstore.postgres_schema import PAST_THE_END, POSITION_CONFLICT
from shared.eventstore.recorder import PositionConflict, StreamConflict

NOT_ONE_ROW = ("P0002", "P0003")
"""The SQLSTATEs of `SELECT INTO STRICT` in `append`: the log has no end, or several."""


def translated(reason: psycopg.Error) -> Exception:
    """What an error of the driver means to a user of the log."""
    match reason:
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return OperationalError(str(reason))
        case psycopg.errors.UniqueViolation():
            return StreamConflict(str(reason))
        case psycopg.IntegrityError():
            return IntegrityError(str(reason))
        case _ if reason.sqlstate == POSITION_CONFLICT:
            return PositionConflict(str(reason))
        case _ if reason.sqlstate == PAST_THE_END:
            return never_written()
        case _ if reason.sqlstate in NOT_ONE_ROW:
            return without_end()
    return ProgrammingError(str(reason))
