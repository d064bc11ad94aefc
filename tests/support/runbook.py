"""The pages of the runbook, parsed: what is typed, and what is answered."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

RUNBOOK = Path(__file__).parents[2] / "deploy" / "runbook.md"
BLOCK = re.compile(r"^```(sh)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)

NOT_HERE = (
    "dc ", "docker ", "df ", "ls ", "git ", "curl ", "sed ", "install ",
    "BACKUPS=", "dc() ", "cagette() ",
)  # fmt: skip
"""Prefixes of lines that need containers, a checkout or the machine itself: no test runs them."""


class Page(NamedTuple):
    """One kind of trouble: its `cagette` commands in order, and the answers shown for them."""

    title: str
    commands: list[str]
    answers: list[str]


def pages() -> dict[str, Page]:
    """Every page by its title; raises ValueError for a line that is not known here."""
    _, *texts = re.split(r"^## ", RUNBOOK.read_text("utf-8"), flags=re.MULTILINE)
    found = [_page(text) for text in texts]
    return {page.title: page for page in found}


def _page(text: str) -> Page:
    page = Page(text.splitlines()[0], [], [])
    for shell, content in BLOCK.findall(text):
        if shell:
            page.commands.extend(filter(None, map(command_in, content.splitlines())))
        else:
            page.answers.append(content)
    return page


def command_in(line: str) -> str | None:
    """What follows `cagette` in a line, if the line runs it."""
    words = shlex.split(line, comments=True)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    if words[:1] == ["cagette"]:
        return shlex.join(words[1:])
    if line.startswith(NOT_HERE):
        return None
    raise ValueError(f"nothing says how to test this line of the runbook: {line}")


def is_answered(answer: str, said: str) -> bool:
    """Whether every line of an answer was printed, apart from figures, ids and `…`."""
    lines = [_shape(line) for line in said.splitlines()]
    return all(
        any(re.fullmatch(re.escape(_shape(line)).replace("…", ".*"), each) for each in lines)
        for line in answer.splitlines()
    )


def _shape(line: str) -> str:
    ids = r"\b[0-9a-f]{12,}\b|\b[0-9a-f]{8}-[0-9a-f-]{27}\b"
    return re.sub(r"\d+", "#", re.sub(ids, "#", line.rstrip()))
