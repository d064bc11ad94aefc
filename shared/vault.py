"""Seals a person's fields into one value, and opens it again.

The scheme stands in front of the content, so that values sealed today stay readable when the
scheme changes: `plain:` is clear JSON; an encrypting scheme comes with its own word.
"""

import msgspec

from shared.kernel.persons import Person, Sealed

PLAIN = "plain:"


def seal(person: Person) -> Sealed:
    """The one value in which a person's fields travel through events and facts."""
    return PLAIN + msgspec.json.encode(person).decode()


def unseal(sealed: Sealed) -> Person:
    """The person's fields again; raises ValueError for a scheme that this version lacks."""
    if not sealed.startswith(PLAIN):
        raise ValueError(f"unknown scheme of a sealed person: {sealed.partition(':')[0]!r}")
    return msgspec.json.decode(sealed.removeprefix(PLAIN), type=Person)


def is_same(one: Sealed, other: Sealed) -> bool:
    """Whether two sealed values are of equal persons."""
    return unseal(one) == unseal(other)
