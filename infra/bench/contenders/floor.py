"""The floor: raw keep-alive sockets, json.loads and the sum. No error is handled; nobody should use this."""

import json
import socket
from collections.abc import Sequence
from typing import Any

from infra.bench.contender import line, notional, run, target

SOCKETS = 16


class RawConnection:
    """One keep-alive connection."""

    def __init__(self, url: str) -> None:
        host, _, port = url.partition("://")[2].partition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._response_bytes = 0

    def send(self, symbol: str, levels: int) -> None:
        """Send a request."""
        self._buffer, self._response_bytes = b"", 0
        self.socket.sendall(f"GET {target(symbol, levels)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def read(self) -> bytes | None:
        """Read once: the body if the response is complete, else None."""
        data = self.socket.recv(1 << 20)
        self._buffer = self._buffer + data if self._buffer else data
        if not self._response_bytes:
            start = self._buffer.index(b"Content-Length:") + 15
            length = int(self._buffer[start : self._buffer.index(b"\r", start)])
            self._response_bytes = self._buffer.index(b"\r\n\r\n") + 4 + length
        if len(self._buffer) < self._response_bytes:
            return None
        return self._buffer[self._buffer.index(b"\r\n\r\n") + 4 :]

    def fetch(self, symbol: str, levels: int) -> Any:
        """The book of a pair."""
        self.send(symbol, levels)
        while (body := self.read()) is None:
            pass
        return json.loads(body)


class Floor:
    """Raw sockets, 16 of them under epoll for a sweep."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connections = [RawConnection(url)]

    def samples(self, symbol: str, levels: int, count: int) -> list[str]:
        """Only the last book becomes a line: the floor is the book and the sum."""
        for _ in range(count):
            book = self._connections[0].fetch(symbol, levels)
            bid, ask = notional(book["bids"]), notional(book["asks"])
            (bid - ask) / (bid + ask)
        return [line(symbol, book["bids"], book["asks"], levels)]

    def sweep(self, symbols: Sequence[str], levels: int) -> list[str]:
        """As above, with all lines, since they are cheap."""
        import select

        self._connections += [RawConnection(self._url) for _ in range(SOCKETS - len(self._connections))]
        remaining, lines, epoll = list(range(len(symbols)))[::-1], [""] * len(symbols), select.epoll()
        in_progress: dict[int, tuple[RawConnection, int]] = {}
        for connection in self._connections[: len(symbols)]:
            index = remaining.pop()
            epoll.register(connection.socket.fileno(), select.EPOLLIN)
            in_progress[connection.socket.fileno()] = connection, index
            connection.send(symbols[index], levels)
        while in_progress:
            for number, _ in epoll.poll():
                connection, index = in_progress[number]
                if (body := connection.read()) is None:
                    continue
                book = json.loads(body)
                lines[index] = line(symbols[index], book["bids"], book["asks"], levels)
                del in_progress[number]
                if remaining:
                    index = remaining.pop()
                    in_progress[number] = connection, index
                    connection.send(symbols[index], levels)
        epoll.close()
        return lines


if __name__ == "__main__":
    run(Floor)
