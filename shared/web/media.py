"""What a request carries and what it accepts in return, by its headers (RFC 9110)."""

from functools import lru_cache

from starlette.types import Scope

JSON = "application/json"
NDJSON = "application/x-ndjson"
BYTES = "application/octet-stream"
"""The type of a body that does not say what it is."""

REMEMBERED = 256
"""Senders send the same few headers, so each is parsed only once."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """A header of a request; one that was sent in parts is joined."""
    found = [value for key, value in scope["headers"] if key == name]
    if len(found) > 1:
        return b", ".join(found)
    return found[0] if found else None


def has_body(scope: Scope) -> bool:
    """Whether a request says that it has a body."""
    length = header(scope, b"content-length")
    return header(scope, b"transfer-encoding") is not None or length not in (None, b"0")


@lru_cache(REMEMBERED)
def is_taken(content_type: bytes | None, taken: tuple[str, ...]) -> bool:
    """Whether a body of this type can be read: JSON under any name, and only in UTF-8."""
    if content_type is None:
        return BYTES in taken
    kind, parameters = _parted(content_type.decode("latin-1"))
    if parameters.get("charset", "utf-8") not in ("utf-8", "utf8"):
        return False
    is_json = kind.startswith("application/") and kind.endswith("+json")
    return kind in taken or (is_json and JSON in taken)


@lru_cache(REMEMBERED)
def is_accepted(accept: bytes | None, given: tuple[str, ...]) -> bool:
    """Whether `Accept` allows any of what can be given."""
    return accept is None or not accept.strip() or any(_allows(accept, kind) for kind in given)


def _allows(accept: bytes, given: str) -> bool:
    """The most specific range that matches decides."""
    ranges = {given: 0, f"{given.partition('/')[0]}/*": 1, "*/*": 2}
    allowed: dict[int, bool] = {}
    for part in accept.decode("latin-1").split(","):
        kind, parameters = _parted(part)
        if kind in ranges:
            is_wanted = bool(parameters.get("q", "1").strip("0."))
            allowed[ranges[kind]] = allowed.get(ranges[kind], False) or is_wanted
    return bool(allowed) and allowed[min(allowed)]


def _parted(text: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters, in lower case."""
    kind, *rest = text.lower().split(";")
    named = (part.partition("=") for part in rest)
    return kind.strip(), {name.strip(): value.strip(' "\t') for name, _, value in named}
