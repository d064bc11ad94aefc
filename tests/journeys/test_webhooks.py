"""Webhooks as operations run them: the command, the worker that they go out beside, its death."""

import json
import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.delivering import deliver_once, delivering
from deploy.cli.hearing import beside
from deploy.cli.home import opened
from deploy.cli.main import app
from shared.kernel.errors import Refusal
from shared.settings import Settings
from tests.support import notices
from tests.support.commands import Started
from tests.support.processes import wait_until
from tests.support.receiver import Received, Receiver, receiving
from tests.support.world import World, web_client, world

PRODUCERS = ("7", "2045", "10")
SEASON = [
    notices.market(),
    *(notices.producer(producer) for producer in PRODUCERS),
    *(notices.distribution(f"D{n}", dict.fromkeys(PRODUCERS, 1_000 * n)) for n in range(1, 5)),
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as fresh:
        yield fresh


def environment(home: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if "CAGETTE" not in name}
    return {**ours, "CAGETTE_HOME": str(home), "COLUMNS": "300"}


def run(home: Path, *words: str) -> Result:
    """Runs `cagette WORDS` on a home, in this process."""
    return CliRunner().invoke(app, words, env=environment(home))


def answered(home: Path, *words: str) -> Any:
    done = run(home, *words, "--json")
    assert done.exit_code == 0, done
    return json.loads(done.stdout)


def refusal(home: Path, *words: str) -> Refusal:
    reason = run(home, *words).exception
    assert isinstance(reason, Refusal)
    return reason


@contextmanager
def at_work(home: Path) -> Iterator[Started]:
    """`cagette work` on a home, in a process of its own."""
    process = Started(("work",), environment(home), home / "worker.log")
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def by_key(received: list[Received]) -> dict[str, list[int]]:
    """The places of the feed by key, in the order in which they came in."""
    found: dict[str, list[int]] = defaultdict(list)
    for each in received:
        found[each.event["subject"]].append(int(each.event["sequence"]))
    return dict(found)


def test_a_webhook_is_the_event_of_the_feed_and_its_secret_is_shown_once(
    cagette: World, receiver: Receiver
) -> None:
    home = cagette.home.folder
    added = answered(home, "webhooks", "add", receiver.url)
    assert added["secret"].startswith("whsec_")
    cagette.told(*SEASON)
    deliver_once(cagette.home)
    page = web_client(cagette).get("/events", params={"after": added["place"], "limit": 200})
    events = page.json()["events"]
    assert [received.verified(added["secret"]) for received in receiver.received] == events
    assert receiver.ids == [event["id"] for event in events]
    [listed] = answered(home, "webhooks", "list")
    assert (listed["lag"], listed["waiting"], listed["state"]) == (0, 0, "ACTIVE")
    said = [run(home, "webhooks", "list").stdout, json.dumps(listed), run(home, "status").stdout]
    assert not any("whsec" in text for text in said)
    assert listed["url"] == receiver.url


def test_the_command_refuses_what_cannot_be_and_says_what_can(
    cagette: World, receiver: Receiver
) -> None:
    home = cagette.home.folder
    for words, name in {
        ("add", "http://a.example/"): "not-valid",
        ("add", receiver.url, "--type", "Nothing"): "not-valid",
        ("remove", "1", "--why", "x"): "not-found",
        ("replay", "1", "--after", "0"): "not-found",
    }.items():
        assert refusal(home, "webhooks", *words).name == name
    words = ("add", receiver.url, "--type", "InvoiceIssued")
    assert answered(home, "webhooks", *words)["types"] == ["cagette.billing.InvoiceIssued.v1"]
    assert refusal(home, "webhooks", "add", receiver.url).name == "endpoint-known"
    assert "--why" in refusal(home, "webhooks", "remove", "1").sentence
    answered(home, "webhooks", "remove", "1", "--why", "we poll now")
    assert answered(home, "webhooks", "list") == []


def test_a_receiver_that_is_gone_makes_status_fail_until_a_replay_wakes_it(
    cagette: World, receiver: Receiver
) -> None:
    home = cagette.home.folder
    answered(home, "webhooks", "add", receiver.url)
    receiver.answer = lambda _: 410
    cagette.told(notices.producer("7"))
    deliver_once(cagette.home)
    status = run(home, "status", "--json")
    figures = {"endpoints": 1, "gone": 1, "waiting": 0, "given_up": 0}
    assert (status.exit_code, json.loads(status.stdout)["gateway"]["webhooks"]) == (1, figures)
    answered(home, "webhooks", "replay", "1", "--after", "0")
    receiver.answer = lambda _: 200
    deliver_once(cagette.home)
    assert answered(home, "status")["gateway"]["webhooks"]["gone"] == 0
    assert len(receiver.received) > 1


def test_a_deliverer_killed_between_sending_and_storing_sends_again_and_loses_nothing(
    tmp_path: Path, receiver: Receiver
) -> None:
    home = tmp_path / "home"
    with world(home) as cagette:
        cagette.told(*SEASON)
        expected = web_client(cagette).get("/events?limit=200").json()["events"]
    answered(home, "webhooks", "add", receiver.url)
    answered(home, "webhooks", "replay", "1", "--after", "0")
    seventh: list[str] = []
    with at_work(home) as process:

        def kill(received: Received) -> int:
            if len(receiver.received) == 7:
                seventh.append(received.id)
                process.kill()
                process.wait(30)
            return 200

        receiver.answer = kill
        wait_until(lambda: process.poll() is not None)
    receiver.answer = lambda _: 200
    with at_work(home) as process:
        wait_until(lambda: len(set(receiver.ids)) == len(expected))
        process.ask_to_end()
        assert process.wait(30) == 0
    assert [id_ for id_ in receiver.ids if receiver.ids.count(id_) > 1] == seventh * 2
    assert set(receiver.ids) == {event["id"] for event in expected}
    assert all(places == sorted(places) for places in by_key(receiver.received).values())


def test_a_worker_stops_in_time_and_billing_goes_on_while_a_receiver_hangs(
    tmp_path: Path, receiver: Receiver
) -> None:
    home, released = tmp_path / "home", threading.Event()
    receiver.answer = lambda _: 200 if released.wait(120) else 500
    with world(home) as cagette:
        answered(home, "webhooks", "add", receiver.url)
        cagette.told(notices.producer("7"))
    with at_work(home) as process:
        wait_until(lambda: len(receiver.received) == 1)
        with opened(Settings(home=home)) as houses:
            before = houses.billing.heard()
            web_client(World(houses)).put("/producers/8", json=notices.producer("8")["body"])
            wait_until(lambda: houses.billing.heard() != before)
        process.ask_to_end()
        assert process.wait(30) == 0
    released.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_deliverer_that_breaks_ends_what_it_works_beside_and_says_why() -> None:
    ended = threading.Event()

    def broken() -> None:
        raise SystemError("a fault of our own")

    with (
        pytest.raises(SystemError, match="of our own"),
        beside("deliverer", broken, ended.set),
    ):
        assert ended.wait(30)


def test_only_one_delivers_at_a_time(cagette: World, receiver: Receiver) -> None:
    answered(cagette.home.folder, "webhooks", "add", receiver.url)
    cagette.told(notices.producer("7"))
    with cagette.home.webhooks_lease.held():
        deliver_once(cagette.home)
    assert receiver.received == []
    with delivering(cagette.home, lambda: None):
        wait_until(lambda: len(receiver.received) > 0)
