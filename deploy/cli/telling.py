"""`cagette import`: tell the gateway what a file holds."""

import gzip
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, cast

import typer

from deploy.cli import options
from deploy.cli.home import Home, opened
from deploy.cli.output import Bar, err, out, progress, shown
from services.gateway.api.imports import LineResult, bounded, import_lines, line_answer
from shared.kernel.answers import Answer
from shared.kernel.errors import NotFound, Refusal
from shared.settings import Settings

FIRST_REFUSALS = 20
"""How many refused lines are shown to a person; `--json` has them all."""


class FileDamaged(Refusal):
    """A gzip file that breaks off or is damaged."""

    name = "file-damaged"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("import")(import_)


def import_(
    file: Annotated[str, typer.Argument(help="NDJSON, .gz or plain; - for standard input.")],
    by: options.By = options.SYSTEM,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Tell what a file holds, one notice per line. Bad lines are reported and stop nothing.

    A home that was never used is prepared first, as by `cagette migrate`.

    Example: cagette import deploy/sandbox/season.ndjson.gz
    """
    with _lines(file) as lines, opened(Settings(), check=False) as home:
        if home.is_new and not dry_run:
            home.migrate()
        home.check()
        results, refusals = imported(home, lines, by=by, dry_run=dry_run)
    if as_json:
        shown(
            {
                "results": dict(results),
                "refused": len(refusals),
                "dry_run": dry_run,
                "refusals": [line_answer(refusal) for refusal in refusals],
            }
        )
    else:
        _show(results, refusals, dry_run)
    if refusals:
        raise typer.Exit(1)


def imported(
    home: Home, lines: Iterator[bytes], *, by: str, dry_run: bool = False
) -> tuple[Counter[str], list[LineResult]]:
    """Tell every line, and if embedded catch up; return counts by result, and what was refused."""
    results: Counter[str] = Counter()
    refusals = []
    try:
        for result in import_lines(home.gateway_desk, lines, by=by, dry_run=dry_run):
            if isinstance(result.outcome, Answer):
                results[result.outcome.result] += 1
            else:
                refusals.append(result)
    except FileDamaged:
        _show(results, refusals, dry_run)
        raise
    finally:
        if home.is_embedded:
            with progress("hearing the news"):
                home.caught_up()
    return results, refusals


@contextmanager
def _lines(file: str) -> Iterator[Iterator[bytes]]:
    """The lines of a file, with a bar that follows the reading."""
    if file == "-":
        with progress("importing"):
            yield bounded(sys.stdin.buffer)
        return
    path = Path(file)
    if not path.is_file():
        raise NotFound(f"There is no file {file}.")
    with path.open("rb") as raw, progress("importing", os.path.getsize(path)) as bar:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        unpacked = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
        yield _followed(unpacked, raw, bar)


def _followed(lines: IO[bytes], raw: IO[bytes], bar: Bar) -> Iterator[bytes]:
    try:
        for line in bounded(lines):
            bar.reach(raw.tell())
            yield line
    except (EOFError, gzip.BadGzipFile) as reason:
        raise FileDamaged(
            f"The file is damaged ({reason}): what comes before was told, the rest was not."
        ) from reason


def _show(results: Counter[str], refusals: list[LineResult], dry_run: bool) -> None:
    told = ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
    out.print(f"{'dry run: ' if dry_run else ''}{told or 'nothing to tell'}")
    for refusal in refusals[:FIRST_REFUSALS]:
        answer = line_answer(refusal)
        what = f" ({refusal.kind} {refusal.natural_id})" if refusal.kind else ""
        flaws = "; ".join(f"{f['pointer']} {f['detail']}" for f in answer.get("errors", ()))
        sentence = f"line {refusal.number}{what}: {answer['detail']} {flaws}".rstrip()
        err.print(sentence, highlight=False, markup=False)
    if len(refusals) > FIRST_REFUSALS:
        err.print(f"… and {len(refusals) - FIRST_REFUSALS} more: see them all with --json")
