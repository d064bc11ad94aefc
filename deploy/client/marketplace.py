"""How the marketplace tells the gateway, from its own transaction to the answer.

    python -m deploy.client.marketplace --url http://127.0.0.1:8080/v1 --key ck_… --outbox o.sqlite

What happens is written to an outbox in the marketplace's own transaction; a cron job sends it.
A call that gets no answer is sent again, which is safe: the gateway takes it once. What is refused
stays, with the gateway's sentence, for somebody to correct. Only Python's standard library is used.
"""

import argparse
import http.client
import json
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

TABLE = """CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, method TEXT, path TEXT,
body TEXT, state TEXT DEFAULT 'WAITING', status INTEGER, answer TEXT)"""
AGAIN = {401, 403, 429, 500, 502, 503, 504, 507}
"""Answers that are not about the call: send it again as it is, once gateway or key is mended."""


PAUSE = 5
"""Seconds to wait if the answer does not say how many."""


class Away(Exception):
    """The gateway does not answer, or asks to be called again after some `seconds`."""

    def __init__(self, what: str, seconds: int) -> None:
        super().__init__(f"the gateway {what}: try again in {seconds} s")
        self.seconds = seconds


class Outbox:
    """Calls in the marketplace's own database, each made until it gets an answer."""

    def __init__(self, database: sqlite3.Connection, url: str, key: str) -> None:
        self._database = database
        self._url = url.rstrip("/")
        self._key = key
        with database:
            database.execute(TABLE)

    def put(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Remember a call in the transaction of what it is about; the caller commits."""
        row = (method, path, json.dumps(body))
        self._database.execute("INSERT INTO outbox (method, path, body) VALUES (?, ?, ?)", row)

    def send(self) -> int:
        """Make the waiting calls, oldest first; return how many got an answer. Raises Away."""
        query = "SELECT id, method, path, body FROM outbox WHERE state = 'WAITING' ORDER BY id"
        sent = 0
        for id_, method, path, body in self._database.execute(query).fetchall():
            status, answer, pause = self._call(method, path, body)
            if status in AGAIN:
                raise Away(f"answers {status}", pause)
            state = "TAKEN" if status < 400 else "REFUSED"
            with self._database:
                change = "UPDATE outbox SET state = ?, status = ?, answer = ? WHERE id = ?"
                self._database.execute(change, (state, status, answer, id_))
            sent += 1
        return sent

    def refused(self) -> list[tuple[str, str]]:
        """(path, sentence) of what the gateway refused: correct it, and tell it again."""
        query = "SELECT path, answer FROM outbox WHERE state = 'REFUSED' ORDER BY id"
        return [(path, _sentence(answer)) for path, answer in self._database.execute(query)]

    def _call(self, method: str, path: str, body: str) -> tuple[int, str, int]:
        """Status, answer, and how many seconds to wait before trying again."""
        request = urllib.request.Request(self._url + path, body.encode(), method=method)  # noqa: S310
        request.add_header("Authorization", f"Bearer {self._key}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                return response.status, response.read().decode(), 0
        except urllib.error.HTTPError as refusal:
            with refusal:
                said = refusal.headers.get("Retry-After", "")
                pause = int(said) if said.isdigit() else PAUSE
                return refusal.code, refusal.read().decode(), pause
        except (OSError, http.client.HTTPException) as reason:
            raise Away("does not answer", 1) from reason


def _sentence(answer: str) -> str:
    try:
        problem = json.loads(answer)
    except ValueError:
        return answer
    flaws = "; ".join(f"{flaw['pointer']} {flaw['detail']}" for flaw in problem.get("errors", ()))
    return f"{problem['detail']} {flaws}".rstrip()


def main() -> int:
    """Send everything that waits; exit code 1 if anything was refused."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--url", required=True)
    options.add_argument("--key", required=True)
    options.add_argument("--outbox", required=True)
    chosen = options.parse_args()
    outbox = Outbox(sqlite3.connect(chosen.outbox), chosen.url, chosen.key)
    while True:
        try:
            print(f"{outbox.send()} calls answered")
            break
        except Away as reason:
            print(reason, file=sys.stderr)
            time.sleep(reason.seconds)
    for path, sentence in outbox.refused():
        print(f"refused: {path}: {sentence}", file=sys.stderr)
    return 1 if outbox.refused() else 0


if __name__ == "__main__":
    sys.exit(main())
