"""A small HTTP proxy in front of the table that does to requests what networks and services do."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from infra.chaos.table_faults import BAD, FAULTS, answer, reset

QUIET_LOOKS = 10
YES = answer("200 OK", b"{}", "application/x-amz-json-1.0\r\nx-amzn-RequestId: CHAOS")
"""What a table answers that takes everything and keeps nothing."""


class TableProxy:
    """Listens on 127.0.0.1 from `with` to its end; forwards to `upstream` (a port) one request at a time.

    One at a time, because moto looks at a condition and writes in two steps, which the real table does in one. Without
    an upstream it takes everything and keeps nothing.
    """

    def __init__(
        self, upstream: int | None, rate: float = 0.0, seed: int = 0, faults: Sequence[str] = BAD, port: int = 0
    ) -> None:
        self.port = port
        self.rate = rate
        self.counts: Counter[str] = Counter()
        """Fault → how often it happened."""
        self._upstream, self._faults, self._draw = upstream, faults, random.Random(seed)
        self._script: list[str] = []
        self._forwarding = 0
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "TableProxy":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def script(self, *faults: str) -> None:
        """Set what becomes of the next requests."""
        self._script = list(faults)

    def drain(self) -> None:
        """Wait until the table has done all that it was sent, also by those who are gone."""
        quiet = 0
        while quiet < QUIET_LOOKS:
            time.sleep(0.05)
            quiet = 0 if self._forwarding else quiet + 1

    def leave(self) -> None:
        """Go away: connections are torn down, new ones refused."""
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result()

    def come_back(self) -> None:
        """Listen again, at the same port."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    async def _listen(self) -> None:
        self._one_at_a_time = asyncio.Lock()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _leave(self) -> None:
        self._server.close()
        for task, writer in self._serving.items():
            reset(writer)
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        self._serving[task] = writer
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                await self._one(reader, writer)
        del self._serving[task]
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        fault = self._next()
        self.counts[fault] += 1
        await FAULTS[fault](_Request(self, head + body, writer))
        await writer.drain()

    def _next(self) -> str:
        if self._script:
            return self._script.pop(0)
        return self._draw.choice(self._faults) if self._draw.random() < self.rate else "ok"

    async def forward(self, request: bytes) -> bytes:
        """Let the table answer one request."""
        if self._upstream is None:
            return YES
        self._forwarding += 1
        try:
            return await self._forward(request)
        finally:
            self._forwarding -= 1

    async def _forward(self, request: bytes) -> bytes:
        async with self._one_at_a_time:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream or 0)
            try:
                writer.write(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
                data = await reader.read()
            finally:
                writer.close()
        return data.replace(b"Connection: close\r\n", b"", 1)


class _Request:
    def __init__(self, proxy: TableProxy, data: bytes, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._proxy, self._data = proxy, data

    async def upstream(self) -> bytes:
        return await self._proxy.forward(self._data)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
