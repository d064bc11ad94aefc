"""What processes use of the machine, as the kernel counts it (Linux)."""

import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
TICK = 1 / TICKS
"""In seconds; anything shorter is not seen."""
PROC = Path("/proc")


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU seconds used so far by processes and the children they have waited for."""
    return sum(_ticks(pid) for pid in pids) / TICKS


def _ticks(pid: int) -> int:
    try:
        return sum(map(int, _fields(pid)[11:15]))
    except OSError:
        return 0  # it has ended, and counts with its parent


def memory_bytes(pid: int) -> int:
    """The memory of a process; what it shares with others counts in part (PSS)."""
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def parent(pid: int) -> int:
    """The process that started another."""
    return int(_fields(pid)[1])


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    children: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            children.setdefault(parent(int(folder.name)), []).append(int(folder.name))
        except OSError:
            continue  # it has just ended
    for each in found:
        found += children.get(each, [])
    return found


def _fields(pid: int) -> list[str]:
    """The fields of `stat` after the name of the program, from the third on."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
