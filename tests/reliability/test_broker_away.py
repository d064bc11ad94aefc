"""A listener whose broker is away tries again and again, and keeps nothing of each try."""

import gc
import threading

import pytest

from deploy.local.processes import free_port
from shared.messaging.kafka import Broker
from shared.messaging.kafka_source import KafkaSource
from shared.messaging.source import BrokerAway

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
"""The client leaves refused sockets to the garbage collector, unless a log holds them."""


def test_a_try_that_fails_leaves_no_thread_behind(caplog: pytest.LogCaptureFixture) -> None:
    """Stock kafka-python leaves a thread and four files for every consumer it cannot make."""
    caplog.set_level("CRITICAL", "kafka")
    source = KafkaSource(Broker(f"127.0.0.1:{free_port()}", "cagette"), ["gateway"])
    before = threading.active_count()
    with pytest.raises(BrokerAway):
        source.poll({}, 1)
    assert threading.active_count() == before
    source.close()
    gc.collect()
