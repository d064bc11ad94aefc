"""What the gateway heard, as it is shown: word for word, under its name."""

import json
from collections import deque
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from services.gateway.views.heard import FEES, SPEAKERS, TARIFFS, VIEW
from shared.eventstore.engines import sqlite_engine
from shared.eventstore.memory import MemoryLog
from shared.eventstore.rebuilt import rebuilt
from shared.eventstore.views import Views
from shared.facts.billing import FeeCharged, TariffChanged
from shared.messaging.chronicle import HeardFact

PARIS = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    "told_at",
    [
        datetime(2024, 5, 14, 21, 7, 42, tzinfo=UTC),
        datetime(2024, 5, 14, 21, 7, 42, 120_000, tzinfo=UTC),
        datetime(2024, 5, 14, 21, 7, 42, 1, tzinfo=PARIS),
    ],
)
def test_a_fact_is_shown_as_it_came_under_what_names_it(told_at: datetime, tmp_path: Path) -> None:
    fee = {"fee_id": "f", "producer_id": "é", "distribution_id": "d", "monday": None, "rest": [1]}
    tariff = {"version": 7, "rest": {"more": "é"}}
    facts: dict[str, dict[str, Any]] = {
        FeeCharged.type(): fee,
        TariffChanged.type(): tariff,
        "not.shown": {},
    }
    with MemoryLog() as log:
        work = log.begin()
        kept = [
            HeardFact("billing", position, type_, "key", told_at, content)
            for position, (type_, content) in enumerate(facts.items(), 1)
        ]
        work.keep(kept, "test")
        work.commit()
        shown = Views(log, [VIEW], sqlite_engine(tmp_path / "views.sqlite"))
        shown.migrate()
        deque(shown.catch_up())
        made = rebuilt(log, [VIEW])
        for table in shown.tables:
            assert shown.rows(table) == made.rows(table)
        at = told_at.isoformat()
        assert shown.rows(FEES) == [("f", "é", "d", None, FeeCharged.type(), 1, at, fee)]
        assert shown.rows(TARIFFS) == [("7", TariffChanged.type(), 2, at, tariff)]
        assert shown.rows(SPEAKERS) == [("billing", 3, at)]
        with shown.engine.connect() as connection:
            (text,) = connection.exec_driver_sql("SELECT fact FROM heard_fees").scalars()
        assert text == json.dumps(fee, separators=(",", ":"), ensure_ascii=False)
        shown.engine.dispose()
