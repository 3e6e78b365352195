"""Five scenarios: what goes wrong, and for how long. The sixth is the soak."""

import json
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any, cast

from infra.chaos.reconcile import Result, reconcile
from infra.chaos.stage import LEVELS, LIMIT, PAIRS, Program, Stage, drain
from infra.fake_exchange.faults import TRANSIENT

WIRE_FAULTS = (
    *("interim=3", "interim-late=0.05", "surplus", "surplus-bytes", "surplus-late=0.01", "500-late=0.02"),
    *("500-late=0.05", "hang-reuse", "close-reuse", "close-idle", "close", "reset", "refused", "cut", "trickle=0.001"),
    *("swapped", "other-symbol"),
)
COOLDOWNS = ("429=2", "429-date=2", "429-epoch=2", "418=3", "418-until=2", "400-until=2", "200-until=2")
SLOW = ("hang", "html403", "huge")
"""Faults that would make up a whole short run."""


def storm(stage: Stage) -> Result:
    """The exchange and the table fail at random; the runner is killed, ended and started again."""
    faults = [name for name in TRANSIENT if name not in SLOW and not name.startswith("429")]
    stage.start_exchange(fault_rate=0.15, faults=[*faults, "zero-quantity", "crossed", "bids-only", "empty", "age"])
    stage.proxy.rate = 0.08
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        program = stage.start_runner("--table", stage.name)
        program.wait_for_output()
        time.sleep(stage.seconds / 4)
        stage.kills += how == signal.SIGKILL
        if (code := program.end(how)) not in (0, -how):
            stage.problems.append(f"{how.name}: exit code {code}")
    return reconcile(stage)


def cooldowns(stage: Stage) -> Result:
    """Every kind of rejection that asks for a pause, on both markets, at last the firewall's."""
    faults = [entry for name in COOLDOWNS for entry in ("ok*10", name)]
    stage.start_exchange(script=[*faults, "ok*10", "html403", "ok*"], latency_ms=20)
    return _run(stage)


def wire(stage: Stage) -> Result:
    """Interim, surplus, late and broken responses on kept connections: no book of another request."""
    stage.start_exchange(fault_rate=0.5, faults=WIRE_FAULTS)
    return _run(stage)


def shortage(stage: Stage) -> Result:
    """No descriptors, no disk, no table, a reader that stops reading: each for some seconds."""
    stage.start_exchange()
    program = stage.start_runner("--table", stage.name, stdout=subprocess.PIPE)
    pauses = [0.0] * 20 + [stage.seconds / 5]
    reader = threading.Thread(target=drain, args=(cast(IO[bytes], program.process.stdout), program.stdout, pauses))
    reader.start()
    program.wait_for_output()
    for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE):
        before = resource.prlimit(program.process.pid, kind)
        resource.prlimit(program.process.pid, kind, (1, before[1]))
        time.sleep(stage.seconds / 5)
        resource.prlimit(program.process.pid, kind, before)
        time.sleep(stage.seconds / 10)
    stage.proxy.stop()
    time.sleep(stage.seconds / 5)
    stage.proxy.start()
    time.sleep(stage.seconds / 5)
    program.end()
    reader.join()
    return reconcile(stage)


def function(stage: Stage) -> Result:
    """Two containers get each timer's message, one of them late or killed in the middle; some events are invalid."""
    stage.start_exchange(fault_rate=0.15, faults=("500", "reset", "refused", "cut", "html", "close-reuse"))
    stage.proxy.rate = 0.08
    containers = [_Container(stage), _Container(stage)]
    end, number = time.monotonic() + stage.seconds, 0
    while time.monotonic() < end:
        slot, number = int(time.time()), number + 1
        body = json.dumps({"slot": datetime.fromtimestamp(slot, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")})
        event = {"Records": [{"messageId": f"m{number}", "eventSource": "aws:sqs", "body": body}]}
        containers[0].send(f"{number}", event)
        time.sleep(stage.random.uniform(0, 0.6))
        containers[1].send(f"{number}-again", event)
        if number % 7 == 0:
            containers[1].kill()
        if number % 5 == 0:
            containers[0].send(f"{number}-invalid", stage.random.choice(({"scheduled_time": "yesterday"}, [], 17)))
        time.sleep(max(slot + 1 - time.time(), 0))
    stored = sum(container.finish() for container in containers)
    items = sum("obi" in item for item in stage.items())
    if stored > items:
        stage.problems.append(f"the function counted {stored} as stored, and {items} are")
    return reconcile(stage)


class _Container:
    """A Lambda container that invokes the function."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._programs: list[Program] = []
        self._start()

    def send(self, name: str, event: Any) -> None:
        """Queue an event."""
        self._stdin.write(json.dumps({"id": name, "event": event, "seconds": 20}).encode() + b"\n")
        self._stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and a new process in its place."""
        self._programs[-1].end(signal.SIGKILL)
        self._stage.kills += 1
        self._start()

    def finish(self) -> int:
        """Let it handle the queued events and end; returns how many records it counted as stored."""
        self._stdin.close()
        self._programs[-1].end(None)
        lines = [line for program in self._programs for line in program.stdout.read_text().splitlines()]
        results = [json.loads(line.removeprefix("RESULT ")) for line in lines if line.startswith("RESULT ")]
        odd = [result for result in results if "raised" in result and "-invalid" not in result["id"]]
        self._stage.problems += [f"unexpected: {result}" for result in odd[:3]]
        return sum(result.get("returned", {}).get("stored", 0) for result in results)

    def _start(self) -> None:
        sampler: dict[str, Any] = {"SYMBOLS": ",".join(PAIRS), "LEVELS": LEVELS, "LIMIT": LIMIT, "INTERVAL_SECONDS": 1}
        sampler |= {"BASE_URL": self._stage.base_url, "TABLE": self._stage.name}
        variables: dict[str, Any] = {f"OBI_{name}": str(value) for name, value in sampler.items()}
        self._programs.append(self._stage.start(["infra.testkit.lambda_container"], stdin=subprocess.PIPE, **variables))
        self._stdin = cast(IO[bytes], self._programs[-1].process.stdin)


def _run(stage: Stage) -> Result:
    """Run the runner to the end of the scenario."""
    program = stage.start_runner("--table", stage.name)
    program.wait_for_output()
    time.sleep(stage.seconds)
    if code := program.end():
        stage.problems.append(f"exit code {code}: {program.stderr.read_text()[-300:]}")
    return reconcile(stage)


SCENARIOS: tuple[Callable[[Stage], Result], ...] = (storm, cooldowns, wire, shortage, function)
