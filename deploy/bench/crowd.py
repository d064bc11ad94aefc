"""Many callers of a door at once: as thin a client as possible, since it shares the CPU."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import NamedTuple

from deploy.bench.deployment import KEY


class Call(NamedTuple):
    """A request to make."""

    method: str
    path: str
    body: bytes = b""

    @property
    def bytes(self) -> bytes:
        """The request as it goes over the wire."""
        head = (
            f"{self.method} {self.path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


class Line:
    """One connection to a door, kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> "Line":
        """A connection to a port of the loopback."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def made(self, call: Call) -> bytes:
        """Make a call; return the body of the answer. Raises RuntimeError for a refusal."""
        status, body = await self.answered(call)
        if status >= 300:
            raise RuntimeError(f"{call.method} {call.path} was refused: {body.decode()}")
        return body

    async def answered(self, call: Call) -> tuple[int, bytes]:
        """Make a call; return the status and body of the answer, whatever they are."""
        self._writer.write(call.bytes)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        return int(head.split(b" ", 2)[1]), await self._reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def rush(ports: Sequence[int], calls: Sequence[Call], connections: int) -> None:
    """Make calls as fast as they are answered, on that many connections, over doors in turn."""
    left: Iterator[Call] = iter(calls)

    async def call_on(port: int) -> None:
        line = await Line.to(port)
        for call in left:
            await line.made(call)
        line.close()

    doors = cycle(ports)
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(call_on(next(doors)))


async def stream(ports: Sequence[int], calls: Sequence[Call], per_second: float) -> list[float]:
    """Make calls at a steady pace, answered or not; return seconds from when each was due."""
    doors = cycle(ports)
    idle: dict[int, list[Line]] = {port: [] for port in ports}
    began = time.perf_counter()
    took: list[float] = []

    async def call_at(due: float, call: Call, port: int) -> None:
        await asyncio.sleep(due - time.perf_counter())
        line = idle[port].pop() if idle[port] else await Line.to(port)
        await line.made(call)
        took.append(time.perf_counter() - due)
        idle[port].append(line)

    async with asyncio.TaskGroup() as group:
        for number, call in enumerate(calls):
            group.create_task(call_at(began + number / per_second, call, next(doors)))
    for line in (line for lines in idle.values() for line in lines):
        line.close()
    return took


def percentile(figures: Sequence[float], share: float) -> float:
    """The figure below which that share of them lies."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
