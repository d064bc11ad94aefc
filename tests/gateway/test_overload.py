"""A door with more to do than it can: reads do not wait for those that wait to write."""

import threading
from pathlib import Path

import anyio
import httpx2 as httpx

from deploy.cli.web import web_app
from shared.eventstore.lease import FileLease
from shared.settings import Settings
from tests.support.notices import market
from tests.support.world import KEY, World, world

WRITERS = 60
"""More than there are threads for either kind."""


def test_reads_are_answered_while_all_who_write_wait_for_their_turn(tmp_path: Path) -> None:
    with world(tmp_path / "home", patience_seconds=60) as cagette:
        statuses = anyio.run(_read_behind_writers, cagette)
    assert statuses == [200] + [201] * WRITERS


async def _read_behind_writers(cagette: World) -> list[int]:
    """The status of a read while the lease is taken, and those of all notices, answered later."""
    app = web_app(cagette.home, Settings(home=cagette.home.folder), KEY, threading.Event())
    headers = {"Authorization": f"Bearer {KEY}"}
    told: list[int] = []

    async def tell(http: httpx.AsyncClient, number: int) -> None:
        answer = await http.put(f"/markets/{number}", json=market(str(number))["body"])
        told.append(answer.status_code)

    async with (
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://testserver/v1",
            headers=headers,
            timeout=60,
        ) as http,
        anyio.create_task_group() as tasks,
    ):
        with FileLease(cagette.home.folder / "gateway.lease").held():
            for number in range(WRITERS):
                tasks.start_soon(tell, http, number)
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(30):
                read = await http.get("/markets")
            assert told == []
    return [read.status_code, *told]
