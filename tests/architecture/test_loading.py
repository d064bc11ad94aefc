"""Each process of a deployment loads only what it runs on, to save memory and start-up time."""

import json
import subprocess
import sys

import pytest

LOADING = """
import json, os, sys
from deploy.cli.commands import Commands
from deploy.cli.deployed import deployed
from shared.settings import Settings

Commands()["work"]
url = "postgresql://nowhere"
settings = Settings(database_url=url, kafka_bootstrap="nowhere:9", training_url="http://nowhere")
home = deployed(settings)  # nothing of it connects

def work_billing():
    home.workers["billing"]

def work_gateway():
    home.workers["gateway"]
    import deploy.cli.delivering

def serve_gateway():
    home.gateway_desk, home.views["gateway"]
    import deploy.cli.web

def serve_training():
    home.training_desk
    import deploy.cli.web_of_training

for process in (work_billing, work_gateway, serve_gateway, serve_training):
    if process == serve_gateway:
        import deploy.cli.door  # once, for both
    if os.fork() == 0:
        process()
        print(json.dumps([process.__name__, sorted(sys.modules)]), flush=True)
        os._exit(0)
    os.wait()
"""

SERVER = {"fastapi", "starlette", "uvicorn", "jinja2"}
NOT_LOADED = {
    "work_billing": {*SERVER, "httpx2", "services.gateway", "services.training"},
    "work_gateway": {*SERVER, "services.billing", "services.training"},
    "serve_gateway": {"kafka", "jinja2", "services.billing", "services.training"},
    "serve_training": {"kafka", "jinja2", "httpx2", "services.billing", "services.gateway"},
}


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """The modules of each process, forked from one that has loaded what they share."""
    done = subprocess.run(
        [sys.executable, "-c", LOADING], capture_output=True, check=True, text=True
    )
    return {name: set(modules) for name, modules in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("process", NOT_LOADED)
def test_a_process_loads_nothing_that_only_others_need(
    loaded: dict[str, set[str]], process: str
) -> None:
    assert loaded[process] & NOT_LOADED[process] == set()
