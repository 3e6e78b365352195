"""Scenarios of the runner's stdout and signals: slow readers, a full disk, SIGHUP with records waiting."""

import fcntl
import os
import signal
import threading
import time
from pathlib import Path

from infra.chaos.harness import SYMBOLS, ChaosRun, RunnerHarness, expect
from infra.chaos.reconciliation import Totals

PIPE_BYTES = 4096


def slow_reader(run: ChaosRun) -> Totals:
    """A reader that takes a line now and then, so that the runner has to wait; then it goes away."""
    return _with_slow_reader(run, "slow-reader", blocking=True)


def nonblocking_stdout(run: ChaosRun) -> Totals:
    """The same with a pipe that does not block, as Node.js makes it: writes fail until the reader has read."""
    return _with_slow_reader(run, "nonblocking-stdout", blocking=False)


def _with_slow_reader(run: ChaosRun, name: str, *, blocking: bool) -> Totals:
    with RunnerHarness(run, name, SYMBOLS[:4]) as harness:
        harness.exchange()
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(writing, blocking)
        with os.fdopen(writing, "wb") as pipe:
            program = harness.start(stdout=pipe)
        reader = threading.Thread(target=_read_slowly, args=(reading, program.stdout, run.seconds))
        reader.start()
        reader.join()
        code = program.wait()
        harness.stdout_lost = True  # records whose lines were still in the pipe are in the table
        totals = harness.reconcile()
        expect(totals, code == 0, f"{name}: exit code {code} after its reader had gone")
        return totals


def full_disk(run: ChaosRun) -> Totals:
    """A full disk behind stdout: one sentence, exit code 1, and the first tick is stored all the same."""
    with RunnerHarness(run, "full-disk", SYMBOLS[:2], interval=5) as harness, Path("/dev/full").open("wb") as disk:
        harness.exchange()
        harness.stdout_lost = True
        code = harness.start(stdout=disk).wait()
        totals = harness.reconcile()
        expect(totals, code == 1, f"full-disk: exit code {code}")
        return totals


def hangup(run: ChaosRun) -> Totals:
    """SIGHUP while the table is away and records wait to be stored, again and again: each waiting line is logged."""
    with RunnerHarness(run, "hangup", SYMBOLS[:2]) as harness:
        harness.exchange()
        end = time.monotonic() + run.seconds
        while not harness.faults or time.monotonic() < end - 6:
            program = harness.start()
            harness.wait_for_output(program)
            time.sleep(1)
            harness.proxy.stop()
            time.sleep(2.5)
            harness.end(program, signal.SIGHUP)
            harness.faults["SIGHUP with records waiting"] += 1
            harness.proxy.start()
        totals = harness.reconcile()
        expect(totals, totals.loaded > 0, "hangup: no record was waiting when the signal came")
        return totals


def _read_slowly(reading: int, path: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    with os.fdopen(reading, "rb") as lines, path.open("ab") as copy:
        while time.monotonic() < end and (line := lines.readline()):
            copy.write(line)
            copy.flush()
            time.sleep(0.25)
