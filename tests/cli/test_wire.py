"""On the wire: whatever a host sends, and whenever, no pair is ever recorded with another pair's book.

This knows HTTP (RFC 9110, 9112) and the command line, and nothing of how either is done.
"""

import itertools
import json
import re
import select
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from support.program import finished, start

PROCESSES, TICKS = 8, 8
PAIRS = [f"P{number}USDT" for number in range(1, 9)]

Pieces = list[bytes | float]
"""Bytes to send, and seconds to wait between them."""


def message(status: str, body: bytes = b"", *, framed: bool = True) -> bytes:
    """A response; without `framed` nothing in its head says how long its body is."""
    length = f"Content-Length: {len(body)}\r\n" if framed else ""
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{length}\r\n".encode() + body


def chunked(body: bytes) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:20], body[20:], b""))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks


def book(pair: str, serial: int) -> bytes:
    """The best bid is worth the pair's number, the best ask a hundred times the request's."""
    bid, ask = f'["{PAIRS.index(pair) + 1}.00000000","1.00000000"]', f'["100.00000000","{serial}.00000000"]'
    return f'{{"lastUpdateId":{serial},"bids":[{bid}],"asks":[{ask}]}}'.encode()


HINTS, CONTINUE = b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\nServer: x\r\nContent-Length: 9\r\n\r\n"
LINKS = b"HTTP/1.1 103 Early Hints\r\n" + b"Link: </style.css>; rel=preload\r\n" * 20 + b"\r\n"
UNKNOWN = b"HTTP/1.1 199 Whatever\r\n\r\n"


def answers(pair: str, serial: int) -> list[tuple[Pieces, Pieces]]:
    """All ways to answer a request: what is sent while it waits, and what comes later if the connection is idle."""
    own = book(pair, serial)
    good = message("200 OK", own)
    others = [message("200 OK", book(other, 0)) for other in PAIRS if other != pair]
    other = others[serial % len(others)]
    return [
        ([good], []),
        ([HINTS, 0.3, good], []),
        ([HINTS, 0.3, good], []),
        ([CONTINUE + PROCESSING + LINKS + good], []),
        ([CONTINUE, 0.05, PROCESSING, 0.05, LINKS, 0.05, UNKNOWN, 0.2, good], []),
        ([PROCESSING * 12, 0.1, good], []),
        ([HINTS[:15], 0.1, HINTS[15:] + good[:40], 0.1, good[40:]], []),
        ([HINTS, 0.1, chunked(own)], []),
        ([good + other], []),
        ([good + b"\r\n"], []),
        ([chunked(own) + other], []),
        ([good], [0.3, other]),
        ([good], [0.2, other[:50], 0.2, other[50:]]),
        ([good], [0.2, b"\r\n\r\n"]),
        ([message("503 Service Unavailable", book(PAIRS[0], 0))], []),
        ([message("500 Internal Server Error", b"x" * 5)[:-5], 0.2, other], []),
        ([HINTS, 0.1, message("502 Bad Gateway", b"<html>") + other], []),
        ([message("204 No Content", framed=False) + other], []),
        ([message("204 No Content", b"x" * len(other))[: -len(other)] + other], []),
        ([message("304 Not Modified", framed=False), 0.1, other], []),
    ]


class Host(socketserver.ThreadingTCPServer):
    """Answers each request in the next of all ways."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.serials = itertools.count(1)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Connection(socketserver.StreamRequestHandler):
    server: Host
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(OSError):  # the client has left
            while head := self._head():
                found = re.search(r"symbol=(\w+)", head)
                assert found
                serial = next(self.server.serials)
                ways = answers(found[1], serial)
                now, later = ways[serial % len(ways)]
                self._send(now, waiting=True)
                self._send(later, waiting=False)

    def _head(self) -> str:
        lines = itertools.takewhile(lambda line: line not in (b"\r\n", b""), iter(self.rfile.readline, None))
        return b"".join(lines).decode()

    def _send(self, pieces: Pieces, *, waiting: bool) -> None:
        """Send all, or, if no request waits for it, what can be sent before the next one comes."""
        for piece in pieces:
            if isinstance(piece, bytes):
                self.connection.sendall(piece)
            elif waiting:
                time.sleep(piece)
            elif select.select([self.connection], [], [], piece)[0]:
                break


@contextmanager
def host() -> Iterator[Host]:
    with Host() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_no_pair_is_ever_recorded_with_another_pairs_book() -> None:
    """Nor twice with the same answer. Most are measured, for a host that answers badly is asked again."""
    flags = ["--symbol", *PAIRS, "--levels", "1", "--interval_seconds", "1", "--count", str(TICKS)]
    with host() as server:
        processes = [start(*flags, "--base-url", server.url) for _ in range(PROCESSES)]
        ended = [finished(process) for process in processes]
    records = [json.loads(line) for one in ended for line in one.stdout.splitlines()]
    measured = [record for record in records if record["notional_bid"]]
    wrong = [record for record in measured if record["notional_bid"] != PAIRS.index(record["symbol"]) + 1]
    counts = Counter(record["notional_ask"] for record in measured)
    repeated = [record for record in measured if counts[record["notional_ask"]] > 1]
    requests = next(server.serials) - 1
    print(f"{requests} requests, {len(records)} records, {len(measured)} measured, {len(wrong)} wrong")
    assert (wrong, repeated) == ([], [])
    assert [one.returncode for one in ended] == [0] * PROCESSES
    assert len(records) == PROCESSES * TICKS * len(PAIRS) > 500
    assert len(measured) > 0.8 * len(records)
