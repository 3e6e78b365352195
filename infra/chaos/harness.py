"""What every scenario needs: fake exchanges, a fault proxy in front of a table, runs of the program, reconciliation."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

from handler.stores.items import Item
from infra.chaos.cooldown_check import check_cooldowns
from infra.chaos.patched_program import NONE
from infra.chaos.processes import PASSWORD, Program, read_lines
from infra.chaos.reconciliation import Observations, Totals, reconcile, response_bodies, unloaded_lines
from infra.chaos.runner_output import ProgramRun, RunnerOutput
from infra.chaos.series import SPOT, Depths, all_series
from infra.fake_exchange import FakeExchange
from infra.testkit.aws import aws_client, create_table, scan
from infra.testkit.table_proxy import TableProxy

SYMBOLS = ("BTCUSDT", "ETHUSDT", "这是测试币456USDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT")
START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class ChaosRun:
    """What every scenario is given: a folder for its files, the URL of DynamoDB, a seed, and its duration."""

    folder: Path
    dynamodb_url: str
    seed: int
    seconds: float

    def random(self, scenario: str) -> random.Random:
        """Random numbers of a scenario's own: the same for the same seed."""
        return random.Random(f"{self.seed}/{scenario}")

    def create_table(self, name: str) -> None:
        """Create the template's table."""
        with aws_client("dynamodb", self.dynamodb_url) as client:
            create_table(client, name)

    def items(self, table: str) -> list[Item]:
        """All items of a table."""
        with aws_client("dynamodb", self.dynamodb_url) as client:
            return scan(client, table)

    def exchange(
        self, symbols: Sequence[str], seed: int, rate: float = 0.0, faults: Sequence[str] = ()
    ) -> FakeExchange:
        """A fake exchange that lists these pairs and keeps its requests; to be started with `with`."""
        return FakeExchange(
            symbols,
            seed=self.seed,
            weight_limit=0,
            keep_requests=10**6,
            fault_rate=rate,
            fault_seed=seed,
            faults=faults,
        )


def load(run: ChaosRun, table: str, *sources: Sequence[Path], interval: int = 1) -> tuple[list[list[Item]], list[str]]:
    """Load each group of files, then all of them once more, which must add nothing.

    Files without any record are an error of `load`, and none here. Returns what the table holds at first and after
    each load, and problems.
    """
    contents = [run.items(table)]
    problems = []
    for number, paths in enumerate([*sources, [path for group in sources for path in group]]):
        program = Program(
            run.folder / f"{table}-load-{number}",
            *("handler", "load", *map(str, paths), "--table", table, "--interval_seconds", str(interval)),
            variables={"AWS_ENDPOINT_URL_DYNAMODB": run.dynamodb_url},
        )
        code = program.wait()
        contents.append(run.items(table))
        summary = program.stderr.read_text()
        count, growth = summary.partition("loaded ")[2].partition(",")[0], str(len(contents[-1]) - len(contents[-2]))
        if (
            code != int("no record was found" in summary)
            or count != growth
            or (number == len(sources) and growth != "0")
        ):
            problems.append(f"load {number} ended with {code}, and the table grew by {growth}: {summary[-300:]}")
    return contents, problems


def wait_until(moment: float) -> None:
    """Sleep until a time of the monotonic clock."""
    time.sleep(max(moment - time.monotonic(), 0))


def url_with_password(url: str) -> str:
    """A base URL with credentials, which must not be printed."""
    return url.replace("//", f"//user:{PASSWORD}@")


def count_faults(requests: Iterable[Any], proxy: TableProxy) -> Counter[str]:
    """The faults that requests to the exchange and to the table met."""
    counts = Counter(request.fault for request in requests)
    counts.update({f"table {name}": count for name, count in proxy.counts.items() if name != "ok"})
    del counts["ok"], counts["closed"]
    return counts


