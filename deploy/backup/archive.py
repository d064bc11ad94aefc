"""A backup on disk: a folder of gzipped files, and a manifest that proves each of them.

Files are gzipped NDJSON, one row per line, for `zcat` and `jq` to read. They are written to a
folder beside the final one, which is renamed last: what has the name of a backup is complete.
"""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from shared.kernel.errors import Refusal

FORMAT = 1
"""The format of a backup; a higher one was written by newer code."""

MANIFEST = "manifest.json"
VAULT = "vault.keys"
"""The file that may be kept apart from all the others."""

BUFFER_BYTES = 1 << 16

PACKED = 3
"""The gzip level: for a log, half the time of the default level, and a tenth more space."""


class BackupDamaged(Refusal):
    """A folder that is not a backup, or no longer the one that was written."""

    name = "backup-damaged"


class NotEmpty(Refusal):
    """The place for a backup, or for what is restored, already holds something."""

    name = "not-empty"


class File(msgspec.Struct, frozen=True):
    """What proves one file."""

    rows: int
    sha256: str


class House(msgspec.Struct, frozen=True):
    """What proves the log of one house: its end, and how far it had heard the others."""

    head: int
    seal: str
    heard: dict[str, int]


class Manifest(msgspec.Struct, frozen=True):
    """What is in a backup, and which version of the product wrote it.

    `is_embedded`: houses read each other's logs; otherwise facts came by partitions of topics.
    """

    format: int
    version: str
    schema: int
    is_embedded: bool
    taken_at: datetime
    houses: dict[str, House]
    files: dict[str, File]


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to write to, which gets its name if all goes well, and is removed otherwise."""
    if folder.exists():
        raise NotEmpty(f"{folder} already exists: name a new folder.")
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        partial.mkdir(mode=0o700, parents=True)
    except FileExistsError as reason:
        raise NotEmpty(
            f"{partial} exists: another backup is under way, or one was interrupted; then remove "
            "it."
        ) from reason
    try:
        yield partial
        partial.rename(folder)
    finally:
        if partial.exists():
            for file in partial.iterdir():
                file.unlink()
            partial.rmdir()


def file_of(folder: Path, name: str) -> Path:
    """The file with the rows of a table."""
    return folder / f"{name}.ndjson.gz"


def written(folder: Path, name: str, rows: Iterable[Any]) -> File:
    """Write rows to a file that only its owner can read; return what proves it."""
    file, count = file_of(folder, name), 0
    encode = msgspec.json.Encoder().encode
    file.touch(0o600)
    with (
        gzip.open(file, "wb", compresslevel=PACKED) as packed,
        io.BufferedWriter(packed, BUFFER_BYTES) as lines,
    ):
        for row in rows:
            lines.write(encode(row) + b"\n")
            count += 1
    return File(count, _digest(file))


def finished(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, which comes last."""
    text = msgspec.json.format(msgspec.json.encode(manifest))
    (folder / MANIFEST).write_bytes(text + b"\n")


def proved(folder: Path, *, without: Iterable[str] = ()) -> Manifest:
    """Prove every file of a backup except those in `without`; return its manifest.

    Raises BackupDamaged, naming the file that is not as it was written.
    """
    file = folder / MANIFEST
    if not file.exists():
        raise BackupDamaged(f"{folder} is not a backup: it has no {MANIFEST}.")
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except msgspec.MsgspecError as reason:
        raise BackupDamaged(f"{file} is not what was written: {reason}.") from reason
    if manifest.format > FORMAT:
        raise BackupDamaged(
            f"{folder} is of format {manifest.format}, this version knows {FORMAT}: install a "
            "newer version."
        )
    for name, proof in manifest.files.items():
        if name not in set(without) and _digest(file_of(folder, name)) != proof.sha256:
            raise BackupDamaged(
                f"{file_of(folder, name)} is not what was written: use another copy of it."
            )
    return manifest


def rows_in(file: Path, shape: Any) -> Iterator[Any]:
    """The rows of a file, in order; raises BackupDamaged if it or a row cannot be read."""
    decode = msgspec.json.Decoder(shape).decode
    try:
        with gzip.open(file, "rb") as packed:
            yield from map(decode, packed)
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError) as reason:
        raise BackupDamaged(f"{file} cannot be read: {reason}.") from reason


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except FileNotFoundError as reason:
        raise BackupDamaged(f"{file} is missing: a backup needs all of its files.") from reason
