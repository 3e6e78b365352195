"""docs/alarms.md against the function's metrics, and against the losses of the simulator.

test_simulator.py shows that these losses are what they say.
"""

import re

import pytest
from support.program import ROOT

from infra.simulator.losses import LOSSES, NO_INVOCATION, NO_SAMPLE, Loss

PAGE = (ROOT / "docs/alarms.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## Losses")[2].partition("**After**")[0].strip().splitlines()[2:]
ROWS = {cells[0]: (cells[1], cells[2]) for cells in ([cell.strip() for cell in row.split("|")[1:-1]] for row in TABLE)}
"""What happens → the metric, and by how much it moves."""
WITHOUT_DATA = {"Sampled": NO_SAMPLE, "Invocations": NO_INVOCATION}


def moved(loss: Loss, row: str) -> int:
    """How often the metric of a row moves by what is said there, by what is said of the loss."""
    metric, amount = ROWS[row]
    if amount.startswith("−1"):
        assert metric == "StoredSlots"
        return loss.lost_slots
    if amount in ("0", "no data"):
        return loss.metrics[WITHOUT_DATA[metric]]
    assert amount.startswith("+1")
    return loss.metrics[metric]


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss.metrics], ids=lambda loss: loss.name)
def test_a_loss_has_its_rows(loss: Loss) -> None:
    """In each, the metric moves as often as that happens; every metric with an alarm that moves has a row."""
    assert loss.rows
    assert {row: moved(loss, row) for row in loss.rows} == loss.rows
    metrics = {ROWS[row][0] for row in loss.rows}
    watched = {metric for metric, _ in ROWS.values()} & loss.metrics.keys()
    assert watched <= metrics


def test_whatever_costs_slots_moves_a_metric() -> None:
    """A loss that nothing shows would have no row; on a good day nothing is lost and nothing moves."""
    assert [loss.name for loss in LOSSES if loss.lost_slots and not loss.metrics] == []
    assert [loss.name for loss in LOSSES if not loss.metrics] == [
        "a good day with jitter, at 60 s",
        "a good day with jitter, at 10 s",
    ]


def test_every_metric_of_the_function_is_described() -> None:
    """In one line each, and no other."""
    added = re.findall(r'add_metric\("(\w+)"', (ROOT / "handler/app.py").read_text(encoding="utf-8"))
    section = PAGE.partition("## The metrics of the function")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \| .+ \|$", section, re.MULTILINE)) == sorted(added)
