"""Scenarios of the runner in which the exchange, the table or the clock misbehaves."""

import signal
import time
from collections.abc import Sequence

from infra.chaos.harness import SYMBOLS, ChaosRun, RunnerHarness, expect, wait_until
from infra.chaos.reconciliation import Totals
from infra.chaos.series import FUTURES
from infra.fake_exchange.fault_plan import TRANSIENT

ANY_FAULT = (
    *(name for name in TRANSIENT if name != "429"),
    *("redirect", "huge=8", "empty", "bids-only", "asks-only", "crossed", "short", "three-elements"),
)
"""Everything that can go wrong with a body or a connection."""
WIRE_FAULTS = ("interim=3", "interim-late=0.2", "surplus", "age=120", "frozen")
COOLDOWN_INTERVAL_SECONDS = 5
"""The interval where a cooldown must be read from the response: a try may take half of it, on a busy machine too."""


def storm(run: ChaosRun) -> Totals:
    """Two exchanges that fail every third request in every way, and a process that is killed again and again."""
    with RunnerHarness(run, "storm", SYMBOLS) as harness:
        for _ in range(2):
            harness.exchange(rate=0.35, faults=ANY_FAULT)
        end = time.monotonic() + run.seconds
        while time.monotonic() < end - 4:
            program = harness.start()
            wait_until(min(time.monotonic() + harness.random.uniform(2.5, 7), end))
            harness.end(program, signal.SIGKILL)
            time.sleep(harness.random.uniform(0, 1.5))
        last = harness.start()
        time.sleep(4)
        harness.end(last)
        return harness.reconcile()


def table(run: ChaosRun) -> Totals:
    """Futures, and a table that throttles, fails, hangs, loses responses, stops; a pair is delisted during the run."""
    with RunnerHarness(run, "table", SYMBOLS, market=FUTURES) as harness:
        exchange, start = harness.exchange(), time.monotonic()
        harness.proxy.rate = 0.15
        program = harness.start()
        for share, act in (
            (0.25, harness.proxy.stop),
            (0.6, harness.proxy.start),
            (0.7, lambda: exchange.delist(harness.random.choice(SYMBOLS))),
            (0.8, lambda: setattr(harness.proxy, "rate", 0.0)),
        ):
            wait_until(start + run.seconds * share)
            act()
        wait_until(start + run.seconds)
        harness.end(program)
        return harness.reconcile()


def wire(run: ChaosRun) -> Totals:
    """Interim responses, responses that nobody requested, books from a cache, and books that never change."""
    with RunnerHarness(run, "wire", SYMBOLS[:3]) as harness:
        harness.exchange(rate=0.5, faults=WIRE_FAULTS).script(WIRE_FAULTS)  # each once, then at random
        program = harness.start()
        time.sleep(run.seconds)
        harness.end(program)
        totals = harness.reconcile()
        missed = [name for name in WIRE_FAULTS if not totals.faults[name.partition("=")[0]]]
        expect(totals, not missed, f"wire: no request met {missed}")
        return totals


def limits(run: ChaosRun) -> Totals:
    """429 and bans, with the end in the header or in the body; at last a 429 without, for the rest of the minute."""
    with RunnerHarness(run, "limits", SYMBOLS[:4], interval=COOLDOWN_INTERVAL_SECONDS) as harness:
        faults = ["429=2", "418=7", "418-until=6.5"]
        harness.random.shuffle(faults)
        return _with_cooldowns(run, harness, [*faults, "429"])


def ban(run: ChaosRun) -> Totals:
    """A ban that does not say how long it is: the shortest there is, two minutes."""
    with RunnerHarness(run, "ban", SYMBOLS[:2], interval=COOLDOWN_INTERVAL_SECONDS) as harness:
        return _with_cooldowns(run, harness, ["418"])


def _with_cooldowns(run: ChaosRun, harness: RunnerHarness, faults: Sequence[str]) -> Totals:
    exchange, start = harness.exchange(), time.monotonic()
    program = harness.start()
    for number, fault in enumerate(faults):
        wait_until(start + 6 + (run.seconds - 6) * number / len(faults))
        exchange.script([fault])
    wait_until(start + run.seconds)
    harness.end(program)
    return harness.reconcile()


def region(run: ChaosRun) -> Totals:
    """A host that blocks the region, then the other one too: the program says so, and ends."""
    with RunnerHarness(run, "region", SYMBOLS[:1], COOLDOWN_INTERVAL_SECONDS) as harness:
        first, second = harness.exchange(), harness.exchange()
        first.script(["451*"])
        program = harness.start()
        harness.wait_for_output(program)
        time.sleep(COOLDOWN_INTERVAL_SECONDS)
        second.script(["451*"])
        code, requests = program.wait(), len(first.requests)
        totals = harness.reconcile()
        expect(totals, (code, requests) == (1, 1), f"region: exit code {code}, {requests} requests to the first host")
        return totals


def clock(run: ChaosRun) -> Totals:
    """A wall clock that is set forward and back, by fractions of a second and by minutes."""
    with RunnerHarness(run, "clock", SYMBOLS[:4]) as harness:
        harness.exchange(rate=0.1, faults=("500", "reset", "close-reuse"))
        steps = [90.0, -45.0, 0.4, -0.4, 7.5, -30.25, 1.0, -1.0]
        harness.random.shuffle(steps)
        pause = (run.seconds - 4) / len(steps)
        clock_steps = ",".join(f"{4 + pause * number}:{step:+}" for number, step in enumerate(steps))
        program = harness.start(clock_steps=clock_steps)
        time.sleep(run.seconds)
        harness.end(program)
        return harness.reconcile()
