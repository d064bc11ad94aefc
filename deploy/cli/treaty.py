"""`cagette facts`: the treaty as documents, written from the code or compared with it."""

from pathlib import Path

import typer

from deploy.cli import options
from deploy.cli.output import out, shown
from shared.facts.documents import FOLDER, differing, documents, examples_refused

facts = typer.Typer(help="The facts that houses tell: schemas and AsyncAPI document.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(facts, name="facts")


@facts.command()
def export(dry_run: options.DryRun = False, as_json: options.Json = False) -> None:
    """Write the JSON Schemas and the AsyncAPI document from the code.

    Example: cagette facts export
    """
    changed = differing()
    if not dry_run:
        for name, text in documents().items():
            file = FOLDER / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
    _show(changed, as_json, "would be written" if dry_run else "written")


@facts.command()
def check(as_json: options.Json = False) -> None:
    """Compare the documents with the code, and every golden example with its schema.

    Example: cagette facts check
    """
    wrong = [*differing(), *examples_refused()]
    _show(wrong, as_json, "differs from the code: run `cagette facts export`, or fix the code")
    if wrong:
        raise typer.Exit(1)


def _show(found: list[str], as_json: bool, what: str) -> None:
    if as_json:
        shown({"files": found})
    else:
        for name in found:
            out.print(f"{Path(FOLDER.name) / name}: {what}")
        if not found:
            out.print("the documents match the code")
