"""An app served on a port of this machine, as `cagette serve` serves it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from deploy.cli.door import configured
from deploy.local.processes import free_port
from shared.settings import Settings


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    """Serve an app in the background; yields its port."""
    port = free_port()
    server = uvicorn.Server(configured(app, Settings(port=port)))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield port
    finally:
        server.should_exit = True
        thread.join()


def sent(port: int, content: bytes) -> tuple[bytes, dict[str, str], bytes]:
    """Send bytes as they are; the status line, headers and body that come back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    parted = (line.decode().partition(": ") for line in lines)
    return status, {name.lower(): value for name, _, value in parted}, body
