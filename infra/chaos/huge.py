"""What fills memory or time, and the program under a limit of memory against it."""

import gzip
import resource
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from infra.chaos.processes import Program
from infra.chaos.stage import Stage, create_table
from infra.fake_exchange import FakeExchange

PIECES = (
    *(b"[", b'{"a":', b'{"timestamp":', b'"{\\"timestamp\\":', b'{"timestamp":[', b'{"timestamp":"', b'{"bids":['),
    *(b"9", b"1e", b"-", b" ", b"\x00", b"\\", b'"', b'\\"', b"\xff", b"a", b'["1","1"],', b"\n", b"0.", "é".encode()),
)
"""Each is repeated to any length."""

MEMORY = 2**30
"""Bytes of address space: about as much as it takes to hold one of these inputs, and nothing else."""
GIGABYTE = 2**30
CHUNK = 2**24
LONG_SECONDS = 100
"""A shorter run tries one such line, since reading a gigabyte takes some 20 seconds."""
LINES = (b"a", b"9", b'{"timestamp":', b'{"timestamp":"', b"[")


def limit_memory() -> None:
    """Called in the process to be, before it starts."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def huge(stage: Stage) -> tuple[int, list[str]]:
    """Bodies and lines of a gigabyte, some of them small on the wire; how many were tried, and what went wrong."""
    create_table(stage.tables, "huge")
    problems: list[str] = []
    with FakeExchange(["BTCUSDT"], script=["huge=1024*"]) as exchange, _bomb() as bomb:
        for name, url in (("body", exchange.url), ("gzip-body", bomb)):
            flags = ("--symbol", "BTC", "--count", "1", "--interval_seconds", "5", "--base-url", url)
            program = Program(stage.folder / f"huge-{name}", "handler", *flags, before=limit_memory)
            _judge(name, program, 1, "BTCUSDT: no book before its slot was over", problems)
    lines = LINES if stage.seconds > LONG_SECONDS else (stage.draw("huge").choice(LINES),)
    for number, piece in enumerate(lines):
        _load(stage, f"line-{number}", piece, problems)
    return 2 + len(lines), problems


def _load(stage: Stage, name: str, piece: bytes, problems: list[str]) -> None:
    program = _loader(stage, name, "-")
    chunk = piece * (CHUNK // len(piece))
    assert program.process.stdin is not None  # noqa: S101 - for the type checker
    with suppress(BrokenPipeError), program.process.stdin as line:
        for _ in range(GIGABYTE // CHUNK):
            line.write(chunk)
    _judge(name, program, 1 if b"{" in piece else 0, "loaded 0", problems)


def _loader(stage: Stage, name: str, file: str) -> Program:
    return Program(
        stage.folder / f"huge-{name}",
        *("handler", "load", file, "--table", "huge"),
        stdin=subprocess.PIPE,
        variables={"AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{stage.tables}"},
        before=limit_memory,
    )


def _judge(name: str, program: Program, code: int, words: str, problems: list[str]) -> None:
    found, said = program.wait(), program.stderr.read_text(errors="replace")
    if found != code or words not in said or "Traceback" in said:
        problems.append(f"huge {name}: exit code {found}: {said[-300:]}")


BOMB = gzip.compress(b" " * CHUNK, 1) * (GIGABYTE // CHUNK)


class _Bomb(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        body = BOMB
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        with suppress(OSError):
            self.wfile.write(head.encode() + body)


@contextmanager
def _bomb() -> Iterator[str]:
    """A server whose answers are a gigabyte once they are unpacked."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Bomb) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
