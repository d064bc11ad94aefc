"""The door keeps a connection open for longer than the clients that use it."""

import http.client
import threading
import time
from contextlib import closing

from deploy.cli.web import web_app
from shared.settings import Settings
from tests.support.served import served
from tests.support.world import World

AS_LONG_AS_CLIENTS_REST = 6
"""Seconds: many clients let go of a connection after five at rest, and may use it until then."""


def test_a_door_closes_no_connection_before_those_who_use_it(cagette: World) -> None:
    with (
        served(web_app(cagette.home, Settings(), "a key", threading.Event())) as port,
        closing(http.client.HTTPConnection("127.0.0.1", port)) as connection,
    ):
        for rest in (AS_LONG_AS_CLIENTS_REST, 0):
            connection.request("GET", "/livez")
            with connection.getresponse() as response:
                assert response.status == 200
                response.read()
            socket = connection.sock
            time.sleep(rest)
        assert connection.sock is socket
