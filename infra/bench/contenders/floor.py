"""The floor: raw keep-alive sockets, json.loads and the sum. No error is handled; nobody should use this."""

import json
import socket
from collections.abc import Sequence
from typing import Any

from infra.bench.contender import line, notional, run

SOCKETS = 16


class Wire:
    """One keep-alive connection."""

    def __init__(self, url: str) -> None:
        host, _, port = url.partition("://")[2].partition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._whole = 0

    def ask(self, symbol: str, levels: int) -> None:
        """Send a request."""
        self._buffer, self._whole = b"", 0
        self.socket.sendall(
            b"GET /api/v3/depth?symbol=%b&limit=%d HTTP/1.1\r\nHost: x\r\n\r\n" % (symbol.encode(), levels)
        )

    def read(self) -> bytes | None:
        """What is there of the answer; the body once it is whole."""
        data = self.socket.recv(1 << 20)
        self._buffer = self._buffer + data if self._buffer else data
        if not self._whole:
            start = self._buffer.index(b"Content-Length:") + 15
            self._whole = (
                self._buffer.index(b"\r\n\r\n") + 4 + int(self._buffer[start : self._buffer.index(b"\r", start)])
            )
        if len(self._buffer) < self._whole:
            return None
        return self._buffer[self._buffer.index(b"\r\n\r\n") + 4 :]

    def fetch(self, symbol: str, levels: int) -> Any:
        """Ask, and wait for the book."""
        self.ask(symbol, levels)
        while (body := self.read()) is None:
            pass
        return json.loads(body)


class Floor:
    """Raw sockets, 16 of them under epoll for a sweep."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._wires = [Wire(url)]

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """Only the last book becomes a line: the floor is the book and the sum."""
        for _ in range(count):
            book = self._wires[0].fetch(symbol, levels)
            bid, ask = notional(book["bids"]), notional(book["asks"])
            (bid - ask) / (bid + ask)
        return [line(symbol, book["bids"], book["asks"], levels)]

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """As above, with the lines made and written, since that is cheap."""
        import select

        self._wires += [Wire(self._url) for _ in range(SOCKETS - len(self._wires))]
        waiting, answers, epoll = list(range(len(symbols)))[::-1], [""] * len(symbols), select.epoll()
        asked: dict[int, tuple[Wire, int]] = {}
        for wire in self._wires[: len(symbols)]:
            index = waiting.pop()
            epoll.register(wire.socket.fileno(), select.EPOLLIN)
            asked[wire.socket.fileno()] = wire, index
            wire.ask(symbols[index], levels)
        while asked:
            for number, _ in epoll.poll():
                wire, index = asked[number]
                if (body := wire.read()) is None:
                    continue
                book = json.loads(body)
                answers[index] = line(symbols[index], book["bids"], book["asks"], levels)
                del asked[number]
                if waiting:
                    asked[number] = wire, waiting.pop()
                    wire.ask(symbols[asked[number][1]], levels)
        epoll.close()
        return answers


if __name__ == "__main__":
    run(Floor)
