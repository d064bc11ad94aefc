"""What the command line shows: tables and progress for people, JSON for machines."""

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from shared.kernel.answers import Answer
from shared.kernel.errors import Refusal
from shared.kernel.french import euros

out = Console(soft_wrap=True, emoji=False)
err = Console(stderr=True, soft_wrap=True, emoji=False)


def answered(answer: Answer, sentence: str, *, as_json: bool, dry_run: bool = False) -> None:
    """Show an answer: a sentence and its figures, each with its unit."""
    if as_json:
        shown(
            {
                "result": answer.result,
                "dry_run": dry_run,
                "warnings": list(answer.warnings),
                **answer.figures,
            }
        )
        return
    would = "[yellow]dry run, nothing was changed:[/] " if dry_run else ""
    out.print(f"{would}{escape(sentence)}: [bold]{answer.result}[/]")
    for name, figure in answer.figures.items():
        out.print(f"  {_named(name)}: {_valued(name, figure)}")
    for warning in answer.warnings:
        out.print(f"  [yellow]warning:[/] {escape(warning)}", highlight=False)


def shown(content: Any) -> None:
    """Print JSON for machines."""
    print(json.dumps(content, ensure_ascii=False, default=str), flush=True)


def refused(refusal: Refusal, *, as_json: bool) -> None:
    """Show a refusal: its name, its sentence, and what is wrong with which field."""
    if as_json:
        shown(
            {
                "type": f"urn:cagette:problem:{refusal.name}",
                "detail": refusal.sentence,
                "errors": [vars(flaw) for flaw in refusal.flaws],
            }
        )
        return
    err.print(f"[red]{refusal.name}[/]: {escape(refusal.sentence)}", highlight=False)
    for flaw in refusal.flaws:
        err.print(f"  {flaw.pointer}: {flaw.detail}", highlight=False, markup=False)


def table(
    title: str,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    whole: Collection[str] = (),
) -> None:
    """Print a table; columns after the first are right-aligned, those in `whole` never folded."""
    shown_table = Table(
        title=title,
        title_justify="left",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    cells = [[Text(str(cell)) for cell in row] for row in rows]
    for number, name in enumerate(header):
        side: JustifyMethod = "left" if number == 0 else "right"
        lines = [name, *(line for row in cells for line in row[number].plain.splitlines())]
        width = max(map(cell_len, lines)) if name in whole else None
        shown_table.add_column(name, justify=side, overflow="fold", min_width=width)
    for row in cells:
        shown_table.add_row(*row)
    out.print(shown_table)


@contextmanager
def progress(what: str, total: int | None = None, *, unit: str | None = None) -> Iterator["Bar"]:
    """A progress bar on standard error; silent if that is not a terminal.

    With a `unit` it also shows the units per second and the time remaining.
    """
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn()]
    columns += [_Speed(unit), TimeRemainingColumn()] if unit else []
    columns.append(TimeElapsedColumn())
    with Progress(
        *columns, console=err, transient=True, disable=not sys.stderr.isatty()
    ) as shown_progress:
        yield Bar(shown_progress, shown_progress.add_task(what, total=total))


class _Speed(ProgressColumn):
    """How many pass per second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """The speed, if it is known."""
        return Text(f"{int(task.speed or 0)} {self._unit}/s" if task.speed else "")


class Bar:
    """One progress bar."""

    def __init__(self, shown_progress: Progress, task: TaskID) -> None:
        self._progress = shown_progress
        self._task = task

    def advance(self, steps: int = 1) -> None:
        """Count that many more steps as done."""
        self._progress.advance(self._task, steps)

    def reach(self, done: int) -> None:
        """Count that much as done in all."""
        self._progress.update(self._task, completed=done)


def figures(named: Mapping[str, int]) -> list[tuple[str, str]]:
    """Figures as rows, amounts in euros."""
    return [(_named(name), _valued(name, figure)) for name, figure in named.items()]


def _named(name: str) -> str:
    return name.removesuffix("_cents").replace("_", " ")


def _valued(name: str, figure: int) -> str:
    return euros(figure) if name.endswith("_cents") else str(figure)
