"""Scenarios of the runner in which the machine runs out of threads, file descriptors or valid credentials."""

import resource
import signal
import time
from pathlib import Path

from infra.chaos.harness import SYMBOLS, ChaosRun, RunnerHarness, expect, wait_until
from infra.chaos.messages import NO_DESCRIPTOR
from infra.chaos.processes import KEYS, NEW_KEY, OLD_KEY, Program
from infra.chaos.reconciliation import Totals
from infra.testkit.metadata_service import CONTAINER_PATH, CONTAINER_VARIABLE, METADATA_VARIABLE, metadata_service
from infra.testkit.processes import free_port

STANDARD_STREAMS = 3


def no_threads(run: ChaosRun) -> Totals:
    """For some seconds after each start no thread can be started: to store, to connect, or at all."""
    with RunnerHarness(run, "no-threads", SYMBOLS[:3]) as harness:
        harness.exchange()
        for thread_name in ("store", "connect", ""):
            program = harness.start(no_threads=f"{thread_name}:{run.seconds / 8}")
            harness.wait_for_output(program)
            time.sleep(run.seconds / 4)
            harness.end(program)
            harness.faults["no thread, for some seconds"] += 1
        return _with_unstored(harness)


def no_descriptors(run: ChaosRun) -> Totals:
    """No file or connection can be opened for some seconds, while connections break; those that are open stay so."""
    with RunnerHarness(run, "no-descriptors", SYMBOLS[:3]) as harness:
        harness.exchange(rate=0.5, faults=("close-idle", "reset", "refused"))
        harness.proxy.rate = 0.1
        program = harness.start()
        harness.wait_for_output(program)
        start = time.monotonic()
        for share in (0.3, 0.6):
            wait_until(start + run.seconds * share)
            _limit_descriptors(program, run.seconds * 0.15)
            harness.faults["no file descriptor, for some seconds"] += 1
        wait_until(start + run.seconds)
        harness.end(program)
        totals = harness.reconcile()
        expect(totals, totals.reasons[NO_DESCRIPTOR] > 0, "no-descriptors: no sample was lost for the lack of one")
        return totals


def _limit_descriptors(program: Program, seconds: float) -> None:
    pid = program.process.pid
    _, hard = limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (STANDARD_STREAMS, hard))
    time.sleep(seconds)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def late_credentials(run: ChaosRun) -> Totals:
    """The services that hand out credentials are not up yet; one run is ended by SIGHUP before they come."""
    with RunnerHarness(run, "late-credentials", SYMBOLS[:2]) as harness:
        harness.exchange()
        for variable, path in ((METADATA_VARIABLE, ""), (CONTAINER_VARIABLE, CONTAINER_PATH)):
            port = free_port()
            variables = _without_keys(run) | {variable: f"http://127.0.0.1:{port}{path}"}
            program = harness.start(variables=variables)
            harness.wait_for_output(program)
            time.sleep(run.seconds * 0.1)
            if variable == METADATA_VARIABLE:
                harness.end(program, signal.SIGHUP)
                program = harness.start(variables=variables)
                harness.wait_for_output(program)
            with metadata_service(port):
                time.sleep(run.seconds * 0.15)
                harness.end(program)
            harness.faults["credentials that arrived late"] += 1
        return _with_unstored(harness)


def rotated_credentials(run: ChaosRun) -> Totals:
    """Twice the key in use is rejected, and the credentials file has the next one only some seconds later."""
    with RunnerHarness(run, "rotated-credentials", SYMBOLS[:2]) as harness:
        harness.exchange()
        variables = _without_keys(run) | {METADATA_VARIABLE: "http://127.0.0.1:1"}
        file = Path(variables["AWS_SHARED_CREDENTIALS_FILE"])
        _write_key(file, OLD_KEY)
        program = harness.start(variables=variables)
        for key, next_key in ((OLD_KEY, NEW_KEY), (NEW_KEY, OLD_KEY)):
            time.sleep(run.seconds * 0.2)
            harness.proxy.expired_key = key
            time.sleep(run.seconds * 0.15)
            _write_key(file, next_key)
        time.sleep(run.seconds * 0.3)
        harness.end(program)
        return harness.reconcile()


def _without_keys(run: ChaosRun) -> dict[str, str]:
    """Variables of a machine whose credentials are not in the environment."""
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(run.folder / "keys"), "AWS_CONFIG_FILE": str(run.folder / "config")}
    return dict.fromkeys((*KEYS, "AWS_EC2_METADATA_DISABLED"), "") | files


def _write_key(file: Path, key: str) -> None:
    draft = file.with_suffix(".new")
    draft.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {KEYS['AWS_SECRET_ACCESS_KEY']}\n")
    draft.replace(file)


def _with_unstored(harness: RunnerHarness) -> Totals:
    totals = harness.reconcile()
    expect(totals, totals.loaded > 0, f"{harness.name}: no record was logged as not stored")
    return totals
