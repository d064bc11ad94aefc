"""The cipher: a person's fields as one sealed value, `siv1:<key name>:<base64url>`.

AES-SIV (RFC 5297) needs no nonce: the same person under the same key gives the same value. So
values are compared as they are, a replay gives the same bytes, and no digest of a person is kept,
which would outlive the key. The key's name is authenticated with the content.

`plain:<JSON>` is what this product's first version wrote; it is still read, never written.
"""

import base64
import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from shared.kernel.errors import Refusal
from shared.kernel.persons import IN_CLEAR, Person, Sealed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

SCHEME = "siv1"
KEY_BYTES = 64
SEALED = re.compile(r"siv1:([A-Za-z0-9_./-]+):([A-Za-z0-9_-]+)")
IN_JSON = re.compile(rb'"(siv1:[^"]+)"')
"""Finds a sealed value as the logs hold it."""


class SealBroken(Refusal):
    """A sealed value that cannot be opened, although its key was not destroyed."""

    name = "seal-broken"


class Envelope(NamedTuple):
    """A sealed value taken apart: the name of its key, and what only that key opens."""

    key_name: str
    content: bytes


def sealed_under(key: bytes, key_name: str, person: Person) -> Sealed:
    """A person's fields, sealed under a key."""
    content = _cipher(key).encrypt(msgspec.json.encode(person), _bound_to(key_name))
    return f"{SCHEME}:{key_name}:{base64.urlsafe_b64encode(content).decode().rstrip('=')}"


def taken_apart(sealed: Sealed) -> Envelope:
    """A sealed value's key name and content; raises SealBroken for anything else."""
    found = SEALED.fullmatch(sealed)
    if found is None or len(found[2]) % 4 == 1:
        raise SealBroken(
            "A person's value is sealed in a way that this version does not know: install the "
            "version that wrote it, or restore it from a backup."
        )
    key_name, content = found.groups()
    padded = content + "=" * (-len(content) % 4)
    return Envelope(key_name, base64.b64decode(padded, altchars=b"-_"))


def opened_with(key: bytes, envelope: Envelope) -> Person:
    """The person's fields again; raises SealBroken if the key does not open the value."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as in `_cipher`

    try:
        content = _cipher(key).decrypt(envelope.content, _bound_to(envelope.key_name))
    except (InvalidTag, ValueError) as reason:
        raise SealBroken(
            f"The key {envelope.key_name} does not open what was sealed under it: restore the "
            "backup of the vault that belongs to this log."
        ) from reason
    return msgspec.json.decode(content, type=Person)


def read_in_clear(sealed: Sealed) -> Person:
    """The fields of a person as the first version wrote them."""
    return msgspec.json.decode(sealed.removeprefix(IN_CLEAR), type=Person)


def _bound_to(key_name: str) -> list[bytes]:
    return [SCHEME.encode(), key_name.encode()]


def _cipher(key: bytes) -> "AESSIV":
    """AES-SIV, imported at its first use: most commands open nobody, and save 40 ms."""
    from cryptography.hazmat.primitives.ciphers import aead  # noqa: PLC0415

    return aead.AESSIV(key)
