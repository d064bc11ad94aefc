"""Hearing, with patience for failures that pass by themselves."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NoReturn

from deploy.cli.home import Home
from deploy.cli.output import err
from shared.eventstore.failures import STORAGE_EXCEPTIONS, storage_refusal
from shared.eventstore.lease import HomeBusy
from shared.messaging.source import BrokerAway
from shared.messaging.worker import Worker

POLL_SECONDS = 0.01
RETRY_SECONDS = 1
WORTH_WAITING: tuple[type[Exception], ...] = (BrokerAway, HomeBusy, *STORAGE_EXCEPTIONS)
"""Failures that pass by themselves; any other ends the process."""


def hear(home: Home) -> None:
    """Let all houses catch up, as far as they can now."""
    with patience():
        home.caught_up()


def stop_on_sigterm() -> threading.Event:
    """An event that SIGTERM sets; the signal also interrupts whatever waits.

    Both are needed: an interrupt raised in a finalizer is lost.
    """
    stop = threading.Event()

    def ended(*_: object) -> NoReturn:
        stop.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, ended)
    return stop


def keep_working(workers: Sequence[Worker], stop: threading.Event) -> None:
    """Be the worker of some houses until told to stop, once any other one of theirs has ended."""
    while not stop.is_set():
        with patience(), ExitStack() as stack:
            for worker in workers:
                stack.enter_context(worker.lease.held())
            err.print(f"at work: {', '.join(worker.house.name for worker in workers)}")
            while not stop.is_set():
                for worker in workers:
                    _steps(worker, stop)
                if not any(worker.waits for worker in workers):
                    time.sleep(POLL_SECONDS)


@contextmanager
def beside(name: str, work: Callable[[], None], end: Callable[[], None]) -> Iterator[None]:
    """Work on a thread meanwhile. `end` stops the thread, and the work beside it.

    If the thread breaks, the work beside it is ended, and the exception is raised there.
    """
    broken: list[BaseException] = []

    def worked() -> None:
        try:
            work()
        except BaseException as reason:
            broken.append(reason)
            end()
            raise

    thread = threading.Thread(target=worked, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end()
        thread.join()
    if broken:
        raise broken[0]


def _steps(worker: Worker, stop: threading.Event) -> None:
    for _ in worker.steps(surely=False):
        if stop.is_set():
            return


@contextmanager
def patience() -> Iterator[None]:
    """Report a failure that passes by itself, and wait a moment; any other is not caught."""
    try:
        yield
    except WORTH_WAITING as reason:
        if isinstance(reason, STORAGE_EXCEPTIONS) and storage_refusal(reason) is None:
            raise
        err.print(f"waiting: {reason}", markup=False, highlight=False)
        time.sleep(RETRY_SECONDS)
