"""JSON as it is taken here: in UTF-8, without duplicate fields, NaN or Infinity."""

import json
from typing import Any


def parsed(raw: bytes) -> Any:
    """The value of a JSON text; raises ValueError or RecursionError saying what is wrong with it.

    Of a field that comes twice, a library silently keeps only one: that could be money.
    """
    return json.loads(
        raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_each_field_once
    )


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _each_field_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r} appears twice in one object")
    return content
