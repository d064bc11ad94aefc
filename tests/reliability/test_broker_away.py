"""A listener whose broker is away tries again and again, and keeps nothing of each try."""

import threading

import pytest

from deploy.local.processes import free_port
from shared.messaging.kafka import Broker
from shared.messaging.kafka_source import KafkaSource
from shared.messaging.source import BrokerAway


def test_a_try_that_fails_leaves_no_thread_behind() -> None:
    """Stock kafka-python leaves a thread and four files for every consumer it cannot make."""
    source = KafkaSource(Broker(f"127.0.0.1:{free_port()}", "cagette"), ["gateway"])
    before = threading.active_count()
    with pytest.raises(BrokerAway):
        source.poll({}, 1)
    assert threading.active_count() == before
    source.close()
