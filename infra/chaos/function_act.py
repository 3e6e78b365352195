"""The act of the function: containers that get each event twice, late, out of order, and some whose time is none."""

import json
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from infra.chaos import processes
from infra.chaos.books import Books, Evidence, answers, close
from infra.chaos.cast import SIX
from infra.chaos.container import Container
from infra.chaos.function_ledger import FunctionLedger
from infra.chaos.proxy import TableProxy
from infra.chaos.rests import check_rests
from infra.chaos.runner_acts import STORM
from infra.chaos.stage import Stage, create_table, faults, load, wait_until, with_password
from infra.fake_exchange import FakeExchange

SYMBOLS, LEVELS = SIX[:4], 5
ROUND_SECONDS = 8
"""Each round is the end of another minute: its event asks for so many slots of a second each."""
NO_TIMES: Sequence[Any] = (
    *("yesterday", "", 17, [], ["2026-11-22T10:00:00Z"], {"scheduled_time": "2026-13-45T10:00:00Z"}, True),
    *({"scheduled_time": 1.5}, {"time": {}}, {"scheduled_time": "2026-11-22T10:00:00"}, {"time": "9" * 1000}, 10**30),
)


class Deliveries:
    """Every event that was delivered, and the slots that it asks for."""

    def __init__(self) -> None:
        self.slots: dict[str, Sequence[int]] = {}

    def send(self, container: Container, kind: str, event: Any, offset: float, slots: Sequence[int]) -> None:
        """Deliver an event."""
        name = f"{kind}-{len(self.slots)}"
        self.slots[name] = slots
        container.deliver(name, event, offset)


def function(stage: Stage) -> Books:
    """Two containers get every event, one of them late and killed at times; a third gets what nobody should send."""
    draw, deliveries = stage.draw("function"), Deliveries()
    create_table(stage.tables, "function")
    exchange = FakeExchange(
        SYMBOLS,
        seed=stage.seed,
        weight_limit=0,
        keep_requests=10**6,
        fault_rate=0.25,
        fault_seed=stage.seed,
        faults=STORM,
    )
    with exchange, TableProxy(stage.tables, rate=0.08, seed=stage.seed) as proxy:
        environment = {
            "OBI_SYMBOLS": ",".join(SYMBOLS),
            "OBI_INTERVAL_SECONDS": "1",
            "OBI_BASE_URL": with_password(exchange.url),
            "OBI_TABLE": "function",
            "AWS_ENDPOINT_URL_DYNAMODB": proxy.url,
        }
        containers = [Container(stage.folder, f"function-{name}", environment) for name in "abc"]
        kills, end = 0, time.monotonic() + stage.seconds
        past: list[tuple[str, list[int]]] = []
        while time.monotonic() < end - ROUND_SECONDS - 3:
            kills += _round(draw, containers, deliveries, past)
        for container in containers:
            container.finish()
        proxy.drain()
    books = _books(stage, deliveries, containers, exchange)
    books.kills, books.faults = kills, faults(exchange.requests, proxy)
    return books


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
        deliveries.send(third, "none", draw.choice(NO_TIMES), offset, [])
        if past:
            old, old_slots = draw.choice(past)
            deliveries.send(third, f"old{number}", {"scheduled_time": old}, offset, old_slots)
    wait_until(start + draw.uniform(0, 2.5))
    deliveries.send(second, "again", event, offset, slots)
    past.append((time_text, slots))
    killed = len(past) % 2 == 0
    if killed:
        wait_until(start + draw.uniform(4, 6))
        second.kill()
    wait_until(start + ROUND_SECONDS + 2.5)
    return int(killed)


def _books(stage: Stage, deliveries: Deliveries, containers: list[Container], exchange: FakeExchange) -> Books:
    results = {}
    for container in containers:
        found = map(json.loads, processes.lines(container.results))
        results.update({result["id"]: result for result in found})
    ledger = FunctionLedger([(symbol, LEVELS) for symbol in SYMBOLS], deliveries.slots, results)
    for container in containers:
        ledger.enter(processes.lines(container.program.stdout))
    printed = [container.program.stdout for container in containers]
    before, after, problems = load(stage, "function", printed)
    books = close(Evidence(ledger.outcomes, ledger.told, before, after, answers(exchange.requests)))
    rests = check_rests(exchange.requests)
    books.rests = rests.rests
    most = ledger.stored + ledger.uncounted + len(ledger.told)
    if not ledger.stored <= len(before) <= most:
        problems.append(f"it counted {ledger.stored} as stored, at most {most}; the table holds {len(before)}")
    books.problems = [f"function: {one}" for one in (*ledger.problems, *problems, *books.problems, *rests.problems)]
    books.refused = ledger.refused
    return books
