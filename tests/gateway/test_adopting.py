"""The adoption guide, run call by call."""

import json
import re
from pathlib import Path
from typing import Any

from services.gateway import main
from tests.support.world import World, web_client

GUIDE = (Path(main.__file__).parent / "ADOPTING.md").read_text("utf-8")
BLOCK = re.compile(r"```(http|json|ndjson)\n(.*?)```", re.DOTALL)


def holds(answer: Any, promised: Any) -> bool:
    """Whether an answer holds at least what is promised of it."""
    if isinstance(promised, dict):
        return all(name in answer and holds(answer[name], what) for name, what in promised.items())
    if isinstance(promised, list):
        pairs = zip(answer, promised, strict=True) if len(answer) == len(promised) else None
        return pairs is not None and all(holds(one, other) for one, other in pairs)
    return bool(answer == promised)


def test_every_call_of_the_guide_is_answered_as_it_says(cagette: World) -> None:
    client = web_client(cagette)
    answered = 0
    answer = None
    for kind, text in BLOCK.findall(GUIDE):
        if kind == "http":
            head, _, body = text.partition("\n")
            method, path = head.split()
            content = {"content": body, "headers": {"Content-Type": "application/json"}}
            answer = client.request(method, path.removeprefix("/v1"), **(content if body else {}))
            cagette.home.caught_up()
        elif kind == "json":
            assert answer is not None
            status, _, promised = text.partition(" ")
            assert answer.status_code == int(status), answer.text
            assert holds(answer.json(), json.loads(promised)), answer.text
            answered += 1
        else:
            done = client.post(
                "/imports", content=text, headers={"Content-Type": "application/x-ndjson"}
            )
            results = [json.loads(line)["result"] for line in done.text.splitlines()]
            assert results == ["created"] * 2
    assert answered == text_blocks("http")


def text_blocks(kind: str) -> int:
    """How many blocks of a kind the guide has."""
    return sum(name == kind for name, _ in BLOCK.findall(GUIDE))
