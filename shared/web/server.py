"""HTTP/1.1 as uvicorn speaks it, with problems for what never becomes a request."""

import sys

from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.kernel.errors import Refusal
from shared.web.problems import problem
from shared.web.refusals import BadRequest, HeadersTooLarge

TOO_LARGE = 431


class ProblemProtocol(H11Protocol):
    """Answers bytes that are not a request with problem+json, and closes the connection."""

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn when a client's bytes are not HTTP; `msg` says little."""
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(_response(_refusal(sys.exception(), msg)))
        self.transport.close()


def _refusal(error: BaseException | None, msg: str) -> Refusal:
    if getattr(error, "error_status_hint", None) == TOO_LARGE:
        return HeadersTooLarge(f"The request's line and headers are too large: {error}.")
    return BadRequest(f"This is not an HTTP/1.1 request: {error or msg}.")


def _response(refusal: Refusal) -> bytes:
    """A problem as bytes: no app is at hand to send it."""
    response = problem(refusal)
    headers = [*response.raw_headers, (b"connection", b"close")]
    lines = [b"HTTP/1.1 %d %s" % (response.status_code, b"Refused")]
    lines += [b"%s: %s" % each for each in headers]
    return b"\r\n".join([*lines, b"", bytes(response.body)])
