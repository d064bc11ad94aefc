"""`cagette webhooks`: what each command would do, and does."""

from tests.support.commands import answered
from tests.support.world import World


def test_a_dry_run_changes_no_endpoint(cagette: World) -> None:
    home = cagette.home.folder
    add = "webhooks add https://shop.example/hooks"
    head = cagette.home.gateway.head()
    dry = answered(home, f"{add} --dry-run")
    assert dry == {"url": "https://shop.example/hooks", "types": [], "place": head, "dry_run": True}
    assert answered(home, "webhooks list") == []
    made = answered(home, add)
    assert made["secret"].startswith("whsec_")
    stood = answered(home, "webhooks list")
    for command in ("remove {id} --why moved", "replay {id} --after 0"):
        assert answered(home, f"webhooks {command.format(**made)} --dry-run")["dry_run"] is True
        assert answered(home, "webhooks list") == stood
    assert answered(home, f"webhooks remove {made['id']} --why moved")["removed"] is True
    assert answered(home, "webhooks list") == []