class RunnerHarness:
    """Starts all that a scenario of the runner needs, ends it with the block, and then reconciles."""

    def __init__(
        self, run: ChaosRun, name: str, symbols: Sequence[str], interval: int = 1, *, market: str = SPOT
    ) -> None:
        self.run, self.name, self.symbols = run, name, list(symbols)
        self.interval, self.market, self.depths = interval, market, Depths()
        self.random = run.random(name)
        self.exchanges: list[FakeExchange] = []
        self.stdout_lost = False
        self.faults: Counter[str] = Counter()
        """Faults of the machine, which the scenario counts itself."""
        self._runs: list[tuple[Program, bool]] = []
        self._stack = ExitStack()

    def __enter__(self) -> "RunnerHarness":
        self.run.create_table(self.name)
        self.proxy = TableProxy(self.run.dynamodb_url, seed=self.random.randrange(2**32))
        self._stack.enter_context(self.proxy)
        return self

    def __exit__(self, *error: object) -> None:
        for program, _ in self._runs:
            program.end(signal.SIGKILL)
        self._stack.close()

    def exchange(self, rate: float = 0.0, faults: Sequence[str] = ()) -> FakeExchange:
        """Start an exchange that lists the scenario's pairs."""
        exchange = self.run.exchange(self.symbols, self.random.randrange(2**32), rate, faults)
        self.exchanges.append(self._stack.enter_context(exchange))
        return exchange

    def start(
        self,
        stdout: int | IO[bytes] | None = None,
        *,
        clock_steps: str = NONE,
        no_threads: str = NONE,
        variables: Mapping[str, str] | None = None,
    ) -> Program:
        """Start the runner; see patched_program.py for `clock_steps` and `no_threads`."""
        is_patched = (clock_steps, no_threads) != (NONE, NONE)
        module = ("infra.chaos.patched_program", clock_steps, no_threads) if is_patched else ("handler",)
        program = Program(
            self.run.folder / f"{self.name}-{len(self._runs)}",
            *(*module, "--symbol", *self.symbols, "--market", self.market, "--levels", *map(str, self.depths.levels)),
            *("--bps", *map(str, self.depths.bps), "--limit", str(self.depths.limit)),
            *("--interval_seconds", str(self.interval), "--detail", "--table", self.name),
            *("--base-url", *(url_with_password(exchange.url) for exchange in self.exchanges)),
            stdout=stdout,
            variables={"AWS_ENDPOINT_URL_DYNAMODB": self.proxy.url, **(variables or {})},
        )
        self._runs.append((program, clock_steps != NONE))
        return program

    def wait_for_output(self, program: Program) -> None:
        """Wait until the program has printed its first line."""
        give_up = time.monotonic() + START_SECONDS
        while not program.stdout.stat().st_size and time.monotonic() < give_up:
            time.sleep(0.05)

    def end(self, program: Program, how: signal.Signals = signal.SIGTERM) -> None:
        """End it with a signal: SIGKILL, or one that it exits on with 0."""
        code = program.end(how)
        if code != (-how if how == signal.SIGKILL else 0):
            raise RuntimeError(f"{self.name}: exit code {code} on {how.name}: {program.stderr.read_text()[-500:]}")

    def reconcile(self) -> Totals:
        """Load what was logged as not stored, then what was printed, and compare everything."""
        output = RunnerOutput(all_series(self.symbols, self.depths, self.market), self.interval)
        kills = 0
        for program, clock_was_set in self._runs:
            was_killed = program.process.returncode == -signal.SIGKILL
            kills += was_killed
            output.add(ProgramRun(read_lines(program.stdout), read_lines(program.stderr), clock_was_set, was_killed))
        requests = list(chain.from_iterable(exchange.requests for exchange in self.exchanges))
        self.proxy.drain()
        logs, printed = ([getattr(program, stream) for program, _ in self._runs] for stream in ("stderr", "stdout"))
        (before, after_logs, *_, after), problems = load(self.run, self.name, logs, printed, interval=self.interval)
        problems += unloaded_lines(output.unstored_lines, after_logs, self.interval)
        totals = reconcile(
            Observations(
                outcomes=output.outcomes,
                unstored_lines=output.unstored_lines,
                before_load=before,
                after_load=after,
                bodies=response_bodies(requests),
                interval=self.interval,
                stdout_lost=self.stdout_lost,
            )
        )
        totals.kills, totals.faults = kills, self.faults + count_faults(requests, self.proxy)
        for exchange in self.exchanges:
            cooldowns, violations = check_cooldowns(exchange.requests)
            totals.cooldowns += cooldowns
            totals.problems += violations
        totals.problems = [f"{self.name}: {text}" for text in (*output.problems, *problems, *totals.problems)]
        return totals


def expect(totals: Totals, holds: bool, problem: str) -> None:
    """Add a problem unless the condition holds."""
    if not holds:
        totals.problems.append(problem)
