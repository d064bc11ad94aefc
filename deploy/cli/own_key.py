"""The key in a home's file: for its own processes, if the settings give them none."""

import os
from pathlib import Path

from shared.eventstore.lease import FileLease
from shared.web.callers import EVERYTHING
from shared.web.keys import KeyStore

KEY_FILE = "api-key"
HOLDER = "home"
"""The holder of the key in that file."""


def kept_key(folder: Path) -> str | None:
    """The content of a home's file `api-key`, if there is one."""
    file = folder / KEY_FILE
    return file.read_text().strip() if file.exists() else None


def file_key(folder: Path, keys: KeyStore) -> str:
    """The key in the file, which is written once, readable by its owner alone.

    It is replaced if it no longer stands, by one process at a time; the others take what the first
    one wrote.
    """
    standing = _standing(folder, keys)
    if standing:
        return standing
    with FileLease(folder / f"{KEY_FILE}.lease").held():
        return _standing(folder, keys) or _written(folder, keys)


def _standing(folder: Path, keys: KeyStore) -> str | None:
    kept = kept_key(folder)
    return kept if kept and keys.opens(kept) else None


def _written(folder: Path, keys: KeyStore) -> str:
    _, key = keys.add(HOLDER, EVERYTHING, by=HOLDER)
    fresh = folder / f"{KEY_FILE}.{os.getpid()}"
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(key)
    fresh.replace(folder / KEY_FILE)
    return key
