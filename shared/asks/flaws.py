"""Turns pydantic's errors into flaws: one JSON pointer and one sentence per field."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from shared.kernel.errors import Flaw

MAXIMUM_FLAWS = 50
"""More than a person reads, and a cap on what a broken sender can make us send back."""


def flaws_of(reason: ValidationError, under: Sequence[str] = ()) -> list[Flaw]:
    """The flaws in a body; `under` is where the body is in what was sent."""
    return flaws_in(reason.errors(include_url=False, include_context=False), under)


def flaws_in(errors: Sequence[Mapping[str, Any]], under: Sequence[str] = ()) -> list[Flaw]:
    """The flaws in a list of pydantic's errors; a whole is not blamed for a flaw in a part."""
    flaws = [Flaw(pointer([*under, *error["loc"]]), error["msg"]) for error in errors]
    pointers = [flaw.pointer for flaw in flaws]
    return [
        flaw
        for flaw in flaws
        if not any(other.startswith(f"{flaw.pointer}/") for other in pointers)
    ][:MAXIMUM_FLAWS]


def pointer(path: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901)."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps)
