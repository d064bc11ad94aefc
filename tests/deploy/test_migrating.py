"""`cagette migrate`, by several processes that do not know of each other."""

import os
from pathlib import Path
from typing import Any

from deploy.cli.home import opened
from services.billing.domain.tariff import TariffBook
from shared.settings import Settings
from tests.support.commands import Started


def test_eight_that_migrate_at_once_make_one_deployment(
    tmp_path: Path, database_url: str, broker: dict[str, str]
) -> None:
    environment = {
        **os.environ,
        "CAGETTE_HOME": str(tmp_path),
        "CAGETTE_DATABASE_URL": database_url,
        **{f"CAGETTE_{name.upper()}": value for name, value in broker.items()},
    }
    said = tmp_path / "said"
    at_once = [Started(("migrate",), environment, said) for _ in range(8)]
    assert [process.wait(120) for process in at_once] == [0] * 8, said.read_text()
    changes: dict[str, Any] = broker
    with opened(Settings(home=tmp_path, database_url=database_url, **changes)) as home:
        published = [e for e in home.billing.log.history() if isinstance(e, TariffBook.Published)]
        assert len(published) == 1
        assert home.keys.opens(home.api_key())
