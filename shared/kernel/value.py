"""The base of values that are made, remembered and read back by the million."""

from typing import dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True)
class Value(msgspec.Struct, frozen=True, gc=False):
    """A frozen record, equal to any of its class with equal fields.

    It says what a frozen dataclass says, is made in a sixth of the time and stored the same. What
    is frozen can never come to hold itself: the search for such garbage passes it by.
    """
