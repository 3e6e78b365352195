"""The scenario of the function: containers that get each event twice, late, out of order, and some invalid events."""

import json
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handler.invocation import MAX_PUT_SECONDS
from infra.chaos import harness
from infra.chaos.cooldown_check import check_cooldowns
from infra.chaos.exchange_scenarios import ANY_FAULT
from infra.chaos.function_output import FunctionOutput
from infra.chaos.harness import ChaosRun, count_faults, load, url_with_password, wait_until
from infra.chaos.processes import Program, read_lines
from infra.chaos.reconciliation import Observations, Totals, reconcile, response_bodies
from infra.chaos.series import FUTURES, SPOT, Depths, all_series
from infra.fake_exchange import FakeExchange
from infra.testkit.table_proxy import TableProxy

SYMBOLS, DEPTHS = harness.SYMBOLS[:4], Depths()
ROUND_SECONDS = 8
"""Each round is the end of another minute: its event requests so many slots of a second each."""
INVALID_EVENTS: Sequence[Any] = (
    *("yesterday", "", 17, [], ["2026-11-22T10:00:00Z"], {"scheduled_time": "2026-13-45T10:00:00Z"}, True),
    *({"scheduled_time": 1.5}, {"time": {}}, {"scheduled_time": "2026-11-22T10:00:00"}, {"time": "9" * 1000}, 10**30),
)


class Container:
    """A process that invokes the function, event by event."""

    def __init__(self, folder: Path, name: str, environment: dict[str, str]) -> None:
        self._path, self._environment = folder / name, environment
        self.results = self._path.with_suffix(".results")
        self._start()

    def send(self, name: str, event: Any, clock_offset: float, seconds: float = ROUND_SECONDS) -> None:
        """Queue an event, for which the function may fetch for so many seconds."""
        timeout = (seconds + MAX_PUT_SECONDS) * 6 / 5  # a sixth of it is kept for storing
        request = {"id": name, "event": event, "seconds": timeout, "clock_offset": clock_offset}
        assert self.program.process.stdin is not None  # noqa: S101 - for the type checker
        self.program.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.program.process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and a new process in its place."""
        self.program.end(signal.SIGKILL)
        self._start()

    def finish(self) -> None:
        """Let it handle the queued events, and end."""
        assert self.program.process.stdin is not None  # noqa: S101 - for the type checker
        self.program.process.stdin.close()
        self.program.wait()

    def _start(self) -> None:
        command = ("infra.testkit.lambda_container", str(self.results))
        self.program = Program(self._path, *command, stdin=subprocess.PIPE, variables=self._environment)


class Deliveries:
    """The slots that each event requests, by the name of its delivery."""

    def __init__(self) -> None:
        self.slots: dict[str, Sequence[int]] = {}

    def send(
        self, container: Container, kind: str, event: Any, clock_offset: float, slots: Sequence[int], late: float = 0.0
    ) -> None:
        """Send an event to a container, so many seconds late."""
        name = f"{kind}-{len(self.slots)}"
        self.slots[name] = slots
        container.send(name, event, clock_offset, ROUND_SECONDS - late)


def function(run: ChaosRun) -> Totals:
    """Two containers get every event, one of them late and killed at times; a third gets old and invalid events.

    Each has time for the slots of its round, and none for a hand-over.
    """
    return _function(run, "function", SPOT)


def futures_function(run: ChaosRun) -> Totals:
    """The same with USD-M futures."""
    return _function(run, "futures-function", FUTURES)


def _function(run: ChaosRun, name: str, market: str) -> Totals:
    draw, deliveries = run.random(name), Deliveries()
    run.create_table(name)
    exchange = run.exchange(SYMBOLS, run.seed, rate=0.25, faults=ANY_FAULT)
    with exchange, TableProxy(run.dynamodb_url, rate=0.08, seed=run.seed) as proxy:
        environment = {
            "OBI_SYMBOLS": ",".join(SYMBOLS),
            "OBI_MARKET": market,
            "OBI_LEVELS": ",".join(map(str, DEPTHS.levels)),
            "OBI_BPS": ",".join(map(str, DEPTHS.bps)),
            "OBI_LIMIT": str(DEPTHS.limit),
            "OBI_INTERVAL_SECONDS": "1",
            "OBI_BASE_URL": url_with_password(exchange.url),
            "OBI_TABLE": name,
            "AWS_ENDPOINT_URL_DYNAMODB": proxy.url,
        }
        containers = [Container(run.folder, f"{name}-{letter}", environment) for letter in "abc"]
        kills, end = 0, time.monotonic() + run.seconds
        past: list[tuple[str, list[int]]] = []
        while time.monotonic() < end - ROUND_SECONDS - 3:
            kills += _round(draw, containers, deliveries, past)
        for container in containers:
            container.finish()
        proxy.drain()
    totals = _reconcile(run, name, market, deliveries, containers, exchange)
    totals.kills, totals.faults = kills, count_faults(exchange.requests, proxy)
    return totals


def _round(
    draw: random.Random, containers: list[Container], deliveries: Deliveries, past: list[tuple[str, list[int]]]
) -> int:
    """One event, delivered to two containers, and others to the third; returns how many were killed."""
    first, second, third = containers
    wall, start = time.time(), time.monotonic()
    minute = (int(wall) // 60 + 1 + len(past)) * 60
    offset = minute + 60 - ROUND_SECONDS - wall
    slots = list(range(minute + 60 - ROUND_SECONDS, minute + 60))
    time_text = datetime.fromtimestamp(slots[0], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = {"scheduled_time": time_text} if len(past) % 2 else {"time": time_text, "source": "aws.events"}
    deliveries.send(first, "event", event, offset, slots)
    for number in range(4):
        deliveries.send(third, "invalid", draw.choice(INVALID_EVENTS), offset, [])
        if past:
            old, old_slots = draw.choice(past)
            deliveries.send(third, f"old{number}", {"scheduled_time": old}, offset, old_slots)
    late = draw.uniform(0, 2.5)
    wait_until(start + late)
    deliveries.send(second, "again", event, offset, slots, late)
    past.append((time_text, slots))
    killed = len(past) % 2 == 0
    if killed:
        wait_until(start + draw.uniform(4, 6))
        second.kill()
    wait_until(start + ROUND_SECONDS + 2.5)
    return int(killed)


def _reconcile(
    run: ChaosRun,
    name: str,
    market: str,
    deliveries: Deliveries,
    containers: list[Container],
    exchange: FakeExchange,
) -> Totals:
    results = [json.loads(line) for container in containers for line in read_lines(container.results)]
    series = all_series(SYMBOLS, DEPTHS, market)
    output = FunctionOutput(series, deliveries.slots, {result["id"]: result for result in results})
    for container in containers:
        output.add(read_lines(container.program.stdout))
    (before, *_, after), problems = load(run, name, [container.program.stdout for container in containers])
    bodies = response_bodies(exchange.requests)
    totals = reconcile(Observations(output.outcomes, output.unstored_lines, before, after, bodies))
    totals.cooldowns, violations = check_cooldowns(exchange.requests)
    totals.rejected_events = output.rejected_events
    maximum = output.stored + output.uncounted + len(output.unstored_lines)
    if not output.stored <= len(before) <= maximum:
        problems.append(f"it counted {output.stored} as stored, at most {maximum}; the table holds {len(before)}")
    all_problems = (*output.problems, *problems, *totals.problems, *violations)
    totals.problems = [f"{name}: {problem}" for problem in all_problems]
    return totals
