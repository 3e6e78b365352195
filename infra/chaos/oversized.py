"""Inputs of a gigabyte, and the program with a memory limit that reads them."""

import gzip
import resource
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from infra.chaos.harness import ChaosRun
from infra.chaos.processes import Program
from infra.fake_exchange import FakeExchange

MEMORY = 2**30
"""Bytes of address space: about as much as one of these inputs alone."""
GIGABYTE = 2**30
CHUNK = 2**24
LONG_SECONDS = 100
"""A shorter run tries one of the lines, because reading a gigabyte takes some 20 seconds."""
LINES = (b"a", b"9", b'{"timestamp":', b'{"timestamp":"', b"[")


def limit_memory() -> None:
    """Called in the child process before the program starts."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def oversized_inputs(run: ChaosRun) -> tuple[int, list[str]]:
    """Try bodies and lines of a gigabyte, one of them small on the wire; returns how many, and the problems."""
    run.create_table("huge")
    problems: list[str] = []
    with FakeExchange(["BTCUSDT"], script=["huge=1024*"]) as exchange, _gzip_server() as gzip_url:
        for name, url in (("body", exchange.url), ("gzip-body", gzip_url)):
            flags = ("--symbol", "BTC", "--count", "1", "--interval_seconds", "5", "--base-url", url)
            program = Program(run.folder / f"huge-{name}", "handler", *flags, before=limit_memory)
            _check(name, program, 1, "BTCUSDT: no book before its slot was over", problems)
    lines = LINES if run.seconds > LONG_SECONDS else (run.random("huge").choice(LINES),)
    for number, piece in enumerate(lines):
        _load(run, f"line-{number}", piece, problems)
    return 2 + len(lines), problems


def _load(run: ChaosRun, name: str, piece: bytes, problems: list[str]) -> None:
    program = Program(
        run.folder / f"huge-{name}",
        *("handler", "load", "-", "--table", "huge"),
        stdin=subprocess.PIPE,
        variables={"AWS_ENDPOINT_URL_DYNAMODB": run.dynamodb_url},
        before=limit_memory,
    )
    chunk = piece * (CHUNK // len(piece))
    assert program.process.stdin is not None  # noqa: S101 - for the type checker
    with suppress(BrokenPipeError), program.process.stdin as line:
        for _ in range(GIGABYTE // CHUNK):
            line.write(chunk)
    _check(name, program, 1 if b"{" in piece else 0, "loaded 0", problems)


def _check(name: str, program: Program, code: int, message: str, problems: list[str]) -> None:
    found, said = program.wait(), program.stderr.read_text(errors="replace")
    if found != code or message not in said or "Traceback" in said:
        problems.append(f"huge {name}: exit code {found}: {said[-300:]}")


GZIP_BODY = gzip.compress(b" " * CHUNK, 1) * (GIGABYTE // CHUNK)


class _GzipHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        body = GZIP_BODY
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        with suppress(OSError):
            self.wfile.write(head.encode() + body)


@contextmanager
def _gzip_server() -> Iterator[str]:
    """A server whose responses are a gigabyte once they are decompressed."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _GzipHandler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
