"""`import`: the season, twice (`--full`: twenty times), by `cagette import`, all houses in one.

Lines are order lines; the command ends when all houses have heard and shown them. The baseline
checks some of the same notices in this process and saves one aggregate per line with the library's
defaults. Memory is the peak of the command, compared with that for a tenth of the distributions.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.bench.deployment import CAGETTE
from deploy.bench.grounds import SQLITE, Grounds
from deploy.bench.measure import Figure, Goal, Measuring, Probe
from deploy.bench.plain_door import Distribution, sold
from deploy.bench.season import lines_of, season

TIMES, PLAIN = 2, 30
"""Seasons imported; distributions that the baseline saves."""


def trials(scale: float) -> Iterator[Probe]:
    """On SQLite, the default of a home."""
    yield Probe(lambda grounds: _imported(grounds, TIMES * scale))


def _imported(grounds: Grounds, times: float) -> Measuring:
    _, small = _told(list(season(times / 10)))
    yield None
    notices = list(season(times))
    lines = sum(map(lines_of, notices))
    seconds, large = _told(notices)
    yield None
    baseline = _saved(grounds, [n for n in notices if lines_of(n)][:PLAIN])
    yield Figure(f"import/{SQLITE}", "lines/s", lines / seconds, baseline)
    goal = Goal(at_most=1.1)
    name = f"import/{SQLITE}/memory"
    yield Figure(name, "x that of a tenth", large / small, goal=goal, is_cost=True)
    yield Figure(f"{name}/peak", "MB", large / 1e6, is_cost=True)


def _told(notices: list[bytes]) -> tuple[float, int]:
    """Seconds and peak bytes of a command that imports notices into a fresh home."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        file = Path(folder, "season.ndjson")
        file.write_bytes(b"".join(notices))
        ours = {name: value for name, value in os.environ.items() if "CAGETTE" not in name}
        environment = {**ours, "CAGETTE_HOME": str(Path(folder, "home"))}
        began = time.perf_counter()
        command, quiet = [*CAGETTE, "import", str(file)], subprocess.DEVNULL
        process = subprocess.Popen(command, env=environment, stdout=quiet)  # noqa: S603 - our own
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError("the season was not taken")
        return time.perf_counter() - began, used.ru_maxrss * 1024


def _saved(grounds: Grounds, notices: list[bytes]) -> float:
    """The baseline's lines per second."""
    with grounds.on(SQLITE) as ground:
        application = ground.plain()
        began = time.perf_counter()
        told = [json.loads(notice) for notice in notices]
        lines = sum(
            sold(application, notice["id"], Distribution.model_validate(notice["body"]))
            for notice in told
        )
        return lines / (time.perf_counter() - began)
