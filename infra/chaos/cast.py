"""The cast of a runner's act: exchanges, a proxy before a table of its own, and the lives of the program."""

import signal
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain
from typing import IO

from infra.chaos import processes
from infra.chaos.books import Books, Evidence, answers, close
from infra.chaos.processes import Program
from infra.chaos.proxy import TableProxy
from infra.chaos.rests import check_rests
from infra.chaos.runner_ledger import Ledger, Life
from infra.chaos.stage import Stage, create_table, faults, load, with_password
from infra.fake_exchange import FakeExchange

SIX = ("BTCUSDT", "ETHUSDT", "这是测试币456USDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT")


class Cast:
    """Starts everything that an act needs; ends it with the block, and then gives its books."""

    def __init__(
        self, stage: Stage, act: str, symbols: Sequence[str], levels: Sequence[int] = (5, 20), interval: int = 1
    ) -> None:
        self.stage, self.act, self.symbols, self.levels = stage, act, list(symbols), list(levels)
        self.interval = interval
        self.draw = stage.draw(act)
        self.exchanges: list[FakeExchange] = []
        self.silent = False
        self.kills = 0
        self._lives: list[tuple[Program, bool, bool]] = []
        self._stack = ExitStack()

    def __enter__(self) -> "Cast":
        create_table(self.stage.tables, self.act)
        self.proxy = self._stack.enter_context(TableProxy(self.stage.tables, seed=self.draw.randrange(2**32)))
        return self

    def __exit__(self, *error: object) -> None:
        for program, _, _ in self._lives:
            program.end(signal.SIGKILL)
        self._stack.close()

    def exchange(self, rate: float = 0.0, faults: Sequence[str] = ()) -> FakeExchange:
        """Start an exchange that lists the act's pairs."""
        exchange = FakeExchange(
            self.symbols,
            seed=self.stage.seed,
            weight_limit=0,
            keep_requests=10**6,
            fault_rate=rate,
            fault_seed=self.draw.randrange(2**32),
            faults=faults,
        )
        self.exchanges.append(self._stack.enter_context(exchange))
        return exchange

    def start(self, stdout: int | IO[bytes] | None = None, steps: str = "", broken: bool = False) -> Program:
        """Start the runner; `steps` are those of its wall clock, `broken` says that its stdout will not last."""
        module = ("infra.chaos.stepped", steps) if steps else ("handler",)
        program = Program(
            self.stage.folder / f"{self.act}-{len(self._lives)}",
            *(*module, "--symbol", *self.symbols, "--levels", *map(str, self.levels)),
            *("--interval_seconds", str(self.interval), "--detail", "--table", self.act),
            *("--base-url", *(with_password(exchange.url) for exchange in self.exchanges)),
            stdout=stdout,
            variables={"AWS_ENDPOINT_URL_DYNAMODB": self.proxy.url},
        )
        self._lives.append((program, bool(steps), broken))
        return program

    def kill(self, program: Program) -> None:
        """SIGKILL, which counts."""
        code = program.end(signal.SIGKILL)
        if code != -signal.SIGKILL:
            raise RuntimeError(f"{self.act}: it ended by itself, with {code}: {program.stderr.read_text()[-500:]}")
        self.kills += 1

    def stop(self, program: Program) -> None:
        """SIGTERM, on which it ends with 0."""
        if code := program.end(signal.SIGTERM):
            raise RuntimeError(f"{self.act}: exit code {code} on SIGTERM: {program.stderr.read_text()[-500:]}")

    def books(self) -> Books:
        """Close the books, with loading what was printed and is not in the table."""
        ledger = Ledger([(symbol, levels) for symbol in self.symbols for levels in self.levels], self.interval)
        for program, stepped, broken in self._lives:
            ledger.enter(Life(processes.lines(program.stdout), processes.lines(program.stderr), stepped, broken))
        requests = list(chain.from_iterable(exchange.requests for exchange in self.exchanges))
        printed = [program.stdout for program, _, _ in self._lives]
        self.proxy.drain()
        before, after, problems = load(self.stage, self.act, printed, self.interval)
        books = close(
            Evidence(ledger.outcomes, ledger.told, before, after, answers(requests), self.interval, self.silent)
        )
        books.kills, books.faults = self.kills, faults(requests, self.proxy)
        for exchange in self.exchanges:
            found = check_rests(exchange.requests)
            books.rests, books.problems = books.rests + found.rests, books.problems + found.problems
        books.problems = [f"{self.act}: {problem}" for problem in (*ledger.problems, *problems, *books.problems)]
        return books
