"""What training shows on PostgreSQL is what it shows on SQLite, to the letter."""

from collections.abc import Iterator
from datetime import date

import pytest
from pydantic import BaseModel
from sqlalchemy import text

from deploy.cli.houses import VIEWS
from services.training.api.desk import TrainingDesk
from services.training.main import build, desk
from shared.asks.training import BODIES
from shared.eventstore.engines import postgres_engine
from shared.eventstore.lease import PostgresLease
from shared.eventstore.log import EventLog
from shared.eventstore.postgres import PostgresLogRecorder
from shared.eventstore.views import Views
from tests.support.notices import cancellation, completion, enrolment, session
from tests.support.world import World

IDS = ("10", "9", "A", "a", "B", "_", "Z.1", "z-1")
SHARES = [{"fund": "Vivea", "amount_cents": 50_000}, {"fund": "SELF", "amount_cents": 35_000}]
NOTICES = (
    *(session(told, "UPDATE", seq=2**53) for told in IDS),
    *(enrolment("2024-10-20", "a", who, seq=2**40) for who in IDS),
    *(completion("2024-12-13", "a", who, attended_hours="13.50") for who in IDS[:5]),
    cancellation("2024-11-10", "a", "z-1"),
    enrolment("2024-10-20", "B", fundings=SHARES, contract="CONTRAT"),
    completion("2024-02-29", "B"),
    completion("2024-12-13", "9"),
    enrolment("2024-10-20", "NOT-PLANNED"),
)


@pytest.fixture
def on_postgres(database_url: str) -> Iterator[tuple[TrainingDesk, Views]]:
    """Training on PostgreSQL, without the other houses."""
    recorder = PostgresLogRecorder(database_url, "training")
    log = EventLog(recorder)
    log.migrate()
    views = Views(log, VIEWS["training"], postgres_engine(database_url, "training"))
    views.migrate()
    yield desk(build(log, PostgresLease(recorder, "write")), views), views
    views.engine.dispose()
    log.close()


def everything(shown: TrainingDesk) -> list[BaseModel]:
    """The answer of every read."""
    page = shown.sessions(3, None)
    due = shown.due(date(2027, 1, 1), 2, None)
    return [
        page,
        shown.sessions(200, page.next),
        *(shown.session(told) for told in (*IDS, "NOT-PLANNED")),
        *(shown.trainings_of(who) for who in (*IDS, "2045")),
        due,
        shown.due(date(2027, 1, 1), 200, due.next),
        shown.fundings(2024),
        shown.bpf(2024),
        shown.held(),
    ]


def test_every_read_is_the_same_in_both_worlds(
    cagette: World, on_postgres: tuple[TrainingDesk, Views]
) -> None:
    shown, views = on_postgres
    for notice in NOTICES:
        body = BODIES[notice["kind"]].model_validate(notice["body"])
        producer_id = notice["id"] if "session_id" in notice else None
        session_id = notice.get("session_id", notice["id"])
        shown.tell(session_id, producer_id, body, by="test", key=None)
    assert sum(views.catch_up()) > len(NOTICES)
    cagette.told(*NOTICES)
    assert everything(shown) == everything(cagette.home.training_desk)
    in_order = [line.session_id for line in shown.sessions(200, None).sessions]
    assert in_order == sorted([*IDS, "NOT-PLANNED"])


def test_pages_go_by_code_points_whatever_the_locale_of_the_database(
    on_postgres: tuple[TrainingDesk, Views],
) -> None:
    collation = text(
        "SELECT collation_name FROM information_schema.columns "
        "WHERE table_name = 'sessions' AND column_name = 'session_id'"
    )
    with on_postgres[1].engine.connect() as connection:
        assert connection.scalar(collation) == "C"
