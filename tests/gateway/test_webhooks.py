"""Webhooks: signed, at least once, in order per producer, for three days; the receiver is real."""

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from standardwebhooks import WebhookVerificationError

from services.gateway.adapters.deliverer import Deliverer, Page
from services.gateway.adapters.deliveries import Deliveries
from services.gateway.adapters.endpoints import EndpointKnown, Endpoints
from services.gateway.adapters.webhooks import Outgoing, checked_url
from services.gateway.domain.delivery import PATIENCE, PAUSES, next_try
from shared.eventstore.engines import postgres_engine, sqlite_engine
from shared.kernel.errors import NotFound, NotValid
from tests.support.processes import wait_until
from tests.support.receiver import Received, Receiver, receiving

SECRET = "whsec_" + "c2VjcmV0" * 4
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of each kind."""
    if request.param == "sqlite":
        fresh = sqlite_engine(tmp_path / "gateway.sqlite")
    else:
        fresh = postgres_engine(request.getfixturevalue("database_url"), "public")
    yield fresh
    fresh.dispose()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as fresh:
        yield fresh


class Desk:
    """Endpoints and their deliverer, a feed to fill, and a clock to turn."""

    def __init__(self, engine: Engine) -> None:
        self.now = NOW
        self.feed: list[Outgoing] = []
        self.endpoints = Endpoints(engine)
        self.endpoints.migrate()
        self.deliveries = Deliveries(engine)
        self.deliverer = self.made()

    def made(self, **limits: int) -> Deliverer:
        return Deliverer(self.deliveries, self._page, lambda: self.now, **limits)

    def _page(self, after: int, limit: int) -> Page:
        found = tuple(event for event in self.feed if event.place > after)[:limit]
        full = len(found) == limit
        return Page(found, found[-1].place if full else max(after, len(self.feed)))

    def tell(self, *keys: str, type: str = "T") -> None:
        """Add events of these keys to the feed, named by their place."""
        for key in keys:
            place = len(self.feed) + 1
            self.feed.append(Outgoing(place, f"e{place}", type, key, f'{{"subject":"{key}"}}'))

    def add(self, url: str, *types: str, place: int = 0) -> int:
        return self.endpoints.add(url, types, SECRET, place, by="test", now=self.now)

    def deliver(self, later: timedelta = timedelta(0)) -> None:
        self.now += later
        asyncio.run(self.deliverer.once())

    def listed(self, *names: str) -> Any:
        [row] = self.endpoints.listed()
        return tuple(row[name] for name in names)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


def failing(*keys: str) -> Any:
    """Answers 500 to what is about these keys."""
    return lambda received: 500 if received.event["subject"] in keys else 200


def test_a_webhook_proves_who_sent_it_and_when(desk: Desk, receiver: Receiver) -> None:
    desk.now = datetime.now(UTC)
    desk.tell("7")
    desk.add(receiver.url)
    desk.deliver()
    [received] = receiver.received
    assert received.verified(SECRET) == {"subject": "7"}
    assert received.headers["content-type"] == "application/cloudevents+json"
    changed = Received(received.headers, received.body.replace("7", "8"))
    with pytest.raises(WebhookVerificationError):
        changed.verified(SECRET)


def test_what_fails_waits_with_its_producer_while_others_go_on_and_order_is_kept(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.answer = failing("7")
    desk.tell("7", "8", "7", "8", "9", "7")
    desk.add(receiver.url)
    desk.deliver()
    assert receiver.ids == ["e1", "e2", "e4", "e5"]
    assert desk.listed("place", "waiting", "waiting_since") == (6, 3, NOW)
    desk.tell("7", "8")
    desk.deliver(4 * SECOND)
    assert receiver.ids[4:] == ["e8"]
    receiver.answer = failing()
    desk.deliver(2 * SECOND)
    assert receiver.ids[5:] == ["e1", "e3", "e6", "e7"]
    assert desk.listed("waiting", "given_up", "error") == (0, 0, "answered 500")


def test_after_three_days_an_event_is_given_up_and_its_producer_goes_on(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.answer = failing("7")
    desk.tell("7")
    desk.add(receiver.url)
    desk.deliver()
    for pause in PAUSES[:-1]:
        tries = len(receiver.received)
        desk.deliver(pause - SECOND)
        assert len(receiver.received) == tries
        desk.deliver(SECOND)
        assert len(receiver.received) == tries + 1
    desk.tell("7")
    desk.deliver(PAUSES[-1])
    assert desk.listed("waiting", "given_up") == (2, 0)
    desk.now = NOW + PATIENCE - SECOND
    desk.deliver()
    assert desk.listed("waiting", "given_up") == (2, 0)
    desk.deliver(SECOND)
    assert desk.listed("waiting", "given_up", "given_up_first") == (1, 1, 1)
    assert receiver.ids.count("e2") == 1
    receiver.answer = failing()
    desk.tell("7")
    desk.deliver(5 * SECOND)
    assert receiver.ids[-2:] == ["e2", "e3"]


def test_what_was_given_up_is_sent_again_by_a_replay(desk: Desk, receiver: Receiver) -> None:
    receiver.answer = failing("7")
    desk.tell("8", "7", "8")
    id_ = desk.add(receiver.url)
    desk.deliver()
    desk.deliver(PATIENCE)
    assert desk.listed("waiting", "given_up", "given_up_first") == (0, 1, 2)
    receiver.answer = failing()
    desk.endpoints.replay(id_, 1, by="test", now=desk.now)
    desk.deliver()
    assert receiver.ids == ["e1", "e2", "e3", "e2", "e2", "e3"]
    assert desk.listed("waiting", "given_up") == (0, 0)


def test_a_replay_goes_back_never_forward_and_keeps_what_waited_before_it(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.answer = failing("7")
    desk.tell("7", "8", "7")
    id_ = desk.add(receiver.url)
    desk.deliver()
    for place in (-1, 4):
        with pytest.raises(NotValid):
            desk.endpoints.replay(id_, place, by="test", now=desk.now)
    with pytest.raises(NotFound):
        desk.endpoints.replay(id_ + 1, 0, by="test", now=desk.now)
    receiver.answer = failing()
    desk.endpoints.replay(id_, 1, by="test", now=desk.now)
    desk.deliver()
    desk.deliver(5 * SECOND)
    assert receiver.ids[2:] == ["e2", "e1", "e3"]


def test_a_replay_asked_for_while_an_event_is_under_way_is_not_overtaken_by_it(
    desk: Desk, receiver: Receiver
) -> None:
    desk.tell("7", "8", "9")
    id_ = desk.add(receiver.url)

    def ask(received: Received) -> int:
        if receiver.ids.count("e2") == 1 and received.id == "e2":
            desk.endpoints.replay(id_, 0, by="test", now=desk.now)
        return 200

    receiver.answer = ask
    desk.deliver()
    desk.deliver()
    assert receiver.ids == ["e1", "e2", "e1", "e2", "e3"]


def test_a_receiver_that_answers_410_is_told_no_more_until_a_replay(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 410
    desk.tell("7", "8")
    id_ = desk.add(receiver.url)
    desk.deliver()
    desk.deliver(PATIENCE)
    assert receiver.ids == ["e1"]
    assert desk.listed("state", "place", "error") == ("GONE", 0, "answered 410")
    receiver.answer = failing()
    desk.endpoints.replay(id_, 0, by="test", now=desk.now)
    desk.deliver()
    assert receiver.ids == ["e1", "e1", "e2"]


def test_only_the_types_that_were_asked_for_are_sent(desk: Desk, receiver: Receiver) -> None:
    desk.tell("7", type="A")
    desk.tell("7", type="B")
    desk.tell("7", type="C")
    desk.add(receiver.url, "A", "C")
    desk.deliver()
    assert receiver.ids == ["e1", "e3"]
    assert desk.listed("place") == (3,)


def test_the_pause_that_a_receiver_asks_for_is_kept(desk: Desk, receiver: Receiver) -> None:
    receiver.answer = lambda _: (503, {"Retry-After": "60"})
    desk.tell("7")
    desk.add(receiver.url)
    for later, sent in ((0, 1), (59, 1), (1, 2)):
        desk.deliver(later * SECOND)
        assert len(receiver.received) == sent


def test_an_endpoint_for_which_too_much_waits_goes_no_further_and_loses_nothing(
    desk: Desk, receiver: Receiver
) -> None:
    desk.deliverer = desk.made(maximum_waiting=3)
    receiver.answer = lambda _: 500
    keys = [str(key) for key in range(8)]
    desk.tell(*keys)
    desk.add(receiver.url)
    desk.deliver()
    assert desk.listed("place", "waiting") == (3, 3)
    receiver.answer = failing()
    receiver.received.clear()
    desk.deliver(5 * SECOND)
    assert receiver.ids == [f"e{place}" for place in range(1, 9)]


def test_a_redirection_is_a_failure_and_is_not_followed(desk: Desk, receiver: Receiver) -> None:
    receiver.answer = lambda _: (302, {"Location": receiver.url})
    desk.tell("7")
    desk.add(receiver.url)
    desk.deliver()
    assert desk.listed("waiting", "error") == (1, "answered 302")
    assert len(receiver.received) == 1


def test_nobody_at_the_other_end_is_a_failure_that_says_so(desk: Desk) -> None:
    desk.tell("7")
    desk.add("http://127.0.0.1:9/hooks")
    desk.deliver()
    waiting, error = desk.listed("waiting", "error")
    assert waiting == 1
    assert "ConnectError" in error


def test_a_receiver_that_hangs_holds_up_neither_others_nor_the_end(
    desk: Desk, receiver: Receiver
) -> None:
    released, stop = threading.Event(), threading.Event()
    desk.tell(*"123456")
    with receiving() as hanging:
        hanging.answer = lambda _: 200 if released.wait(60) else 500
        desk.add(hanging.url)
        desk.add(receiver.url)
        work = threading.Thread(target=lambda: asyncio.run(desk.deliverer.run(stop.is_set)))
        work.start()
        wait_until(lambda: len(receiver.received) == 6, seconds=8)
        assert len(hanging.received) == 1
        began = time.monotonic()
        stop.set()
        work.join()
        assert time.monotonic() - began < 8
        released.set()


def test_a_receiver_that_does_not_answer_in_time_has_failed(desk: Desk) -> None:
    released = threading.Event()
    desk.deliverer = desk.made(timeout_seconds=1)
    desk.tell("7")
    with receiving() as hanging:
        hanging.answer = lambda _: 200 if released.wait(60) else 500
        desk.add(hanging.url)
        desk.deliver()
        released.set()
    assert desk.listed("waiting", "error") == (1, "no answer within 1 s")


def test_who_is_removed_is_told_nothing_more_and_may_come_again_as_another(
    desk: Desk, receiver: Receiver
) -> None:
    receiver.answer = failing("7")
    desk.tell("7")
    id_ = desk.add(receiver.url)
    with pytest.raises(EndpointKnown):
        desk.add(receiver.url)
    desk.deliver()
    desk.endpoints.remove(id_, by="test", why="no more", now=desk.now)
    desk.deliver(PATIENCE)
    assert (len(receiver.received), desk.endpoints.listed()) == (1, [])
    with pytest.raises(NotFound):
        desk.endpoints.remove(id_, by="test", why="again", now=desk.now)
    assert desk.add(receiver.url) == id_ + 1


@pytest.mark.parametrize(
    ("failures", "asked", "pause"),
    [
        *((1, 0, 5), (2, 0, 30), (3, 0, 120), (4, 0, 600), (5, 0, 3600), (6, 0, 10800)),
        *((9, 0, 10800), (1, 90, 90), (3, 90, 120), (1, 10**6, 3 * 86400)),
    ],
)
def test_pauses_grow_and_the_receiver_may_ask_for_longer_ones(
    failures: int, asked: int, pause: int
) -> None:
    assert next_try(NOW, failures, NOW, asked * SECOND) == NOW + pause * SECOND


def test_the_last_try_is_when_the_patience_ends() -> None:
    late = NOW + PATIENCE - SECOND
    assert next_try(NOW, 20, late, timedelta(0)) == NOW + PATIENCE


@pytest.mark.parametrize(
    "url",
    ["https://a.example/hooks?x=1", "http://127.0.0.1:80/x", "http://[::1]/", "http://localhost"],
)
def test_a_url_for_webhooks_is_encrypted_or_leads_to_this_machine(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        *("http://a.example/", "http://10.0.0.1/", "ftp://a.example/", "a.example", "https://"),
        *("https://u:p@a.example/", "https://a.example/#x", "https://a.example:x/", "", "file:/x"),
        *("http://127.0.0.1.a.example/", "https://a.example/\n", "https://a/" + "x" * 2_000),
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(NotValid):
        checked_url(url)
