"""The simulation of the schedule and Lambda: the real handler, and AWS as it is understood."""

import re
import subprocess
import sys

import pytest
from support.program import ROOT
from support.servers import clean_environment

from handler.invocation import HAND_OVER_REQUESTS


def simulated(*flags: str) -> str:
    """Run the simulator; returns what it printed. Fails if a slot is lost without a reason."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.simulator", *flags],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("simulation, not AWS:")
    return done.stdout


@pytest.mark.parametrize("delay", ["0", "25", "54"])
def test_constant_delay(delay: str) -> None:
    """However late all events are, no slot is lost, and hand-over takes what it may."""
    lines = simulated("--minutes", "20", "--delay", delay).splitlines()[1:]
    assert [line.partition(" s,")[0] for line in lines] == ["60", "30", "10", "5"]
    for line, max_seconds in zip(lines, (1, 94, 74, 69), strict=True):
        assert "lost: none" in line
        (seconds,) = re.findall(r"Lambda ([\d.]+) s a minute", line)
        assert float(seconds) <= max_seconds
    assert max_requests(lines) <= 1


def max_requests(lines: list[str]) -> int:
    """The largest number of requests a minute beyond one a slot."""
    return max(int(found) for line in lines for found in re.findall(r"max (\d+);", line))


def test_bad_days() -> None:
    """With jitter, and events that are dropped or come twice, each lost slot has its reason."""
    lines = simulated("--minutes", "60", "--jitter", "59", "--dropped", "0.05", "--duplicated", "0.05").splitlines()[1:]
    assert len(lines) == 4
    assert max_requests(lines) <= HAND_OVER_REQUESTS


def test_every_loss_shows_in_the_metrics_that_are_named_for_it() -> None:
    """What infra/simulator/losses.py says of each loss is what the simulation does; a good day shows nothing."""
    simulated("--losses")


def test_same_seed() -> None:
    """A seed gives the same run again."""
    flags = ("--interval_seconds", "10", "--minutes", "10", "--jitter", "59", "--seed", "5")
    assert simulated(*flags) == simulated(*flags)


def test_table_of_days() -> None:
    """Each interval has a row for constant and for random delays, with and without dropped and duplicate events."""
    _, *table = simulated("--days", "--minutes", "3", "--interval_seconds", "60", "30").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    assert {len(row) for row in rows} == {7}
    assert [row[0] for row in rows[2:]] == ["60 s"] * 4 + ["30 s"] * 4
    assert [row[2] for row in rows[2:]] == ["none", "1 in 20 each"] * 4
