"""Kafka and PostgreSQL killed under a running deployment: the doors say so, nothing is lost."""

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg

from tests.support.notices import market
from tests.support.processes import (
    Deployment,
    Servers,
    beginning,
    bills_of,
    tell,
    wait_until,
)
from tests.support.recount import Step, recount

WAITING = re.compile("waiting: .*Kafka")


def billed_once(deployment: Deployment, notices: Sequence[Step]) -> None:
    """Wait until every notice is billed, each once."""
    expected = recount(notices).fees
    wait_until(lambda: bills_of(deployment).fees == expected, seconds=90)


def test_a_broker_that_dies_stops_no_door_and_what_it_did_not_take_is_sent_again(
    servers: Servers,
) -> None:
    deployment, _, kafka = servers
    notices = beginning(8, asks=1)[:-1]
    third = len(notices) // 3
    tell(deployment, notices[:third])
    kafka.kill()
    deployment.kill("work gateway")
    deployment.start("work gateway")
    tell(deployment, notices[third : 2 * third])
    workers = ("work gateway", "work billing")
    wait_until(lambda: all(WAITING.search(deployment.said(worker)) for worker in workers))
    kafka.start()
    tell(deployment, notices[2 * third :])
    billed_once(deployment, notices)


def test_a_database_that_dies_is_503_and_nothing_is_lost_or_doubled(servers: Servers) -> None:
    deployment, postgres, _ = servers
    notices = beginning(9, asks=1)[:-1]
    half = len(notices) // 2
    tell(deployment, notices[:half])
    postgres.kill()
    with deployment.client() as client:
        away = client.put("/markets/999", json=market("999")["body"])
    assert (away.status_code, "Retry-After" in away.headers) == (503, True)
    assert away.json()["type"] == "urn:cagette:problem:storage-away"
    postgres.start()
    tell(deployment, notices)  # the sender repeats itself, as a cron job does
    billed_once(deployment, notices)


TABLES = "gateway.stored_events, billing.stored_events, training.stored_events"
LOCKED_SECONDS = 5
"""Longer than a writer waits for the lock of a log."""


def test_tables_that_somebody_locks_are_503_and_nobody_keeps_the_right_to_write(
    servers: Servers,
) -> None:
    deployment, postgres, _ = servers
    notices = beginning(10, asks=1)[:-1]
    half = len(notices) // 2
    tell(deployment, notices[:half])
    with ThreadPoolExecutor(8) as doors:
        with psycopg.connect(postgres.url) as other:
            other.execute(f"LOCK TABLE {TABLES} IN SHARE MODE")
            until = time.monotonic() + LOCKED_SECONDS
            told = [doors.submit(told_until, deployment, str(n), until) for n in range(900, 908)]
            time.sleep(LOCKED_SECONDS)
        statuses = [each.result() for each in told]
    assert {status for each in statuses for status in each} == {200, 201, 503}
    assert [each[-1] for each in statuses] == [200] * len(told)
    tell(deployment, notices)
    billed_once(deployment, notices)


def told_until(deployment: Deployment, market_id: str, until: float) -> list[int]:
    """Tell of a market again and again, and once more when nothing is locked any longer."""
    statuses: list[int] = []
    with deployment.client() as client:
        while not statuses or time.monotonic() < until + 1:
            answer = client.put(f"/markets/{market_id}", json=market(market_id)["body"])
            statuses.append(answer.status_code)
    return statuses
