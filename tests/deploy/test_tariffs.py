"""`cagette tariff publish`: another version, and the right one in place of a wrong one."""

from pathlib import Path

import pytest

from services.billing.main import REFERENCE_TARIFF
from services.billing.views.fees import FEES
from tests.support.commands import answered, refused, run
from tests.support.notices import distribution, market, producer
from tests.support.world import World


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """FLEXIBLE at 7 % and at 5 % from October, and at 5 % from September."""
    text = REFERENCE_TARIFF.read_text("utf-8")
    found = {}
    for name, day, rate in (
        ("wrong", "2024-10-01", 700),
        ("right", "2024-10-01", 500),
        ("early", "2024-09-01", 500),
    ):
        found[name] = tmp_path / f"{name}.toml"
        other = text.replace("2000-01-01", day).replace("= 600", f"= {rate}")
        found[name].write_text(other, "utf-8")
    return found


def test_of_two_versions_of_one_day_the_later_counts_and_what_was_sold_is_corrected(
    cagette: World, files: dict[str, Path]
) -> None:
    before = distribution("D0", validated_at="2024-09-30T21:00:00+02:00")
    cagette.told(market(), producer(), before, distribution())
    home = cagette.home.folder
    assert answered(home, f"tariff publish {files['wrong']} --dry-run")["result"] == "updated"
    assert len(answered(home, "tariff list")) == 1
    for name, result in (("wrong", "updated"), ("wrong", "unchanged"), ("right", "updated")):
        assert answered(home, f"tariff publish {files[name]} --by anne")["result"] == result
    versions = [
        (v["version"], v["from_on"], v["flexible_bp"]) for v in answered(home, "tariff list")
    ]
    assert versions == [(1, "2000-01-01", 600), (2, "2024-10-01", 700), (3, "2024-10-01", 500)]
    service = [fee for fee in cagette.rows(FEES) if fee["kind"] == "SERVICE"]
    by_sale = {
        sale: sum(fee["amount_cents"] for fee in service if fee["distribution_id"] == sale)
        for sale in ("D0", "D1")
    }
    assert by_sale == {"D0": 600, "D1": 500}
    refused(run(home, f"tariff publish {files['early']}"), "tariff-rewritten", "then or later")
    assert run(home, "migrate").returncode == 0, "the reference is published once, not again"
    assert answered(home, "verify")["violations"] == []
