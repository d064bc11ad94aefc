"""What the command line shows people."""

import pytest
from rich.console import Console

from deploy.cli import output


@pytest.mark.parametrize("columns", [80, 40])
def test_a_table_that_is_too_wide_cuts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setattr(output, "out", Console(width=columns, soft_wrap=True))
    name, reason = "billing.document.issued", "a sentence of some length " * 4
    output.table(
        "parked", ("stream", "why", "position"), [(name, reason, 123456)], whole={"stream"}
    )
    shown = capsys.readouterr().out
    assert name in shown
    assert "…" not in shown
    folded = "".join(shown.split())
    assert all(word in folded for word in ("sentence", "length"))
    assert sum(letter.isdigit() for letter in shown) == len("123456")
