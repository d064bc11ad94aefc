"""What processes use of the machine, as its kernel counts it (Linux)."""

import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
TICK = 1 / TICKS
"""Seconds: what is less is not seen."""
PROC = Path("/proc")


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU of processes so far, and of the children that they waited for, in seconds."""
    return sum(_ticks(pid) for pid in pids) / TICKS


def _ticks(pid: int) -> int:
    try:
        return sum(map(int, _fields(pid)[11:15]))
    except OSError:
        return 0  # it has ended, and counts with its parent


def memory_bytes(pid: int) -> int:
    """What a process has in memory; what it shares with others counts in part (PSS)."""
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def parent(pid: int) -> int:
    """The process that started another."""
    return int(_fields(pid)[1])


def family(pid: int) -> list[int]:
    """A process and all that it started, and so on."""
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
    """The fields of `stat` behind the name of the program, from the third on."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
