"""One simulated time: what was to be stored, what was lost and why, and what it took."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from handler.slots import parse_timestamp, slot_start
from infra.fake_exchange import FakeExchange
from infra.fake_exchange.books import FakeBook
from infra.simulator.cloud import MAX_CONCURRENCY, MINUTE, Cloud, Container, Metrics, Schedule
from infra.simulator.function import LOG, simulated_function
from infra.simulator.network import MemoryTable, Network
from infra.simulator.timeline import Timeline
from infra.template import function_timeout_seconds, read_template
from infra.testkit.aws import AWS
from infra.testkit.clock import NOON

SYMBOL = "BTCUSDT"
BOOK = FakeBook([("99.00000000", "2.00000000")], [("101.00000000", "1.00000000")])


@dataclass(frozen=True, slots=True)
class Fault:
    """What fails in the minutes from `since` to before `until`: `table`, a fault of the fake exchange, or one of these.

    `hang`: the exchange does not respond; `stuck`: nor does the function notice; `no-concurrency`: other functions run.
    """

    name: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Options:
    """What is simulated."""

    interval_seconds: int = 60
    schedule: Schedule = field(default_factory=Schedule)
    fault: Fault | None = None
    frozen_clock: bool = False
    """Whether the monotonic clock of a frozen container stands still. AWS does not say."""
    seed: int = 0


@dataclass(slots=True)
class Outcome:
    """What a simulation came to. Requests are those of each whole clock minute after the first one."""

    minutes: int
    slots: int
    stored: int
    stored_in_all: int
    """With those after the schedule's end."""
    lost: Counter[str]
    """Reason → slots. Those without a recorded reason are a failure of the hand-over."""
    requests: list[int]
    lambda_seconds_per_minute: float
    max_invocation_seconds: float
    max_running: int
    metrics: Metrics
    crashes: list[str]

    def metric(self, name: str) -> int:
        """The sum of a metric."""
        return sum(value for (metric, _), value in self.metrics.items() if metric == name)


FAULT_REASONS = {"table": "the table", "stuck": "the function's timeout", "no-concurrency": "throttled"}
UNEXPLAINED = "without a recorded reason"


def simulate(options: Options) -> Outcome:
    """Run the schedule to its end."""
    draw, timeline = random.Random(options.seed), Timeline(NOON)
    network, table = Network(draw), MemoryTable()
    first_start: list[float] = []
    with ExitStack() as stack:
        exchange = stack.enter_context(
            FakeExchange((), books={SYMBOL: BOOK}, keep_requests=10**6, clock=lambda: timeline.now)
        )
        variables = {
            **AWS,
            "OBI_SYMBOLS": SYMBOL,
            "OBI_INTERVAL_SECONDS": str(options.interval_seconds),
            "OBI_BASE_URL": exchange.url,
            "OBI_TABLE": "simulated",
        }
        function = stack.enter_context(simulated_function(variables, network, table))

        def invoke(container: Container, event: Any, seconds: float) -> bool:
            first_start.append(timeline.now)
            return function.invoke(container, event, seconds)

        timeout = function_timeout_seconds(read_template(), options.interval_seconds)
        cloud = Cloud(timeline, draw, invoke, timeout, options.frozen_clock)
        LOG.reset(cloud)
        if options.fault:
            switch = _switch(options.fault.name, exchange, network, cloud)
            timeline.at(NOON + options.fault.since * MINUTE, partial(switch, True))
            timeline.at(NOON + options.fault.until * MINUTE, partial(switch, False))
        cloud.run(options.schedule)
        requests = [request.wall_seconds for request in exchange.requests]
    return _outcome(options, cloud, table, first_start, requests)


def _switch(name: str, exchange: FakeExchange, network: Network, cloud: Cloud) -> Callable[[bool], None]:
    def switch(is_on: bool) -> None:
        if name == "table":
            network.table_fails = is_on
        elif name == "hang":
            network.exchange_hangs = is_on
        elif name == "stuck":
            network.is_stuck = is_on
        elif name == "no-concurrency":
            cloud.concurrency = 0 if is_on else MAX_CONCURRENCY
        else:
            exchange.script([f"{name}*"] if is_on else ["ok"])

    return switch


def _outcome(options: Options, cloud: Cloud, table: MemoryTable, starts: list[float], requests: list[float]) -> Outcome:
    minutes, interval = options.schedule.minutes, options.interval_seconds
    end = int(NOON) + minutes * MINUTE
    stored = {parse_timestamp(slot) for _, slot in table.items}
    first = _first_slot(starts[0], interval) if starts else end
    lost: Counter[str] = Counter()
    for slot in range(first, end, interval):
        if slot not in stored:
            minute = (slot - int(NOON)) // MINUTE
            lost["the first event came near its end" if slot == first else _reason(options, cloud, minute)] += 1
    per_minute = Counter(int(moment - NOON) // MINUTE for moment in requests)
    clipped = sum(min(until, end) - min(since, end) for since, until in cloud.invocations)
    return Outcome(
        minutes=minutes,
        slots=len(range(first, end, interval)),
        stored=len([slot for slot in stored if first <= slot < end]),
        stored_in_all=len(stored),
        lost=lost,
        requests=[per_minute[minute] for minute in range(1, minutes)],
        lambda_seconds_per_minute=clipped / minutes,
        max_invocation_seconds=max((until - since for since, until in cloud.invocations), default=0.0),
        max_running=cloud.max_running,
        metrics=cloud.metrics,
        crashes=[message for message in LOG.messages if "Traceback" in message],
    )


def _first_slot(started: float, interval_seconds: int) -> int:
    """The slot that the first invocation has to store: below 60 s the next one."""
    current = slot_start(started, interval_seconds)
    return current if interval_seconds >= MINUTE else current + interval_seconds


def _reason(options: Options, cloud: Cloud, minute: int) -> str:
    fault = options.fault
    if fault and fault.since <= minute < fault.until:
        return FAULT_REASONS.get(fault.name, "the exchange")
    if options.interval_seconds >= MINUTE:
        if minute in cloud.dropped:
            return "its event was dropped"
        if cloud.metrics["FetchFailures", minute] or cloud.metrics["FetchFailures", minute + 1]:
            return "the exchange was slower than the rest of it"
        return UNEXPLAINED if cloud.metrics["Invocations", minute] else "its event and a cold start outlasted it"
    if any({first, first + 1} <= cloud.dropped for first in range(minute - 3, minute)):
        return "two consecutive events were dropped"
    return UNEXPLAINED
