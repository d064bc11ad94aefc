"""`cagette status`: the state of the houses, and when somebody has to act."""

import json
import signal
import sqlite3
import subprocess
import time
from collections import Counter, deque
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.cli import status
from deploy.cli.clock import now
from deploy.cli.status import LATE_SECONDS, status_of, wrong
from services.gateway.api.imports import import_lines
from shared.eventstore.rebuilding import Rebuild
from shared.eventstore.recorder import SCHEMA_VERSION
from shared.eventstore.views import VERSIONS, Views
from shared.facts.envelope import Message
from shared.messaging import house
from shared.messaging.kafka import partition_of
from tests.support import notices
from tests.support.commands import PROGRAM, environment, refused, run
from tests.support.world import World, world


def test_what_was_told_and_not_heard_shows_as_a_lag_in_events_and_in_seconds(
    cagette: World,
) -> None:
    cagette.told(notices.market())
    stood = status_of(cagette.home)["billing"]
    assert (stood["lag"], stood["lag_seconds"]) == ({}, 0)
    line = json.dumps(notices.producer()).encode()
    list(import_lines(cagette.home.gateway_desk, [line], by="test"))
    time.sleep(1.1)
    stood = status_of(cagette.home)["billing"]
    assert list(stood["lag"]) == ["gateway/0"]
    assert status_of(cagette.home)["gateway"]["unpublished"] == 0  # it publishes nothing
    assert 1 <= stood["lag_seconds"] < 60
    cagette.home.caught_up()
    assert status_of(cagette.home)["billing"]["lag_seconds"] == 0


def test_what_is_settled_and_closed_is_said_with_the_versions(cagette: World) -> None:
    fresh = status_of(cagette.home)["billing"]
    assert (fresh["settled_until"], fresh["closed_until"]) == (None, None)
    assert (fresh["schema"], fresh["schema_of_code"]) == (SCHEMA_VERSION, SCHEMA_VERSION)
    cagette.told(notices.market(), notices.producer(), notices.distribution())
    cagette.payout("2024-10-07")
    cagette.close("2024-10")
    stood = status_of(cagette.home)["billing"]
    assert (stood["settled_until"], stood["closed_until"]) == ("2024-10-07", "2024-10")
    assert stood["version"]
    assert wrong(status_of(cagette.home)) == []


def test_a_parked_fact_or_a_lost_broker_is_wrong_and_ends_in_exit_code_1(cagette: World) -> None:
    stranger = Message("stranger-on-gateway", 1, "x", "2045", now(), b"{}")
    cagette.home.billing.hear([stranger])
    assert wrong(status_of(cagette.home)) == ["billing has parked facts: see `cagette parked list`"]
    done = run(cagette.home.folder, "status")
    assert (done.returncode, b"parked list" in done.stdout) == (1, True)
    stood = status_of(cagette.home)
    away = stood | {"training": stood["training"] | {"lag": None, "lag_seconds": None}}
    assert "training cannot reach Kafka" in wrong(away)


@pytest.mark.parametrize(("what", "does"), [("lag", "heard"), ("unpublished", "published")])
def test_what_has_waited_for_long_is_wrong_and_the_worker_is_named(
    cagette: World, what: str, does: str
) -> None:
    stood = status_of(cagette.home)
    for seconds, words in ((LATE_SECONDS, 0), (LATE_SECONDS + 1, 1)):
        late = stood | {"billing": stood["billing"] | {f"{what}_seconds": seconds}}
        found = [w for w in wrong(late) if f"billing has not {does} for {seconds} s" in w]
        assert len(found) == words
        assert all("`cagette work billing`" in w for w in found)


def test_an_event_that_cannot_be_read_is_named_and_all_else_is_shown(cagette: World) -> None:
    cagette.told(notices.market())
    line = json.dumps(notices.producer()).encode()
    list(import_lines(cagette.home.gateway_desk, [line], by="test"))
    with closing(sqlite3.connect(cagette.home.folder / "gateway.sqlite")) as log, log:
        spoil = "UPDATE stored_events SET state = replace(state, '{', '[') WHERE topic LIKE ?"
        log.execute(spoil, ("%producer%",))
    done = run(cagette.home.folder, "status --json")
    stood = json.loads(done.stdout)
    assert (done.returncode, stood["billing"]["lag"], stood["gateway"]["head"]) == (1, None, 6)
    assert "producer" in stood["billing"]["unreadable"]
    [word] = [w for w in wrong(stood) if w.startswith("billing")]
    assert "verify" in word


def test_a_watch_goes_on_until_it_is_interrupted(cagette: World) -> None:
    command = [PROGRAM, "status", "--watch", "--json"]
    env = environment(cagette.home.folder)
    watching = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
    assert watching.stdout is not None
    shown = [json.loads(watching.stdout.readline()) for _ in range(2)]
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=30)
    assert [list(each) for each in shown] == [["gateway", "training", "billing"]] * 2
    assert watching.returncode == 130


def test_a_view_made_by_older_code_is_named_until_it_is_made_again(cagette: World) -> None:
    cagette.told(notices.market(), notices.producer(), notices.distribution())
    views = cagette.home.views["billing"]
    fees = status_of(cagette.home)["billing"]["views"]["fees"]
    assert fees == {"position": views.log.head(), "version": 1, "version_of_code": 1}
    newer = replace(views.by_name["fees"], version=2)
    with_newer = Views(views.log, (newer,), views.engine)
    with_newer.migrate()  # as an upgrade does: the rows are still those that the older code made
    home = replace(cagette.home, views={**cagette.home.views, "billing": with_newer})
    (said,) = wrong(status_of(home))
    assert said.startswith("view billing.fees was made by version 1 of its code, this is 2: ")
    assert "`cagette replay views billing.fees`" in said
    Rebuild(with_newer, newer).switch()
    assert wrong(status_of(home)) == []


def test_a_home_from_before_views_had_versions_is_told_to_migrate(cagette: World) -> None:
    with cagette.home.views["billing"].engine.begin() as connection:
        VERSIONS.drop(connection)
    refused(run(cagette.home.folder, "status"), "not-migrated", "cagette migrate")
    assert run(cagette.home.folder, "migrate").returncode == 0
    assert status_of(cagette.home)["billing"]["views"]["fees"]["version"] == 1


def test_on_kafka_lag_is_what_was_told_and_not_heard_however_little_a_partition_is_told(
    database_url: str, broker: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path / "home", database_url=database_url, **broker) as cagette:
        cagette.told(notices.market(), *(notices.producer(str(n)) for n in range(30)))
        gateway = cagette.home.gateway
        heard = gateway.head()
        lines = [json.dumps(notices.producer(str(n))).encode() for n in range(100, 103)]
        list(import_lines(cagette.home.gateway_desk, lines, by="test"))
        told, reached = gateway.told(heard, 1_000)
        assert len(told) < reached - gateway.relayed()
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(house, "ALL_TOLD", 2)
            meanwhile.setattr(status, "now", lambda: told[0].time + timedelta(seconds=500))
            waits = status_of(cagette.home)["gateway"]
        assert (waits["unpublished"], waits["unpublished_seconds"]) == (len(told), 500)
        deque(cagette.home.workers["gateway"].publish())
        assert status_of(cagette.home)["gateway"]["unpublished"] == 0
        stood = status_of(cagette.home)["billing"]
        by_stream = Counter(f"gateway/{partition_of(message.key)}" for message in told)
        assert len(told) == 3
        assert stood["lag"] == by_stream
        assert stood["lag_seconds"] < 60
