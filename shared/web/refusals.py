"""What the door itself refuses, before any house is asked."""

from shared.kernel.errors import Refusal


class BadRequest(Refusal):
    """A request that cannot be read at all."""

    name = "bad-request"


class Unauthorized(Refusal):
    """No key, or one that opens nothing here."""

    name = "unauthorized"


class ScopeMissing(Refusal):
    """A key that stands, but is not good for this."""

    name = "scope-missing"

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"This needs a key with the scope `{scope}`, which this one does not have."
        )
        self.scope = scope


class MethodNotAllowed(Refusal):
    """A path that exists, but not for this method."""

    name = "method-not-allowed"


class NotAcceptable(Refusal):
    """`Accept` excludes everything that would be given."""

    name = "not-acceptable"


class TooSlow(Refusal):
    """A body that does not arrive in time."""

    name = "too-slow"


class TooLarge(Refusal):
    """A body above the limit."""

    name = "too-large"


class UnsupportedMediaType(Refusal):
    """A body of a kind that is not taken here."""

    name = "unsupported-media-type"


class TooManyRequests(Refusal):
    """A key that is used faster than allowed."""

    name = "too-many-requests"

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(
            f"This key is used faster than allowed: retry in {wait_seconds} s, or send many "
            "notices at once as an import."
        )
        self.wait_seconds = wait_seconds


class HeadersTooLarge(Refusal):
    """A request line and headers larger than the server reads."""

    name = "headers-too-large"


class Overloaded(Refusal):
    """The maximum number of requests is already under way."""

    name = "overloaded"


class InternalError(Refusal):
    """An error of our own."""

    name = "internal-error"
