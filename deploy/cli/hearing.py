"""Hearing, with patience for what passes by itself."""

import time

from deploy.cli.home import Home
from deploy.cli.output import err
from shared.eventstore.failures import STORAGE_EXCEPTIONS, storage_refusal
from shared.eventstore.lease import HomeBusy

POLL_SECONDS = 0.05
RETRY_SECONDS = 1
WORTH_WAITING: tuple[type[Exception], ...] = (HomeBusy, *STORAGE_EXCEPTIONS)
"""What passes by itself; anything else ends the process."""


def hear(home: Home) -> int:
    """Let all houses catch up, as far as that goes now; how much was taken in."""
    try:
        return sum(home.catch_up())
    except WORTH_WAITING as reason:
        if isinstance(reason, STORAGE_EXCEPTIONS) and storage_refusal(reason) is None:
            raise
        err.print(f"hearing waits: {reason}", markup=False, highlight=False)
        time.sleep(RETRY_SECONDS)
        return 0
